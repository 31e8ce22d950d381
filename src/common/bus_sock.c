#include "common/bus_sock.h"

#include "common/bus_impl.h"
#include "common/bus_monitor.h"
#include "common/bus_told.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Messages taken in one go before other sockets get their turn. */
#define RECEIVE_BUDGET 256

/* PUB and SUB drop silently at the high-water mark; the log heals that, at a price. This is far
 * above what a healthy peer ever has waiting. */
#define MESSAGES_WAITING_MAX 100000

#define LINGER_MS        1000
#define RECONNECT_MS     50
#define RECONNECT_MAX_MS 1000
#define ADDRESS_SIZE     256
/* ZeroMQ gives an address up whose broker refused us; we do not. */
#define REFUSED_RETRY_MS 1000
/* Binding anew what the same socket had until now. */
#define REBIND_MS       10
#define BROKEN_OFF_MANY 3
/* An address that cannot be had again for so long is somebody else's: it is said, and tried on. */
#define ATTACH_MAX_MS       1000
#define ATTACH_LOG_EVERY_MS 10000
/* If ZeroMQ never said that an address is free. */
#define UNBIND_MAX_MS 1000
/* Peers without a word are gone by then. */
#define HANDSHAKE_MS 10000
#define ZAP_DOMAIN   "banter"

/* What was bound or connected to. */
struct target {
    char address[ADDRESS_SIZE];
    bool joined; /* the last that was heard of it is a handshake that succeeded */
    bool again;  /* to be connected or bound anew by the timer */
};

struct bus_sock {
    void *zmq;
    struct bus_context *context;
    struct loop *loop;
    struct loop_watch *watch;
    struct loop_timer *retry;
    struct bus_monitor *monitor;
    struct target *targets;
    size_t target_count;
    enum bus_role role;
    bus_receive_fn *receive;
    void *receive_context;
    bool receiving;             /* inside drain(): a send need not have us look again then */
    struct loop_deferred again; /* looks whether something waits */
    unsigned broken_off;        /* handshakes, since one succeeded */
    size_t closing;             /* addresses that bus_sock_reopen() waits for */
    bool reopening;
    uint64_t failing_ms; /* since when attaching anew fails; 0: it does not */
    struct log_limit failing_log;
    void (*reopened)(void *context);
    void *reopened_context;
};

/* ZeroMQ's own threads do not interrupt whoever wakes them. Without this, on cores that are busy
 * the first message of a turn is carried away alone, and the next one has to wake them again. Where
 * a core is idle they run at once, as ever. Only from the ordinary policy: another one was chosen
 * by the operator, and an unprivileged process may not leave each. */
static void let_senders_go_on(void *zmq)
{
    if (sched_getscheduler(0) == SCHED_OTHER)
        CHECK(zmq_ctx_set(zmq, ZMQ_THREAD_SCHED_POLICY, SCHED_BATCH) == 0);
}

struct bus_context *bus_context_create(void)
{
    struct bus_context *context = mem_alloc(sizeof(*context));

    context->told = mem_alloc(sizeof(*context->told));
    context->zmq = zmq_ctx_new();
    CHECK(context->zmq != NULL);
    let_senders_go_on(context->zmq);
    return context;
}

void bus_context_secure(struct bus_context *context, const struct bus_security *security)
{
    context->security = *security;
}

void bus_context_destroy(struct bus_context **context)
{
    if (*context == NULL)
        return;
    while (zmq_ctx_term((*context)->zmq) != 0 && zmq_errno() == EINTR)
        continue;
    mem_wipe(&(*context)->security, sizeof((*context)->security));
    mem_free((*context)->told);
    mem_free(*context);
    *context = NULL;
}

static int socket_type(enum bus_role role)
{
    switch (role) {
    case BUS_WORKER_COMMANDS:
    case BUS_BROKER_EVENTS:
        return ZMQ_XPUB;
    case BUS_WORKER_EVENTS:
    case BUS_BROKER_COMMANDS:
        return ZMQ_SUB;
    }
    UNREACHABLE();
}

static bool binds(const struct bus_sock *sock)
{
    return sock->role == BUS_BROKER_COMMANDS || sock->role == BUS_BROKER_EVENTS;
}

