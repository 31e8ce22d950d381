/*
 * bus_chaos: a bus that is as bad as ZeroMQ's may be, and worse. It stands between workers and one
 * broker, and by a seed drops, repeats, delays (which reorders), truncates, garbles and spoils
 * messages, and drops subscriptions to rooms.
 *
 *   bus_chaos --listen tcp://127.0.0.1:7000 --broker tcp://127.0.0.1:8000 --seed 1
 *             --drop 0.1 --repeat 0.1 --delay 0.1 --delay-ms 300 --truncate 0.05 --garble 0.05
 *             --spoil 0.05 --drop-room 0.01
 *
 * Workers connect to --listen as to a broker: commands there, events at the next port. At first
 * everything passes; SIGUSR1 begins the chaos and SIGUSR2 ends it. SIGTERM ends the program, which
 * prints its counts as JSON.
 *
 * A garbled message keeps its topic, so that it arrives; the rest is random bytes. A spoilt one is
 * an event or a note whose text for clients has one byte that JSON has not: as a broker might send
 * it that is not what it should be. Other single bytes are not changed: TCP has a checksum, and a
 * message that is well-formed cannot be told from a true one.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define TOPIC_SIZE     9
#define TOPIC_ROOM     'r'
#define GARBLED_EXTRA  64
#define RECEIVE_BUDGET 500
#define TYPE_AT        (TOPIC_SIZE + 1) /* behind the version */
#define TYPE_EVENT     5
#define TYPE_EPHEMERAL 7

enum fate { PASS, DROP, REPEAT, DELAY, TRUNCATE, GARBLE, SPOIL, FATES };

static const char *const fate_names[FATES] = {"passed",    "dropped", "repeated", "delayed",
                                              "truncated", "garbled", "spoilt"};

struct options {
    const char *listen;
    const char *broker;
    double probability[FATES];
    double drop_room;
    uint64_t delay_ms;
    uint64_t seed;
};

/* A message that is to be sent later. */
struct delayed {
    struct delayed *next;
    void *to;
    uint64_t due_ms;
    size_t len;
    uint8_t bytes[];
};

/* One way through: messages from an XSUB to an XPUB, subscriptions back. */
struct path {
    const char *name;
    void *in;
    void *out;
    uint64_t counts[FATES];
    uint64_t subscriptions;
    uint64_t subscriptions_dropped;
};

static volatile sig_atomic_t calm = 1;
static volatile sig_atomic_t stopping;
static struct options options = {.delay_ms = 200, .seed = 1};
static struct delayed *waiting; /* in the order of their times */
static uint64_t random_state;

