/* ZeroMQ's sockets: a queue for each direction of each connection, filters at the publisher, and
 * all that can happen to them. What a socket of ours sees is what libzmq 4.3 shows it: an XPUB
 * hears a subscription when its filter has it already, and SUBs subscribe again when they
 * reconnect. */
#include "sim.h"

#include "common/bus_sock.h"
#include "common/check.h"
#include "common/mem.h"

#include <string.h>

#define TOPICS_MAX (2 * ROOMS_MAX + 8)

struct packet {
    struct list_node node;
    size_t len;
    uint8_t data[];
};

struct topics {
    unsigned count;
    struct {
        uint8_t bytes[BUS_TOPIC_SIZE];
        unsigned uses;
    } of[TOPICS_MAX];
};

struct bus_sock {
    struct loop *loop;
    enum bus_role role;
    bus_receive_fn *receive;
    void *context;
    struct topics topics; /* of a SUB: what it subscribes to */
    struct list notes;    /* of an XPUB: subscriptions that the program has not read yet */
};

/* A connection between a worker and a broker: commands, or events. */
struct conn {
    bool up;
    bool events;
    unsigned worker;
    unsigned broker;
    struct list messages;      /* on their way to the SUB */
    struct list subscriptions; /* on their way to the XPUB */
    struct topics filter;      /* at the XPUB */
};

static struct bus_sock *socks[4][WORKERS_MAX]; /* by role and process; NULL: not alive */
static struct conn conns[2 * WORKERS_MAX * BROKERS_MAX];
static unsigned conn_count;

/* ---- topics -----------------------------------------------------------------------------------*/

static int find_topic(const struct topics *topics, const uint8_t *bytes)
{
    for (unsigned i = 0; i < topics->count; i++)
        if (memcmp(topics->of[i].bytes, bytes, BUS_TOPIC_SIZE) == 0)
            return (int)i;
    return -1;
}

static void add_topic(struct topics *topics, const uint8_t *bytes)
{
    int at = find_topic(topics, bytes);

    if (at < 0) {
        CHECK(topics->count < TOPICS_MAX);
        at = (int)topics->count++;
        memcpy(topics->of[at].bytes, bytes, BUS_TOPIC_SIZE);
        topics->of[at].uses = 0;
    }
    topics->of[at].uses++;
}

static void remove_topic(struct topics *topics, int at)
{
    topics->of[at] = topics->of[--topics->count];
}

/* ---- connections ------------------------------------------------------------------------------*/

static struct bus_sock *publisher_of(const struct conn *conn)
{
    return conn->events ? socks[BUS_BROKER_EVENTS][conn->broker]
                        : socks[BUS_WORKER_COMMANDS][conn->worker];
}

static struct bus_sock *subscriber_of(const struct conn *conn)
{
    return conn->events ? socks[BUS_WORKER_EVENTS][conn->worker]
                        : socks[BUS_BROKER_COMMANDS][conn->broker];
}

void sim_bus_reset(void)
{
    memset(socks, 0, sizeof(socks));
    conn_count = 0;
    for (unsigned worker = 0; worker < sim.workers; worker++)
        for (unsigned broker = 0; broker < sim.brokers; broker++)
            for (unsigned events = 0; events < 2; events++) {
                struct conn *conn = &conns[conn_count++];

                *conn = (struct conn){.events = events == 1, .worker = worker, .broker = broker};
                list_init(&conn->messages);
                list_init(&conn->subscriptions);
            }
}

static struct packet *push(struct list *queue, const void *data, size_t len, int first)
{
    size_t extra = first >= 0 ? 1 : 0;
    struct packet *packet = mem_alloc(sizeof(*packet) + extra + len);

    if (first >= 0)
        packet->data[0] = (uint8_t)first;
    memcpy(packet->data + extra, data, len);
    packet->len = extra + len;
    list_push_back(queue, &packet->node);
    return packet;
}

static void clear(struct list *queue)
{
    struct list_node *node;

    while ((node = list_pop_front(queue)) != NULL)
        mem_free(LIST_ITEM(node, struct packet, node));
}

/* What the network had is lost; what had arrived is not. */
static void lose_tail(struct list *queue)
{
    struct list arrived;

    list_init(&arrived);
    while (!list_empty(queue) && sim_percent(60))
        list_push_back(&arrived, list_pop_front(queue));
    clear(queue);
    list_splice_back(queue, &arrived);
}

static bool others_have(const struct conn *except, const uint8_t *topic)
{
    const struct bus_sock *publisher = publisher_of(except);

    for (unsigned i = 0; i < conn_count; i++)
        if (&conns[i] != except && publisher_of(&conns[i]) == publisher &&
            find_topic(&conns[i].filter, topic) >= 0)
            return true;
    return false;
}

