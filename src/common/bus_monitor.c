#include "common/bus_monitor.h"

#include "common/bus_impl.h"
#include "common/check.h"
#include "common/map.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define EVENTS                                                                                     \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |                              \
     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
#define BUDGET        256
#define PEER_SIZE     64
#define ENDPOINT_SIZE 256

/* A connection that was accepted, by its descriptor, until it ends. */
struct accepted {
    char peer[PEER_SIZE];
    uint64_t settled; /* handshakes of the socket that had an end when this one began */
};

struct bus_monitor {
    void *socket; /* the one that is watched; not ours */
    void *pair;
    struct loop_watch *watch;
    bus_change_fn *changed;
    void *context;
    struct map *accepted;
    uint64_t settled;
    bool failed; /* and its connection has not been named yet: that is the next event */
    enum bus_change failure;
};

const char *bus_change_name(enum bus_change change)
{
    switch (change) {
    case BUS_NOT_ALLOWED:
        return "not_allowed";
    case BUS_NOT_SAME:
        return "not_encrypted_alike";
    case BUS_WRONG_KEY:
        return "wrong_broker_key";
    case BUS_NOT_UNDERSTOOD:
        return "not_zmtp";
    case BUS_BROKEN_OFF:
        return "broken_off";
    case BUS_JOINED:
    case BUS_LEFT:
    case BUS_UNBOUND:
        break;
    }
    return "none";
}

/* ---- peers ------------------------------------------------------------------------------------*/

static void name_peer(int fd, char out[PEER_SIZE])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    const void *ip = NULL;

    snprintf(out, PEER_SIZE, "unknown");
    if (getpeername(fd, (struct sockaddr *)&address, &size) != 0)
        return;
    if (address.ss_family == AF_UNIX)
        snprintf(out, PEER_SIZE, "local");
    else if (address.ss_family == AF_INET)
        ip = &((struct sockaddr_in *)(void *)&address)->sin_addr;
    else if (address.ss_family == AF_INET6)
        ip = &((struct sockaddr_in6 *)(void *)&address)->sin6_addr;
    if (ip != NULL && inet_ntop(address.ss_family, ip, out, PEER_SIZE) == NULL)
        snprintf(out, PEER_SIZE, "unknown");
}

static void on_accepted(struct bus_monitor *monitor, uint32_t fd)
{
    struct accepted *accepted = mem_alloc(sizeof(*accepted));

    name_peer((int)fd, accepted->peer);
    accepted->settled = monitor->settled;
    mem_free(map_put_u64(monitor->accepted, fd, accepted));
}

/* The end of a connection: the event right after a failure, on the same thread of ZeroMQ's. A
 * stranger who does not speak ZMTP at all fails without an event: seen by the fact that nothing
 * succeeded or failed while it was there. */
static void on_disconnected(struct bus_monitor *monitor, uint32_t fd, const char *endpoint)
{
    struct accepted *accepted = map_remove_u64(monitor->accepted, fd);
    const char *peer = accepted != NULL ? accepted->peer : "unknown";

    if (!monitor->failed && accepted != NULL && accepted->settled == monitor->settled) {
        monitor->failed = true;
        monitor->failure = BUS_NOT_UNDERSTOOD;
        monitor->settled++;
    }
    if (monitor->failed)
        monitor->changed(monitor->context, monitor->failure, endpoint, peer);
    monitor->failed = false;
    monitor->changed(monitor->context, BUS_LEFT, endpoint, peer);
    mem_free(accepted);
}

static enum bus_change protocol_failure(uint32_t value)
{
    if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        return BUS_NOT_SAME;
    if (value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)
        return BUS_WRONG_KEY;
    return BUS_NOT_UNDERSTOOD;
}

static void fail(struct bus_monitor *monitor, enum bus_change failure)
{
    monitor->settled++;
    monitor->failed = true;
    monitor->failure = failure;
}