void bus_zmq_set_int(void *socket, int option, int value)
{
    CHECK(zmq_setsockopt(socket, option, &value, sizeof(value)) == 0);
}

int bus_zmq_fd(void *socket)
{
    int fd = -1;
    size_t size = sizeof(fd);

    CHECK(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

static void set_int(struct bus_sock *sock, int option, int value)
{
    bus_zmq_set_int(sock->zmq, option, value);
}

static void set_key(struct bus_sock *sock, int option, const char *key)
{
    CHECK(zmq_setsockopt(sock->zmq, option, key, BUS_KEY_SIZE) == 0);
}

static void set_security(struct bus_sock *sock)
{
    const struct bus_security *security = &sock->context->security;

    set_int(sock, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (!security->curve)
        return;
    if (security->side == BUS_SIDE_BROKER) {
        set_int(sock, ZMQ_CURVE_SERVER, 1);
        CHECK(zmq_setsockopt(sock->zmq, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0);
    } else {
        set_key(sock, ZMQ_CURVE_SERVERKEY, security->broker_key);
        set_key(sock, ZMQ_CURVE_PUBLICKEY, security->pair.public_key);
    }
    set_key(sock, ZMQ_CURVE_SECRETKEY, security->pair.secret_key);
}

static void set_options(struct bus_sock *sock)
{
    bool publishes = socket_type(sock->role) == ZMQ_XPUB;

    set_int(sock, ZMQ_LINGER, LINGER_MS);
    set_int(sock, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(sock, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    /* Without limit on the side that carries subscriptions: with the default of 1,000, every
     * subscription beyond it is dropped without an error, at each reconnect too. */
    set_int(sock, ZMQ_SNDHWM, publishes ? MESSAGES_WAITING_MAX : 0);
    set_int(sock, ZMQ_RCVHWM, publishes ? 0 : MESSAGES_WAITING_MAX);
    if (sock->role == BUS_BROKER_EVENTS)
        set_int(sock, ZMQ_XPUB_VERBOSE, 1); /* the barrier needs repeated subscriptions too */
    /* A broker that went takes its subscriptions with it at once, so that the worker knows that its
     * shards have no owner; without this a connecting socket keeps them until it is back. */
    if (sock->role == BUS_WORKER_COMMANDS)
        set_int(sock, ZMQ_IMMEDIATE, 1);
    /* A host that vanished without a FIN is noticed within seconds (TCP only). */
    set_int(sock, ZMQ_HEARTBEAT_IVL, 3000);
    set_int(sock, ZMQ_HEARTBEAT_TIMEOUT, 9000);
}

/* Most of ZeroMQ's calls look into the socket's mailbox first, and a signal in that moment ends
 * them with EINTR, those that never block too: a worker that is told to stop gets one. */
bool bus_zmq_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof(events);

    while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0)
        CHECK(zmq_errno() == EINTR);
    return (events & ZMQ_POLLIN) != 0;
}

bool bus_zmq_more(void *socket)
{
    int more = 0;
    size_t size = sizeof(more);

    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
        CHECK(zmq_errno() == EINTR);
    return more != 0;
}

bool bus_zmq_receive(void *socket, zmq_msg_t *message)
{
    int len;

    CHECK(zmq_msg_init(message) == 0);
    do
        len = zmq_msg_recv(message, socket, ZMQ_DONTWAIT);
    while (len < 0 && zmq_errno() == EINTR);
    if (len < 0)
        zmq_msg_close(message);
    return len >= 0;
}

static bool receive_one(struct bus_sock *sock)
{
    zmq_msg_t message;

    if (!bus_zmq_receive(sock->zmq, &message))
        return false;
    sock->receive(sock->receive_context, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
    return true;
}

/* The descriptor is an edge: it may stay silent although messages wait. So receive until there is
 * nothing, and if the budget ends before, come back in the next turn. */
static void drain(void *context)
{
    struct bus_sock *sock = context;
    int budget = RECEIVE_BUDGET;

    sock->receiving = true;
    while (budget > 0 && receive_one(sock))
        budget--;
    sock->receiving = false;
    if (budget == 0)
        loop_watch_kick(sock->watch);
}

static void look(void *context)
{
    struct bus_sock *sock = context;

    if (bus_zmq_readable(sock->zmq))
        loop_watch_kick(sock->watch);
}

/* Sending processes the socket's own commands and so may swallow the wake-up of a message that
 * waits (on an XPUB: of a subscription, every time). To look costs a system call: once a turn. */
static void look_again(struct bus_sock *sock)
{
    if (!sock->receiving)
        loop_defer(sock->loop, &sock->again);
}

/* ---- connections ------------------------------------------------------------------------------*/

static void on_change(void *context, enum bus_change change, const char *endpoint,
                      const char *peer);

static void open_socket(struct bus_sock *sock)
{
    sock->zmq = zmq_socket(sock->context->zmq, socket_type(sock->role));
    CHECK(sock->zmq != NULL);
    set_options(sock);
    set_security(sock);
    sock->monitor = bus_monitor_create(sock->context->zmq, sock->zmq, sock->loop, on_change, sock);
    sock->watch = loop_watch_create(sock->loop, bus_zmq_fd(sock->zmq), drain, sock);
    loop_watch_kick(sock->watch);
}

static void close_socket(struct bus_sock *sock)
{
    loop_watch_destroy(&sock->watch);
    bus_monitor_destroy(&sock->monitor);
    zmq_close(sock->zmq);
    sock->zmq = NULL;
}

static bool attach_target(struct bus_sock *sock, const struct target *target)
{
    while ((binds(sock) ? zmq_bind(sock->zmq, target->address)
                        : zmq_connect(sock->zmq, target->address)) != 0)
        if (zmq_errno() != EINTR)
            return false;
    loop_watch_kick(sock->watch);
    return true;
}

static void replace_socket(struct bus_sock *sock)
{
    sock->reopening = false;
    sock->closing = 0;
    set_int(sock, ZMQ_LINGER, 0); /* who is cut gets nothing more */
    close_socket(sock);
    open_socket(sock);
    for (size_t i = 0; i < sock->target_count; i++)
        sock->targets[i].again = true;
    sock->reopened(sock->reopened_context);
}

static void say_failing(struct bus_sock *sock, const struct target *target, int error)
{
    char quoted[ADDRESS_SIZE];
    uint64_t now_ms = clock_mono_ms();
    uint64_t suppressed;

    if (sock->failing_ms == 0)
        sock->failing_ms = now_ms;
    if (now_ms - sock->failing_ms >= ATTACH_MAX_MS &&
        log_allowed(&sock->failing_log, ATTACH_LOG_EVERY_MS, &suppressed))
        log_error("bus.attach_failed", "address=%s error=\"%s\" suppressed=%llu",
                  log_quote(target->address, quoted, sizeof(quoted)), zmq_strerror(error),
                  (unsigned long long)suppressed);
}

static void on_retry(void *context)
{
    struct bus_sock *sock = context;
    bool all = true;

    if (sock->reopening)
        replace_socket(sock);
    for (size_t i = 0; i < sock->target_count; i++) {
        struct target *target = &sock->targets[i];

        if (!target->again)
            continue;
        /* Connecting twice to one address does nothing, so the first must go. */
        if (!binds(sock))
            while (zmq_disconnect(sock->zmq, target->address) != 0 && zmq_errno() == EINTR)
                continue;
        target->again = !attach_target(sock, target);
        if (target->again)
            say_failing(sock, target, zmq_errno());
        all = all && !target->again;
    }
    if (!all)
        loop_timer_start(sock->retry, binds(sock) ? REBIND_MS : REFUSED_RETRY_MS);
    else
        sock->failing_ms = 0;
}

static struct target *find_target(struct bus_sock *sock, const char *endpoint)
{
    for (size_t i = 0; i < sock->target_count; i++)
        if (strcmp(sock->targets[i].address, endpoint) == 0)
            return &sock->targets[i];
    return NULL;
}

/* ZeroMQ says the name of a host at its first attempt only, then the address that it found. Where
 * that fits none, those with the port are meant that have not joined: one that has, and was not
 * known by its address, is connected anew once, and then is known by its name. */
static void connect_again(struct bus_sock *sock, const char *endpoint)
{
    struct target *target = find_target(sock, endpoint);
    const char *port = strrchr(endpoint, ':');

    if (target != NULL)
        target->again = true;
    for (size_t i = 0; target == NULL && i < sock->target_count; i++) {
        const char *own = strrchr(sock->targets[i].address, ':');

        if (!sock->targets[i].joined && strcmp(own, port != NULL ? port : "") == 0)
            sock->targets[i].again = true;
    }
    loop_timer_start(sock->retry, REFUSED_RETRY_MS);
}

static const char *advice(enum bus_change change)
{
    switch (change) {
    case BUS_NOT_ALLOWED:
        return "the key of BANTER_BUS_KEY is not on the broker's list, BANTER_BUS_GATEWAY_KEYS";
    case BUS_NOT_SAME:
        return "the bus is encrypted (BANTER_BUS_KEY) on one side only";
    case BUS_WRONG_KEY:
    case BUS_BROKEN_OFF:
        return "is BANTER_BUS_BROKER_KEY the brokers' key, and the bus encrypted on both sides?";
    default:
        return "that is not a broker";
    }
}

/* At who connects. Both of its sockets fare alike: one of them tells. */
static void on_broker_refused(struct bus_sock *sock, enum bus_change change, const char *endpoint)
{
    uint64_t suppressed;
    char quoted[ADDRESS_SIZE];

    /* ZeroMQ itself tries again where the connection just ended. */
    if (change != BUS_BROKEN_OFF)
        connect_again(sock, endpoint);
    if (sock->role != BUS_WORKER_COMMANDS)
        return;
    metrics_add(METRIC_BUS_REFUSED_BY_BROKER, 1);
    /* Once may be a broker that died in this moment. */
    if (change == BUS_BROKEN_OFF && ++sock->broken_off < BROKEN_OFF_MANY)
        return;
    if (bus_told_allows(sock->context->told, endpoint, &suppressed))
        log_warn("bus.broker_refused", "reason=%s address=%s suppressed=%llu note=\"%s\"",
                 bus_change_name(change), log_quote(endpoint, quoted, sizeof(quoted)),
                 (unsigned long long)suppressed, advice(change));
}

/* At a broker. Keys that are not on the list have been counted and named by bus_auth.c. */
static void on_peer_refused(struct bus_sock *sock, enum bus_change change, const char *peer)
{
    char name[BUS_TOLD_NAME_SIZE];
    uint64_t suppressed;

    if (change == BUS_NOT_ALLOWED)
        return;
    metrics_add(METRIC_BUS_REFUSED_HANDSHAKES, 1);
    snprintf(name, sizeof(name), "peer %s", peer);
    if (bus_told_allows(sock->context->told, name, &suppressed))
        log_warn("bus.refused", "reason=%s peer=%s suppressed=%llu encrypted=%s",
                 bus_change_name(change), peer, (unsigned long long)suppressed,
                 sock->context->security.curve ? "yes" : "no");
}

static void on_joined(struct bus_sock *sock, const char *endpoint, bool joined)
{
    struct target *target = find_target(sock, endpoint);

    if (binds(sock))
        return;
    if (target != NULL)
        target->joined = joined;
    if (joined)
        sock->broken_off = 0;
    if (joined && sock->role == BUS_WORKER_COMMANDS &&
        bus_told_forget(sock->context->told, endpoint))
        log_info("bus.broker_joined", "address=\"%s\"", endpoint);
}

/* The last address is free again: the new socket takes them, outside of the old one's callback. */
static void on_unbound(struct bus_sock *sock)
{
    if (sock->closing > 0 && --sock->closing == 0)
        loop_timer_start(sock->retry, 0);
}

static void on_change(void *context, enum bus_change change, const char *endpoint, const char *peer)
{
    struct bus_sock *sock = context;

    switch (change) {
    case BUS_JOINED:
    case BUS_LEFT:
        on_joined(sock, endpoint, change == BUS_JOINED);
        break;
    case BUS_UNBOUND:
        on_unbound(sock);
        break;
    case BUS_NOT_ALLOWED:
    case BUS_NOT_SAME:
    case BUS_WRONG_KEY:
    case BUS_NOT_UNDERSTOOD:
    case BUS_BROKEN_OFF:
        if (binds(sock))
            on_peer_refused(sock, change, peer);
        else
            on_broker_refused(sock, change, endpoint);
        break;
    }
}

struct bus_sock *bus_sock_create(struct bus_context *context, struct loop *loop, enum bus_role role,
                                 bus_receive_fn *receive, void *receive_context)
{
    struct bus_sock *sock = mem_alloc(sizeof(*sock));

    sock->context = context;
    sock->role = role;
    sock->loop = loop;
    sock->receive = receive;
    sock->receive_context = receive_context;
    sock->retry = loop_timer_create(loop, on_retry, sock);
    sock->again = (struct loop_deferred){.fn = look, .context = sock};
    list_node_init(&sock->again.node);
    open_socket(sock);
    return sock;
}

void bus_sock_destroy(struct bus_sock **sock)
{
    if (*sock == NULL)
        return;
    close_socket(*sock);
    list_remove(&(*sock)->again.node);
    loop_timer_destroy(&(*sock)->retry);
    mem_free((*sock)->targets);
    mem_free(*sock);
    *sock = NULL;
}

/* The address of one of the two sockets behind a base address; false if the base is none. */
static bool socket_address(const char *base, bool events, char *out, size_t size)
{
    if (strncmp(base, "ipc://", 6) == 0) {
        int len = snprintf(out, size, "%s.%s", base, events ? "events" : "commands");

        return base[6] != '\0' && len > 0 && (size_t)len < size;
    }
    if (strncmp(base, "tcp://", 6) == 0) {
        const char *colon = strrchr(base, ':');
        unsigned port = 0;
        char rest = '\0';

        if (colon <= base + 6 || sscanf(colon + 1, "%5u%c", &port, &rest) != 1 || port == 0 ||
            port >= 65535)
            return false;
        return snprintf(out, size, "%.*s:%u", (int)(colon - base), base, port + (events ? 1 : 0)) <
               (int)size;
    }
    return false;
}

bool bus_address_valid(const char *address)
{
    char full[ADDRESS_SIZE];

    return socket_address(address, true, full, sizeof(full));
}

bool bus_sock_attach(struct bus_sock *sock, const char *address, const char **error_out)
{
    bool events = sock->role == BUS_WORKER_EVENTS || sock->role == BUS_BROKER_EVENTS;
    struct target target = {.joined = false};

    if (!socket_address(address, events, target.address, sizeof(target.address))) {
        *error_out = "not a bus address: tcp://host:port or ipc:///path";
        return false;
    }
    if (!attach_target(sock, &target)) {
        *error_out = zmq_strerror(zmq_errno());
        return false;
    }
    sock->targets = mem_realloc(sock->targets, (sock->target_count + 1) * sizeof(*sock->targets));
    sock->targets[sock->target_count++] = target;
    return true;
}

void bus_sock_reopen(struct bus_sock *sock, void (*reopened)(void *context), void *context)
{
    char bound[ADDRESS_SIZE] = "";
    size_t size = sizeof(bound);
    int unbound;

    CHECK(binds(sock) && sock->target_count == 1);
    if (sock->reopening)
        return;
    sock->reopening = true;
    sock->reopened = reopened;
    sock->reopened_context = context;
    /* First the address: closing an ipc socket removes its file, which must not be the next one's.
     * ZeroMQ does that on its own thread and says when it is done. */
    CHECK(zmq_getsockopt(sock->zmq, ZMQ_LAST_ENDPOINT, bound, &size) == 0);
    while ((unbound = zmq_unbind(sock->zmq, bound)) != 0 && zmq_errno() == EINTR)
        continue;
    sock->closing = unbound == 0;
    loop_timer_start(sock->retry, sock->closing > 0 ? UNBIND_MAX_MS : 0);
}

void bus_sock_send(struct bus_sock *sock, const void *data, size_t len)
{
    while (zmq_send(sock->zmq, data, len, ZMQ_DONTWAIT) < 0 && zmq_errno() == EINTR)
        continue;
    look_again(sock);
}

void bus_sock_subscribe(struct bus_sock *sock, const void *topic, size_t len)
{
    CHECK(zmq_setsockopt(sock->zmq, ZMQ_SUBSCRIBE, topic, len) == 0);
    look_again(sock);
}

void bus_sock_unsubscribe(struct bus_sock *sock, const void *topic, size_t len)
{
    CHECK(zmq_setsockopt(sock->zmq, ZMQ_UNSUBSCRIBE, topic, len) == 0);
    look_again(sock);
}
