/*
 * bus_auth.h: who may connect to a broker: the ZAP handler (RFC 27) of its ZeroMQ context.
 *
 * ZeroMQ's I/O thread asks on inproc://zeromq.zap.01 and holds that one handshake until the answer;
 * whatever else it carries goes on. The answer is given on the loop: it is a look into a sorted
 * list in memory, so the loop never waits, and neither list nor log needs a lock.
 *
 * ZeroMQ lets everybody in when there is no handler: create this before the sockets are bound, and
 * destroy it after they are closed.
 */
#ifndef BANTER_COMMON_BUS_AUTH_H
#define BANTER_COMMON_BUS_AUTH_H

#include "common/bus_sock.h"

struct bus_auth;

/* The list is that of the context's security; the key pairs' file was checked by
 * bus_security_load(). NULL, and a sentence in error, if the list cannot be read now. */
struct bus_auth *bus_auth_create(struct bus_context *context, struct loop *loop, char *error,
                                 size_t error_size) ATTR_MUSTCHECK;
void bus_auth_destroy(struct bus_auth **auth);

/*
 * Reads the list again. A list that cannot be read or parsed changes nothing and is logged. True:
 * a key is gone from it. Connections that stand are not touched here: ZeroMQ asks at the handshake
 * only, so whoever wants to be rid of them calls bus_sock_reopen() for each socket.
 */
bool bus_auth_reload(struct bus_auth *auth);

#endif
