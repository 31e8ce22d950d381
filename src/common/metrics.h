/*
 * metrics.h: the counters, gauges and histograms of metrics.def, and where they are counted.
 *
 * A process counts into its slot. By default that is memory of its own; metrics_use() makes it one
 * of several in shared memory, so that another process can add them up (metrics_text.h). Adding is
 * atomic and relaxed: threads may count, too. A metric is a run of cells: one for a plain number,
 * one for each value of its label, or its buckets.
 */
#ifndef BANTER_COMMON_METRICS_H
#define BANTER_COMMON_METRICS_H

#include "common/base.h"

#include <stdatomic.h>
#include <sys/types.h>

/* A histogram: a cell for each bound (not cumulated), one for what is above all, and the sum. */
#define METRICS_BOUNDS         18
#define METRICS_CELLS_PLAIN    1
#define METRICS_CELLS_COUNTER  METRICS_CELLS_PLAIN
#define METRICS_CELLS_GAUGE    METRICS_CELLS_PLAIN
#define METRICS_CELLS_DURATION (METRICS_BOUNDS + 2)
#define METRICS_CELLS_SIZE     (METRICS_BOUNDS + 2)

/* How many values a label has; metrics_text.c has their names. */
enum metrics_label_size {
    METRICS_VALUES_NONE = 1,
    METRICS_VALUES_ROUTE = 64, /* named by the program: metrics_name_route() */
    METRICS_VALUES_STATUS = 40,
    METRICS_VALUES_KIND = 16,   /* enum command_kind */
    METRICS_VALUES_RESULT = 64, /* enum err */
    METRICS_VALUES_POOL = 2,    /* enum metrics_pool */
    METRICS_VALUES_SHED = 16,   /* enum metrics_shed */
    METRICS_VALUES_CLASS = 8,   /* enum rate_class */
};

enum metrics_pool { METRICS_POOL_DB, METRICS_POOL_SCRYPT };

/* Why something was not taken, or dropped. */
enum metrics_shed {
    METRICS_SHED_HTTP_CONNECTIONS,
    METRICS_SHED_DB_QUEUE,
    METRICS_SHED_SCRYPT_QUEUE,
    METRICS_SHED_COMMANDS,
    METRICS_SHED_EPHEMERAL,
    METRICS_SHED_BROKER_QUEUE,
    METRICS_SHED_BROKER_LATE,
    METRICS_SHED_ADDRESS_CONNECTIONS,
    METRICS_SHED_ADDRESS_SOCKETS,
    METRICS_SHED_USER_SOCKETS,
    METRICS_SHED_HANDSHAKES,
    METRICS_SHED_MEMORY,
    METRICS_SHED_USER_SESSIONS,
    METRICS_SHED_HTTP_WAITING,
    METRICS_SHED_SOCKET_ROOMS,
    METRICS_SHED_COUNT
};

/* The number of a metric is that of its first cell. */
enum metric {
#define METRIC(symbol, kind, name, first, second, help)                                            \
    METRIC_##symbol,                                                                               \
        METRIC_LAST_CELL_OF_##symbol =                                                             \
            METRIC_##symbol +                                                                      \
            METRICS_CELLS_##kind * METRICS_VALUES_##first * METRICS_VALUES_##second - 1,
#include "common/metrics.def"
    METRIC_CELLS
};

/* One process's; in shared memory for those of a gateway. */
struct metrics_slot {
    _Alignas(64) char process[16]; /* "w0", "master"; written before pid is */
    _Atomic pid_t pid;             /* 0: nobody counts here now */
    _Atomic uint64_t started_us;   /* wall clock */
    _Atomic uint64_t starts;       /* processes that counted here */
    _Atomic uint64_t values[METRIC_CELLS];
};

extern struct metrics_slot *metrics_current; /* for the inline functions below only */

static inline void metrics_add(enum metric metric, uint64_t count)
{
    atomic_fetch_add_explicit(&metrics_current->values[metric], count, memory_order_relaxed);
}

static inline void metrics_set(enum metric metric, uint64_t value)
{
    atomic_store_explicit(&metrics_current->values[metric], value, memory_order_relaxed);
}

/* What was counted so far in this process's slot. */
static inline uint64_t metrics_get(enum metric metric)
{
    return atomic_load_explicit(&metrics_current->values[metric], memory_order_relaxed);
}

/* A COUNTER_BY: value is a number of its label; one that is out of range counts as the last. */
void metrics_add_by(enum metric metric, size_t value, uint64_t count);
/* A COUNTER_BY2: numbers of its first and its second label. */
void metrics_add_by2(enum metric metric, size_t first, size_t second, uint64_t count);
/* A DURATION. */
void metrics_observe_us(enum metric metric, uint64_t us);
/* A DURATION_BY: label_value is a number of its label. */
void metrics_observe_us_by(enum metric metric, size_t label_value, uint64_t us);
/* A SIZE. */
void metrics_observe_size(enum metric metric, uint64_t size);
/* The value of the label "status" for a status code. */
size_t metrics_status(int http_status);

/* Slots in memory that processes forked later share; never freed. All are nobody's. */
struct metrics_slot *metrics_share(size_t count);
/* From now on this process counts into slot, which nobody else does now. Its gauges start at zero;
 * its counters go on from where an earlier process left them, so that sums never fall. process is
 * copied: its short name in the log. */
void metrics_use(struct metrics_slot *slot, const char *process);
/* The process that counted into slot is gone: its gauges vanish, its counters stay in the sums, and
 * the slot can be used again. Called by who saw it end. */
void metrics_retire(struct metrics_slot *slot);

#endif
