/*
 * admin_process.h: the gateway's metrics, served by a process of its own beside the workers: it
 * adds up what they count in shared memory, and answers even when all of them are busy.
 */
#ifndef BANTER_GATEWAY_ADMIN_PROCESS_H
#define BANTER_GATEWAY_ADMIN_PROCESS_H

#include "common/metrics.h"
#include "common/settings.h"

/* Serves the count slots until SIGTERM or SIGINT; returns the exit status. It counts into the one
 * with the number own. */
int admin_process_run(const struct settings *settings, struct metrics_slot *slots, size_t count,
                      size_t own);

#endif
