/*
 * bus_sock.h: ZeroMQ sockets on the event loop. Of <zmq.h> there are four users: this, and for
 * encryption bus_keys.c, bus_auth.c and bus_monitor.c.
 *
 * A context must not cross a fork: create it after. ZMQ_FD is an edge and only a hint, so after
 * every send and receive the socket's events are read again; here and nowhere else.
 *
 * An address is the base that settings name. A broker has two sockets on it: commands (SUB) and
 * events (XPUB). For tcp://host:port commands are at port, events at port + 1; for ipc://path they
 * are at path.commands and path.events.
 *
 * With bus_context_secure() every connection is encrypted and both sides prove their keys. Who is
 * refused, on either side, is counted and named in the log once; a peer that was refused tries
 * again by itself, every second (ZeroMQ alone would give the address up for ever).
 */
#ifndef BANTER_COMMON_BUS_SOCK_H
#define BANTER_COMMON_BUS_SOCK_H

#include "common/base.h"
#include "common/loop.h"

struct bus_context;
struct bus_security;
struct bus_sock;

enum bus_role {
    BUS_WORKER_COMMANDS, /* XPUB that connects: publishes commands, hears which shards have an owner
                          */
    BUS_WORKER_EVENTS,   /* SUB that connects */
    BUS_BROKER_COMMANDS, /* SUB that binds */
    BUS_BROKER_EVENTS, /* XPUB (verbose) that binds: hears every subscription, repeated ones too */
};

/* A message, or on an XPUB a subscription (first byte 1) or its end (first byte 0) and the topic.
 * The bytes are valid during the call. */
typedef void bus_receive_fn(void *context, const uint8_t *data, size_t len);

struct bus_context *bus_context_create(void);
/* Encrypts what is created afterwards; copied. A broker also needs a bus_auth (bus_auth.h) before
 * it binds. */
void bus_context_secure(struct bus_context *context, const struct bus_security *security);
/* All sockets must be closed. Waits at most a second for what is on its way out. */
void bus_context_destroy(struct bus_context **context);

struct bus_sock *bus_sock_create(struct bus_context *context, struct loop *loop, enum bus_role role,
                                 bus_receive_fn *receive, void *receive_context);
void bus_sock_destroy(struct bus_sock **sock);

/* Binds or connects, by the role; may be called for several addresses. False: *error_out says why
 * (static text). */
bool bus_sock_attach(struct bus_sock *sock, const char *address,
                     const char **error_out) ATTR_MUSTCHECK;

/*
 * Roles that bind: ends every connection, so that each peer has to prove anew that it may connect.
 * Returns at once; a few milliseconds later a new socket is at the same address. reopened is called
 * before its first peer: it has no subscriptions, of ours or of others. Peers come back by
 * themselves. Does nothing while one is under way.
 */
void bus_sock_reopen(struct bus_sock *sock, void (*reopened)(void *context), void *context);

/* Queues a message for whoever subscribes to its topic; never blocks; may drop silently, as PUB
 * does. */
void bus_sock_send(struct bus_sock *sock, const void *data, size_t len);
/* SUB roles only. Each subscribe is forwarded to every publisher, also a repeated one; unsubscribe
 * counts, as ZeroMQ does: call them in pairs. */
void bus_sock_subscribe(struct bus_sock *sock, const void *topic, size_t len);
void bus_sock_unsubscribe(struct bus_sock *sock, const void *topic, size_t len);

/* Whether the address is one that bus_sock_attach() understands. */
bool bus_address_valid(const char *address);

#endif