/* The publisher notices that the subscriber is gone. */
static void drop_filter(struct conn *conn)
{
    struct bus_sock *publisher = publisher_of(conn);

    while (conn->filter.count > 0) {
        uint8_t topic[BUS_TOPIC_SIZE];

        memcpy(topic, conn->filter.of[0].bytes, sizeof(topic));
        remove_topic(&conn->filter, 0);
        if (publisher != NULL && !others_have(conn, topic))
            push(&publisher->notes, topic, sizeof(topic), 0);
    }
}

static void cut(struct conn *conn)
{
    conn->up = false;
    clear(&conn->subscriptions);
    drop_filter(conn);
    lose_tail(&conn->messages);
}

static void connect_one(struct conn *conn)
{
    struct bus_sock *subscriber = subscriber_of(conn);

    if (conn->up || subscriber == NULL || publisher_of(conn) == NULL)
        return;
    sim_trace("w%u-b%u %s connects", conn->worker, conn->broker,
              conn->events ? "events" : "commands");
    conn->up = true;
    for (unsigned i = 0; i < subscriber->topics.count; i++)
        push(&conn->subscriptions, subscriber->topics.of[i].bytes, BUS_TOPIC_SIZE, 1);
}

void sim_bus_connect(bool all)
{
    unsigned from = sim_below(conn_count);

    for (unsigned i = 0; i < conn_count; i++) {
        struct conn *conn = &conns[(from + i) % conn_count];
        bool was_up = conn->up;

        connect_one(conn);
        if (!all && !was_up && conn->up)
            return;
    }
}

void sim_bus_cut(void)
{
    struct conn *conn = &conns[sim_below(conn_count)];

    if (!conn->up)
        return;
    sim_trace("w%u-b%u %s cut", conn->worker, conn->broker, conn->events ? "events" : "commands");
    cut(conn);
}

void sim_bus_kill(bool worker, unsigned index)
{
    if (worker)
        socks[BUS_WORKER_COMMANDS][index] = socks[BUS_WORKER_EVENTS][index] = NULL;
    else
        socks[BUS_BROKER_COMMANDS][index] = socks[BUS_BROKER_EVENTS][index] = NULL;
    for (unsigned i = 0; i < conn_count; i++) {
        if ((worker ? conns[i].worker : conns[i].broker) != index)
            continue;
        cut(&conns[i]);
        if (subscriber_of(&conns[i]) == NULL)
            clear(&conns[i].messages);
    }
}

/* ---- one step ---------------------------------------------------------------------------------*/

static void receive(struct bus_sock *sock, struct list *queue)
{
    struct packet *packet = LIST_ITEM(list_pop_front(queue), struct packet, node);

    sock->receive(sock->context, packet->data, packet->len);
    mem_free(packet);
}

static void trace_message(const struct conn *conn)
{
    const struct packet *packet = LIST_ITEM(list_first(&conn->messages), struct packet, node);
    struct bus_message message;

    if (!sim.trace || !bus_decode(packet->data, packet->len, &message))
        return;
    if (message.type == BUS_EVENT)
        sim_trace("w%u <- b%u event %llu:%llu", conn->worker, conn->broker,
                  (unsigned long long)message.event.room_id, (unsigned long long)message.event.seq);
    else if (message.type == BUS_HEAD)
        sim_trace("w%u <- b%u head %llu:%llu", conn->worker, conn->broker,
                  (unsigned long long)message.head.room_id, (unsigned long long)message.head.head);
    else if (message.type == BUS_ANSWER)
        sim_trace("w%u <- b%u answer #%llu err=%d seq=%llu%s", conn->worker, conn->broker,
                  (unsigned long long)message.answer.command_id, (int)message.answer.err,
                  (unsigned long long)message.answer.seq, message.answer.duplicate ? " dup" : "");
    else if (message.type == BUS_COMMAND)
        sim_trace("b%u <- w%u command #%llu %.*s", conn->broker, conn->worker,
                  (unsigned long long)message.command.command_id, (int)message.command.text.len,
                  (const char *)message.command.text.data);
}

/* A turn of the subscriber's loop: several messages may wait for it. */
static bool deliver(struct conn *conn)
{
    struct bus_sock *sock = subscriber_of(conn);
    unsigned budget = 1 + sim_below(4);

    if (sock == NULL || list_empty(&conn->messages))
        return false;
    while (budget-- > 0 && !list_empty(&conn->messages)) {
        trace_message(conn);
        receive(sock, &conn->messages);
    }
    seams_turn_end(sock->loop);
    return true;
}

