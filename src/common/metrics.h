/*
 * metrics.h: the counters and gauges of metrics.def.
 *
 * A process counts into its slot. By default that is memory of its own; metrics_use() makes it one
 * of several in shared memory, so that another process can add them up. Adding is atomic and
 * relaxed: threads may count, too.
 */
#ifndef BANTER_COMMON_METRICS_H
#define BANTER_COMMON_METRICS_H

#include "common/base.h"
#include "common/strbuf.h"

#include <stdatomic.h>

enum metric {
#define COUNTER(symbol, name, help) METRIC_##symbol,
#define GAUGE(symbol, name, help)   METRIC_##symbol,
#include "common/metrics.def"
#undef COUNTER
#undef GAUGE
    METRIC_COUNT
};

struct metrics_slot {
    _Atomic uint64_t values[METRIC_COUNT];
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

/* Slots in memory that processes forked later share; never freed. */
struct metrics_slot *metrics_share(size_t count);
/* From now on this process counts into slot. Its gauges start at zero, its counters go on. */
void metrics_use(struct metrics_slot *slot);
/* The sums of count slots in Prometheus' text format (exposition format 0.0.4). */
void metrics_write(const struct metrics_slot *slots, size_t count, struct strbuf *out);

#endif
