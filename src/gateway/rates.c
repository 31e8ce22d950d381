#include "gateway/rates.h"

/* What a number stands for differs between classes, so the class is part of the key. */
static uint64_t key_of(enum rate_class kind, uint64_t who)
{
    const uint64_t parts[] = {(uint64_t)kind, who};

    return slot_cache_key(parts, sizeof(parts));
}

bool rates_take(const struct rates *rates, enum rate_class kind, uint64_t who, uint64_t now_us,
                uint64_t *wait_us_out)
{
    const struct rate *limit = &rates->limits[kind];
    uint64_t period_us = (uint64_t)limit->period_s * 1000000;
    uint64_t empty = now_us + period_us; /* when a bucket with nothing in it is full again */
    _Atomic uint64_t *slot;
    uint64_t full_at;
    uint64_t after;

    *wait_us_out = 0;
    if (limit->count == 0)
        return true;
    slot = slot_cache_at(rates->cache, key_of(kind, who));
    full_at = atomic_load_explicit(slot, memory_order_relaxed);
    do {
        /* Later than empty: the period was a longer one when it was last taken from. */
        uint64_t before = MIN(MAX(full_at, now_us), empty);

        after = before + period_us / limit->count;
        *wait_us_out = after > empty ? after - empty : 0;
        if (*wait_us_out > 0)
            after = before;
    } while (after != full_at && !atomic_compare_exchange_weak(slot, &full_at, after));
    return *wait_us_out == 0;
}
