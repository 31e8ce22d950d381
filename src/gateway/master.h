/*
 * master.h: the gateway's master: binds, forks, watches, and serves nobody itself.
 *
 *   SIGTERM, SIGINT   the workers drain (drain.h) and the master ends last; a second one: at once
 *   SIGHUP            settings and assets are read again, by new workers at the same sockets
 *   SIGUSR2           the program is started anew at the same sockets, and takes over
 *
 * It makes one SO_REUSEPORT socket for each worker and keeps them all: the backlog of a worker that
 * died, or that was replaced, waits for its successor. It has no event loop, no ZeroMQ context, no
 * database connection and no thread, so that it can fork at any time.
 */
#ifndef BANTER_GATEWAY_MASTER_H
#define BANTER_GATEWAY_MASTER_H

#include "common/settings.h"

/* Runs until it was told to stop and all workers are gone; returns the exit status. The settings
 * become the master's; argc and argv are main's, for SIGHUP and SIGUSR2. */
int master_run(struct settings *settings, int argc, char **argv);

#endif