/* A subscription reaches the publisher's filter; the program hears of it later. */
static bool apply_subscription(struct conn *conn)
{
    struct bus_sock *sock = publisher_of(conn);
    struct packet *packet;
    int at;

    if (!conn->up || list_empty(&conn->subscriptions))
        return false;
    packet = LIST_ITEM(list_pop_front(&conn->subscriptions), struct packet, node);
    at = find_topic(&conn->filter, packet->data + 1);
    if (packet->data[0] == 1) {
        /* Verbose: each one is news. Else only the first of any connection. */
        bool news =
            sock->role == BUS_BROKER_EVENTS || (at < 0 && !others_have(conn, packet->data + 1));

        if (at < 0)
            add_topic(&conn->filter, packet->data + 1);
        if (news)
            push(&sock->notes, packet->data, packet->len, -1);
    } else if (at >= 0) {
        remove_topic(&conn->filter, at);
        if (!others_have(conn, packet->data + 1))
            push(&sock->notes, packet->data, packet->len, -1);
    }
    mem_free(packet);
    return true;
}

static bool read_note(struct bus_sock *sock)
{
    if (sock == NULL || list_empty(&sock->notes))
        return false;
    receive(sock, &sock->notes);
    seams_turn_end(sock->loop);
    return true;
}

bool sim_bus_step(void)
{
    unsigned places = 2 * conn_count + sim.workers + sim.brokers;
    unsigned from = sim_below(places);

    for (unsigned i = 0; i < places; i++) {
        unsigned at = (from + i) % places;
        bool done;

        if (at < conn_count)
            done = deliver(&conns[at]);
        else if (at < 2 * conn_count)
            done = apply_subscription(&conns[at - conn_count]);
        else if (at < 2 * conn_count + sim.workers)
            done = read_note(socks[BUS_WORKER_COMMANDS][at - 2 * conn_count]);
        else
            done = read_note(socks[BUS_BROKER_EVENTS][at - 2 * conn_count - sim.workers]);
        if (done)
            return true;
    }
    return false;
}

/* ---- bus_sock.h -------------------------------------------------------------------------------*/

static struct bus_context creating; /* of the process that is being started */

struct bus_context *bus_context_create(void)
{
    return &creating;
}

void bus_context_secure(struct bus_context *context, const struct bus_security *security)
{
    (void)context;
    (void)security;
}

void bus_sock_reopen(struct bus_sock *sock, void (*reopened)(void *context), void *context)
{
    (void)sock;
    (void)reopened;
    (void)context;
}

void bus_context_destroy(struct bus_context **context)
{
    *context = NULL;
}

struct bus_sock *bus_sock_create(struct bus_context *context, struct loop *loop, enum bus_role role,
                                 bus_receive_fn *receive_fn, void *receive_context)
{
    struct bus_sock *sock = mem_alloc(sizeof(*sock));

    *sock = (struct bus_sock){
        .loop = loop, .role = role, .receive = receive_fn, .context = receive_context};
    list_init(&sock->notes);
    socks[role][context->index] = sock;
    return sock;
}

void bus_sock_destroy(struct bus_sock **sock)
{
    *sock = NULL;
}

void sim_bus_creating(unsigned index)
{
    creating.index = index;
}

bool bus_sock_attach(struct bus_sock *sock, const char *address, const char **error_out)
{
    (void)sock;
    (void)address;
    *error_out = NULL;
    return true; /* sim_bus_connect() does it, when its time has come */
}

void bus_sock_send(struct bus_sock *sock, const void *data, size_t len)
{
    for (unsigned i = 0; i < conn_count; i++) {
        struct conn *conn = &conns[i];

        if (!conn->up || publisher_of(conn) != sock || find_topic(&conn->filter, data) < 0)
            continue;
        if (sim_trouble(sim.faults->lose)) {
            sim_trace("w%u-b%u %s lose one", conn->worker, conn->broker,
                      conn->events ? "events" : "commands");
            continue;
        }
        push(&conn->messages, data, len, -1);
        /* The second one comes later: something else may have gone before it. */
        if (sim_trouble(sim.faults->repeat) && !list_empty(&conn->messages)) {
            const struct packet *old = LIST_ITEM(list_first(&conn->messages), struct packet, node);

            push(&conn->messages, old->data, old->len, -1);
        }
    }
}

static void tell(const struct bus_sock *sock, const void *topic, int first)
{
    for (unsigned i = 0; i < conn_count; i++)
        if (conns[i].up && subscriber_of(&conns[i]) == sock)
            push(&conns[i].subscriptions, topic, BUS_TOPIC_SIZE, first);
}

void bus_sock_subscribe(struct bus_sock *sock, const void *topic, size_t len)
{
    CHECK(len == BUS_TOPIC_SIZE);
    add_topic(&sock->topics, topic);
    tell(sock, topic, 1);
}

void bus_sock_unsubscribe(struct bus_sock *sock, const void *topic, size_t len)
{
    int at = find_topic(&sock->topics, topic);

    CHECK(len == BUS_TOPIC_SIZE && at >= 0);
    if (--sock->topics.of[at].uses > 0)
        return;
    remove_topic(&sock->topics, at);
    tell(sock, topic, 0);
}
