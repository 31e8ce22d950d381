/*
 * worker_status.h: what a worker and its master tell each other while both live: a page of shared
 * memory, made before the fork. A signal only says that something is to be read here: several that
 * come at once (a terminal's Ctrl-C, systemd's KillMode=control-group, the master's own) are then
 * no second order.
 */
#ifndef BANTER_GATEWAY_WORKER_STATUS_H
#define BANTER_GATEWAY_WORKER_STATUS_H

#include "common/base.h"

#include <stdatomic.h>

enum worker_phase { WORKER_STARTING, WORKER_SERVING, WORKER_DRAINING };

enum worker_order {
    WORKER_SERVE,
    WORKER_LEAVE,    /* the whole gateway stops: say so first, then drain */
    WORKER_RETIRE,   /* a successor accepts at the same sockets: drain */
    WORKER_DISSOLVE, /* the same, but nobody gets its sockets: accept who is on the way to them */
    WORKER_END_NOW,  /* do not wait for anybody */
};

struct worker_status {
    _Alignas(64) _Atomic uint64_t turns; /* of the loop; stands still when the worker is stuck */
    _Atomic int phase;                   /* enum worker_phase */
    _Atomic bool ready;                  /* the database and the broker are there */
    _Atomic bool waits;                  /* accept nobody until ready, others do; the master's */
    _Atomic int order;                   /* enum worker_order; the master's */
};

#endif
