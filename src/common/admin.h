/*
 * admin.h: a process's metrics over HTTP, for Prometheus: GET /metrics, and GET /health while the
 * process lives, on an address of its own.
 *
 * Not for clients: it has no guard and no limits, so it listens on loopback unless told otherwise.
 */
#ifndef BANTER_COMMON_ADMIN_H
#define BANTER_COMMON_ADMIN_H

#include "common/loop.h"
#include "common/metrics.h"

struct admin;

/* Serves the sums of count slots at "host:port" with port_offset added to the port. An empty
 * address gives NULL; so does one that cannot be had, with a line in the log: chatting goes on
 * without. */
struct admin *admin_create(struct loop *loop, const char *address, uint16_t port_offset,
                           const struct metrics_slot *slots, size_t count);
/* Sets *admin to NULL; NULL is allowed. */
void admin_destroy(struct admin **admin);

#endif
