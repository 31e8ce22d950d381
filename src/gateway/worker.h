/*
 * worker.h: one gateway worker, from its start to its end.
 */
#ifndef BANTER_GATEWAY_WORKER_H
#define BANTER_GATEWAY_WORKER_H

#include "gateway/inherit.h"

/*
 * Serves until SIGTERM or SIGINT, then drains: accepts no more, answers what was asked, and closes
 * the sockets with 1012, spread over the drain time. A second signal ends it at once. Returns the
 * exit status.
 */
int worker_run(const struct inherit *inherit);

#endif
