#include "common/bus_sock.h"

#include "common/check.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* Messages taken in one go before other sockets get their turn. */
#define RECEIVE_BUDGET 256

/* PUB and SUB drop silently at the high-water mark; the log heals that, at a price. This is far
 * above what a healthy peer ever has waiting. */
#define MESSAGES_WAITING_MAX 100000

#define LINGER_MS        1000
#define RECONNECT_MS     50
#define RECONNECT_MAX_MS 1000
#define ADDRESS_SIZE     256

struct bus_context {
    void *zmq;
};

struct bus_sock {
    void *zmq;
    struct loop *loop;
    struct loop_watch *watch;
    enum bus_role role;
    bus_receive_fn *receive;
    void *receive_context;
    bool receiving; /* inside drain(): a send need not look at the events then */
};

struct bus_context *bus_context_create(void)
{
    struct bus_context *context = mem_alloc(sizeof(*context));

    context->zmq = zmq_ctx_new();
    CHECK(context->zmq != NULL);
    return context;
}

void bus_context_destroy(struct bus_context **context)
{
    if (*context == NULL)
        return;
    while (zmq_ctx_term((*context)->zmq) != 0 && zmq_errno() == EINTR)
        continue;
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

static void set_int(struct bus_sock *sock, int option, int value)
{
    CHECK(zmq_setsockopt(sock->zmq, option, &value, sizeof(value)) == 0);
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
static bool readable(struct bus_sock *sock)
{
    int events = 0;
    size_t size = sizeof(events);

    while (zmq_getsockopt(sock->zmq, ZMQ_EVENTS, &events, &size) != 0)
        CHECK(zmq_errno() == EINTR);
    return (events & ZMQ_POLLIN) != 0;
}

static bool receive_one(struct bus_sock *sock)
{
    zmq_msg_t message;
    int len;

    CHECK(zmq_msg_init(&message) == 0);
    do
        len = zmq_msg_recv(&message, sock->zmq, ZMQ_DONTWAIT);
    while (len < 0 && zmq_errno() == EINTR);
    if (len < 0) {
        zmq_msg_close(&message);
        return false;
    }
    sock->receive(sock->receive_context, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
    return true;
}

/* The descriptor is an edge: it may stay silent although messages wait. So receive until there is
 * nothing, and if the budget ends before, come back in the next turn. */
static void drain(void *context)
{
    struct bus_sock *sock = context;

    sock->receiving = true;
    for (int budget = RECEIVE_BUDGET; budget > 0 && receive_one(sock);)
        budget--;
    sock->receiving = false;
    if (readable(sock))
        loop_watch_kick(sock->watch);
}

struct bus_sock *bus_sock_create(struct bus_context *context, struct loop *loop, enum bus_role role,
                                 bus_receive_fn *receive, void *receive_context)
{
    struct bus_sock *sock = mem_alloc(sizeof(*sock));
    int fd = -1;
    size_t size = sizeof(fd);

    sock->role = role;
    sock->loop = loop;
    sock->receive = receive;
    sock->receive_context = receive_context;
    sock->zmq = zmq_socket(context->zmq, socket_type(role));
    CHECK(sock->zmq != NULL);
    set_options(sock);
    CHECK(zmq_getsockopt(sock->zmq, ZMQ_FD, &fd, &size) == 0);
    sock->watch = loop_watch_create(loop, fd, drain, sock);
    loop_watch_kick(sock->watch);
    return sock;
}

void bus_sock_destroy(struct bus_sock **sock)
{
    if (*sock == NULL)
        return;
    loop_watch_destroy(&(*sock)->watch);
    zmq_close((*sock)->zmq);
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
    bool binds = sock->role == BUS_BROKER_COMMANDS || sock->role == BUS_BROKER_EVENTS;
    char full[ADDRESS_SIZE];

    if (!socket_address(address, events, full, sizeof(full))) {
        *error_out = "not a bus address: tcp://host:port or ipc:///path";
        return false;
    }
    while ((binds ? zmq_bind(sock->zmq, full) : zmq_connect(sock->zmq, full)) != 0) {
        if (zmq_errno() == EINTR)
            continue;
        *error_out = zmq_strerror(zmq_errno());
        return false;
    }
    loop_watch_kick(sock->watch);
    return true;
}

/* Sending processes the socket's own commands and so may swallow the wake-up of a message that
 * waits (on an XPUB: of a subscription, every time). */
static void look_again(struct bus_sock *sock)
{
    if (!sock->receiving && readable(sock))
        loop_watch_kick(sock->watch);
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
