/*
 * admin.h: how a program is, over HTTP on an address of its own:
 *
 *   GET /metrics       for Prometheus: the sums over all processes; ?by=process: of each
 *   GET /healthz       200 while this process answers (also /health and /livez)
 *   GET /readyz        200 or 503, and what is missing: {"ready":…,"database":…,"broker":…,
 *                      "draining":…} of a gateway, {"ready":…,"database":…,"leases":…} of a broker
 *   GET /workers.json  each process, with its numbers: metrics_text.h has the shape
 *
 * HEAD is answered without a body, other paths with 404, other methods with 405 (501 if unknown).
 * Not for clients: it has no guard and no limits, so it listens on loopback unless told otherwise.
 */
#ifndef BANTER_COMMON_ADMIN_H
#define BANTER_COMMON_ADMIN_H

#include "common/loop.h"
#include "common/metrics.h"

struct admin;

struct admin_options {
    const char *program;  /* "gateway" or "broker": says what /readyz asks for; static */
    const char *address;  /* "host:port" */
    uint16_t port_offset; /* added to the port */
    const struct metrics_slot *slots; /* of all processes of the program */
    size_t count;
};

/* An empty address gives NULL; so does one that cannot be had, with a line in the log: chatting
 * goes on without. */
struct admin *admin_create(struct loop *loop, const struct admin_options *options);
/* Sets *admin to NULL; NULL is allowed. */
void admin_destroy(struct admin **admin);

#endif
