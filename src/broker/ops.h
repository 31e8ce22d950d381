/*
 * ops.h: the broker's metrics and health over HTTP, for its operators' eyes only. Main thread.
 *
 *   GET /metrics   counters and gauges in Prometheus' text format
 *   GET /health    {"status":"healthy"} while the process lives
 *
 * It is no web server: it reads the request line, answers once, and closes. At most a few clients
 * are served at a time, each for a few seconds; more are turned away by closing the oldest.
 */
#ifndef BANTER_BROKER_OPS_H
#define BANTER_BROKER_OPS_H

#include "common/loop.h"

struct ops;

/* Listens at host and port. NULL, and *error_out says why (static text), if that fails. */
struct ops *ops_create(struct loop *loop, const char *host, uint16_t port, const char **error_out);
/* *ops may be NULL. */
void ops_destroy(struct ops **ops);

#endif
