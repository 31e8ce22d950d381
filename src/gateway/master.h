/*
 * master.h: the gateway's master: binds, forks, watches, and serves nobody itself.
 *
 * It makes one SO_REUSEPORT socket for each worker and keeps them all: the backlog of a worker that
 * died waits for its successor. It has no event loop, no ZeroMQ context, no database connection and
 * no thread, so that it can fork at any time.
 */
#ifndef BANTER_GATEWAY_MASTER_H
#define BANTER_GATEWAY_MASTER_H

#include "common/settings.h"

/* Runs until SIGTERM or SIGINT and until all workers are gone; returns the exit status. */
int master_run(const struct settings *settings);

#endif
