/*
 * bus_monitor.h: what happens to the connections of a ZeroMQ socket, on the loop: handshakes that
 * succeed or fail. For bus_sock.c only.
 *
 * ZeroMQ tells this on a socket of its own, in order, with the endpoint of our side. Who the peer
 * of a listening socket is, is asked of the kernel when the connection is accepted; one that is
 * gone by then is "unknown".
 */
#ifndef BANTER_COMMON_BUS_MONITOR_H
#define BANTER_COMMON_BUS_MONITOR_H

#include "common/base.h"
#include "common/loop.h"

struct bus_monitor;

enum bus_change {
    BUS_JOINED,         /* a handshake succeeded */
    BUS_LEFT,           /* a connection ended, whatever came before */
    BUS_UNBOUND,        /* a listening socket was closed */
    BUS_NOT_ALLOWED,    /* the handshake ended by the broker's list */
    BUS_NOT_SAME,       /* one side encrypts, the other does not */
    BUS_WRONG_KEY,      /* the peer does not have the key that it should have */
    BUS_NOT_UNDERSTOOD, /* the peer does not speak ZMTP, or breaks it */
    BUS_BROKEN_OFF,     /* the connection ended before the handshake did */
};

/* endpoint is ours: what was bound, or what was connected to (by name, or as it was resolved). peer
 * is the other side's address without the port ("local" for ipc), of listening sockets only. */
typedef void bus_change_fn(void *context, enum bus_change change, const char *endpoint,
                           const char *peer);

/* socket is a ZeroMQ socket of the context zmq; changed is called on the loop. */
struct bus_monitor *bus_monitor_create(void *zmq, void *socket, struct loop *loop,
                                       bus_change_fn *changed, void *context);
/* Before the socket is closed. */
void bus_monitor_destroy(struct bus_monitor **monitor);

/* For logs: "reason=not_allowed". */
const char *bus_change_name(enum bus_change change);

#endif