static void on_event(struct bus_monitor *monitor, unsigned event, uint32_t value,
                     const char *endpoint)
{
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        on_accepted(monitor, value);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        monitor->settled++;
        monitor->changed(monitor->context, BUS_JOINED, endpoint, "");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        fail(monitor, BUS_NOT_ALLOWED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        fail(monitor, protocol_failure(value));
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        fail(monitor, BUS_BROKEN_OFF);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        on_disconnected(monitor, value, endpoint);
        break;
    case ZMQ_EVENT_CLOSED:
        monitor->changed(monitor->context, BUS_UNBOUND, endpoint, "");
        break;
    default:
        break;
    }
}

/* ---- the monitor ------------------------------------------------------------------------------*/

/* Two parts: event (16 bits) and value (32), in our byte order; the endpoint. */
static bool receive(struct bus_monitor *monitor)
{
    char endpoint[ENDPOINT_SIZE];
    zmq_msg_t message;
    uint16_t event;
    uint32_t value;

    if (!bus_zmq_receive(monitor->pair, &message))
        return false;
    CHECK(zmq_msg_size(&message) == sizeof(event) + sizeof(value));
    memcpy(&event, zmq_msg_data(&message), sizeof(event));
    memcpy(&value, (const char *)zmq_msg_data(&message) + sizeof(event), sizeof(value));
    zmq_msg_close(&message);
    CHECK(bus_zmq_receive(monitor->pair, &message)); /* parts arrive together */
    snprintf(endpoint, sizeof(endpoint), "%.*s", (int)MIN(zmq_msg_size(&message), sizeof(endpoint)),
             (const char *)zmq_msg_data(&message));
    zmq_msg_close(&message);
    on_event(monitor, event, value, endpoint);
    return true;
}

static void drain(void *context)
{
    struct bus_monitor *monitor = context;

    for (int budget = BUDGET; budget > 0 && receive(monitor);)
        budget--;
    if (bus_zmq_readable(monitor->pair))
        loop_watch_kick(monitor->watch);
}

struct bus_monitor *bus_monitor_create(void *zmq, void *socket, struct loop *loop,
                                       bus_change_fn *changed, void *context)
{
    static _Atomic unsigned last_number;
    struct bus_monitor *monitor = mem_alloc(sizeof(*monitor));
    char address[64];

    monitor->socket = socket;
    monitor->changed = changed;
    monitor->context = context;
    monitor->accepted = map_create_u64();
    do
        snprintf(address, sizeof(address), "inproc://bus-monitor-%u", ++last_number);
    while (zmq_socket_monitor(socket, address, EVENTS) != 0 && zmq_errno() == EINTR);
    monitor->pair = zmq_socket(zmq, ZMQ_PAIR);
    CHECK(monitor->pair != NULL);
    /* ZeroMQ's thread waits when this is full: never. */
    bus_zmq_set_int(monitor->pair, ZMQ_RCVHWM, 0);
    bus_zmq_set_int(monitor->pair, ZMQ_LINGER, 0);
    while (zmq_connect(monitor->pair, address) != 0)
        CHECK(zmq_errno() == EINTR);
    monitor->watch = loop_watch_create(loop, bus_zmq_fd(monitor->pair), drain, monitor);
    loop_watch_kick(monitor->watch);
    return monitor;
}

void bus_monitor_destroy(struct bus_monitor **monitor)
{
    struct accepted *accepted;
    size_t cursor = 0;

    if (*monitor == NULL)
        return;
    loop_watch_destroy(&(*monitor)->watch);
    zmq_socket_monitor((*monitor)->socket, NULL, 0);
    zmq_close((*monitor)->pair);
    while ((accepted = map_iter((*monitor)->accepted, &cursor)) != NULL)
        mem_free(accepted);
    map_destroy(&(*monitor)->accepted);
    mem_free(*monitor);
    *monitor = NULL;
}