static void die(const char *what)
{
    fprintf(stderr, "bus_chaos: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* splitmix64 */
static uint64_t random_next(void)
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double random_unit(void)
{
    return (double)(random_next() >> 11) / (double)(UINT64_C(1) << 53);
}

static void *new_socket(void *context, int type, const char *address, bool binds)
{
    void *sock = zmq_socket(context, type);
    int zero = 0;
    int one = 1;
    int retry_ms = 50;

    if (sock == NULL)
        die("zmq_socket");
    zmq_setsockopt(sock, ZMQ_LINGER, &zero, sizeof(zero));
    zmq_setsockopt(sock, ZMQ_SNDHWM, &zero, sizeof(zero));
    zmq_setsockopt(sock, ZMQ_RCVHWM, &zero, sizeof(zero));
    zmq_setsockopt(sock, ZMQ_RECONNECT_IVL, &retry_ms, sizeof(retry_ms));
    if (type == ZMQ_XPUB) {
        /* Every subscription and its end goes through, as if nothing were between. */
        zmq_setsockopt(sock, ZMQ_XPUB_VERBOSER, &one, sizeof(one));
        if (!binds)
            zmq_setsockopt(sock, ZMQ_IMMEDIATE, &one, sizeof(one));
    }
    if ((binds ? zmq_bind(sock, address) : zmq_connect(sock, address)) != 0)
        die(address);
    return sock;
}

static void send_bytes(void *to, const void *bytes, size_t len)
{
    while (zmq_send(to, bytes, len, ZMQ_DONTWAIT) < 0 && zmq_errno() == EINTR)
        continue;
}

static void send_later(void *to, const void *bytes, size_t len)
{
    struct delayed *message = malloc(sizeof(*message) + len);
    struct delayed **at = &waiting;

    if (message == NULL)
        abort();
    message->to = to;
    message->due_ms = now_ms() + random_next() % (options.delay_ms + 1);
    message->len = len;
    memcpy(message->bytes, bytes, len);
    while (*at != NULL && (*at)->due_ms <= message->due_ms)
        at = &(*at)->next;
    message->next = *at;
    *at = message;
}

static void send_due(bool all)
{
    uint64_t now = now_ms();

    while (waiting != NULL && (all || waiting->due_ms <= now)) {
        struct delayed *message = waiting;

        waiting = message->next;
        send_bytes(message->to, message->bytes, message->len);
        free(message);
    }
}

static void send_garbled(void *to, const uint8_t *bytes, size_t len)
{
    uint8_t garbled[TOPIC_SIZE + GARBLED_EXTRA];
    size_t extra = random_next() % (GARBLED_EXTRA + 1);

    if (len < TOPIC_SIZE)
        return;
    memcpy(garbled, bytes, TOPIC_SIZE);
    for (size_t i = 0; i < extra; i++)
        garbled[TOPIC_SIZE + i] = (uint8_t)random_next();
    send_bytes(to, garbled, TOPIC_SIZE + extra);
}

static bool has_text(const uint8_t *bytes, size_t len)
{
    return len > TYPE_AT && bytes[0] == TOPIC_ROOM &&
           (bytes[TYPE_AT] == TYPE_EVENT || bytes[TYPE_AT] == TYPE_EPHEMERAL);
}

/* The text is what such a message ends with: a brace, or half of a character instead of it. */
static void send_spoilt(void *to, const uint8_t *bytes, size_t len)
{
    static const uint8_t wrong[] = {'x', 0, 0xc3, ']'};
    uint8_t *copy = malloc(len);

    if (copy == NULL)
        abort();
    memcpy(copy, bytes, len);
    copy[len - 1] = wrong[random_next() % sizeof(wrong)];
    send_bytes(to, copy, len);
    free(copy);
}

static enum fate choose_fate(void)
{
    double at = random_unit();

    for (int fate = DROP; fate < FATES && !calm; fate++) {
        at -= options.probability[fate];
        if (at < 0)
            return (enum fate)fate;
    }
    return PASS;
}

static void forward(struct path *path, const uint8_t *bytes, size_t len)
{
    enum fate fate = choose_fate();

    if (fate == SPOIL && !has_text(bytes, len))
        fate = PASS;
    path->counts[fate]++;
    switch (fate) {
    case PASS:
        send_bytes(path->out, bytes, len);
        break;
    case REPEAT:
        send_bytes(path->out, bytes, len);
        send_later(path->out, bytes, len);
        break;
    case DELAY:
        send_later(path->out, bytes, len);
        break;
    case TRUNCATE:
        send_bytes(path->out, bytes, len == 0 ? 0 : random_next() % len);
        break;
    case GARBLE:
        send_garbled(path->out, bytes, len);
        break;
    case SPOIL:
        send_spoilt(path->out, bytes, len);
        break;
    case DROP:
    case FATES:
        break;
    }
}

static void forward_subscription(struct path *path, const uint8_t *bytes, size_t len)
{
    path->subscriptions++;
    if (!calm && len > 1 && bytes[0] == 1 && bytes[1] == TOPIC_ROOM &&
        random_unit() < options.drop_room)
        path->subscriptions_dropped++;
    else
        send_bytes(path->in, bytes, len);
}

/* Takes what waits on one side of a path. */
static void drain(struct path *path, void *from,
                  void (*take)(struct path *path, const uint8_t *bytes, size_t len))
{
    zmq_msg_t message;

    zmq_msg_init(&message);
    for (int i = 0; i < RECEIVE_BUDGET && zmq_msg_recv(&message, from, ZMQ_DONTWAIT) >= 0; i++)
        take(path, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
}

static void turn(struct path paths[2])
{
    zmq_pollitem_t items[4] = {
        {.socket = paths[0].in, .events = ZMQ_POLLIN},
        {.socket = paths[0].out, .events = ZMQ_POLLIN},
        {.socket = paths[1].in, .events = ZMQ_POLLIN},
        {.socket = paths[1].out, .events = ZMQ_POLLIN},
    };
    uint64_t now = now_ms();
    uint64_t wait_ms = 100;

    if (waiting != NULL)
        wait_ms = waiting->due_ms > now ? waiting->due_ms - now : 0;
    if (zmq_poll(items, 4, (long)(wait_ms < 100 ? wait_ms : 100)) < 0 && zmq_errno() != EINTR)
        die("zmq_poll");
    for (size_t i = 0; i < 2; i++) {
        /* Subscriptions first: what answers one must find it there. */
        drain(&paths[i], paths[i].out, forward_subscription);
        drain(&paths[i], paths[i].in, forward);
    }
    send_due(calm != 0);
}

static void print_counts(const struct path paths[2])
{
    printf("{\"seed\":%" PRIu64, options.seed);
    for (size_t i = 0; i < 2; i++) {
        printf(",\"%s\":{", paths[i].name);
        for (int fate = 0; fate < FATES; fate++)
            printf("\"%s\":%" PRIu64 ",", fate_names[fate], paths[i].counts[fate]);
        printf("\"subscriptions\":%" PRIu64 ",\"subscriptions_dropped\":%" PRIu64 "}",
               paths[i].subscriptions, paths[i].subscriptions_dropped);
    }
    printf("}\n");
}

static void on_signal(int number)
{
    if (number == SIGUSR1 || number == SIGUSR2)
        calm = number == SIGUSR2;
    else
        stopping = 1;
}

static void set_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static bool set_option(const char *name, const char *value)
{
    const struct {
        const char *name;
        double *value;
    } probabilities[] = {
        {"--drop", &options.probability[DROP]},     {"--repeat", &options.probability[REPEAT]},
        {"--delay", &options.probability[DELAY]},   {"--truncate", &options.probability[TRUNCATE]},
        {"--garble", &options.probability[GARBLE]}, {"--spoil", &options.probability[SPOIL]},
        {"--drop-room", &options.drop_room},
    };

    for (size_t i = 0; i < sizeof(probabilities) / sizeof(probabilities[0]); i++) {
        if (strcmp(name, probabilities[i].name) == 0) {
            *probabilities[i].value = strtod(value, NULL);
            return true;
        }
    }
    if (strcmp(name, "--listen") == 0)
        options.listen = value;
    else if (strcmp(name, "--broker") == 0)
        options.broker = value;
    else if (strcmp(name, "--seed") == 0)
        options.seed = strtoull(value, NULL, 10);
    else if (strcmp(name, "--delay-ms") == 0)
        options.delay_ms = strtoull(value, NULL, 10);
    else
        return false;
    return true;
}

/* The address of the second socket: the next port. */
static void next_port(const char *address, char *out, size_t size)
{
    const char *colon = strrchr(address, ':');

    snprintf(out, size, "%.*s:%lu", (int)(colon - address), address,
             strtoul(colon + 1, NULL, 10) + 1);
}

int main(int argc, char **argv)
{
    char listen_events[256];
    char broker_events[256];
    void *context = zmq_ctx_new();
    struct path paths[2] = {{.name = "commands"}, {.name = "events"}};

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc || !set_option(argv[i], argv[i + 1])) {
            fprintf(stderr, "bus_chaos: %s is not understood\n", argv[i]);
            return 2;
        }
    }
    if (options.listen == NULL || options.broker == NULL) {
        fprintf(stderr, "bus_chaos: --listen and --broker are needed\n");
        return 2;
    }
    random_state = options.seed;
    set_signals();
    next_port(options.listen, listen_events, sizeof(listen_events));
    next_port(options.broker, broker_events, sizeof(broker_events));
    paths[0].in = new_socket(context, ZMQ_XSUB, options.listen, true);
    paths[0].out = new_socket(context, ZMQ_XPUB, options.broker, false);
    paths[1].in = new_socket(context, ZMQ_XSUB, broker_events, false);
    paths[1].out = new_socket(context, ZMQ_XPUB, listen_events, true);
    while (!stopping)
        turn(paths);
    print_counts(paths);
    while (waiting != NULL) {
        struct delayed *message = waiting;

        waiting = message->next;
        free(message);
    }
    for (size_t i = 0; i < 2; i++) {
        zmq_close(paths[i].in);
        zmq_close(paths[i].out);
    }
    zmq_ctx_term(context);
    return 0;
}
