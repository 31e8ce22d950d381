/*
 * bus_impl.h: what the files that include <zmq.h> share: bus_sock.c (sockets), bus_monitor.c (what
 * happens to their connections) and bus_auth.c (who may connect). For those only.
 *
 * ZMQ_FD is an edge and only a hint: it may stay silent although messages wait. So whoever watches
 * one receives until there is nothing, and asks bus_zmq_readable() after every other call.
 */
#ifndef BANTER_COMMON_BUS_IMPL_H
#define BANTER_COMMON_BUS_IMPL_H

#include "common/bus_security.h"
#include "common/bus_sock.h"
#include "common/bus_told.h"

#include <zmq.h>

struct bus_context {
    void *zmq;
    struct bus_security security;
    struct bus_told *told; /* peers or brokers that were refused */
};

/* Never fail: a signal in the moment of a call is no error. */
void bus_zmq_set_int(void *socket, int option, int value);
int bus_zmq_fd(void *socket);
bool bus_zmq_readable(void *socket);
/* A part of a message without waiting; false: nothing is there. The caller closes it. */
bool bus_zmq_receive(void *socket, zmq_msg_t *message);
bool bus_zmq_more(void *socket);

#endif
