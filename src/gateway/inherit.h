/*
 * inherit.h: what crosses the fork from the master to a worker, and nothing else does.
 *
 * SIGTERM, SIGINT and SIGCHLD are blocked: the child unblocks them when its handlers are set.
 * Event loops, ZeroMQ contexts, database connections and threads are made after the fork.
 */
#ifndef BANTER_GATEWAY_INHERIT_H
#define BANTER_GATEWAY_INHERIT_H

#include "common/base.h"
#include "gateway/limiter.h"

#include <sys/types.h>

struct inherit {
    const struct settings *settings;
    struct assets *assets;        /* read before the fork, so that all workers share the pages */
    struct metrics_slot *metrics; /* shared memory; the worker's own slot */
    struct worker_status *status; /* shared memory, as above */
    const struct limiter_memory *limits; /* shared by all workers */
    pid_t master;
    unsigned index; /* 0..workers - 1 */
    int listen_fd;  /* the worker's own; it has closed the others */
    int proxy_fd;   /* the same for PROXY_LISTEN; -1 for none */
};

#endif
