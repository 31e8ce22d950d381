#include "gateway/login_delay.h"

#include "common/limits.h"

#include <string.h>

/* A number is the moment of the next attempt, in ms, and below it how many failed. */
#define FAILURES_BITS 8
#define FAILURES_MAX  ((UINT64_C(1) << FAILURES_BITS) - 1)
_Static_assert(FAILURES_MAX >= LOGIN_FAILURES_FREE * SITE_SHARES + 32, "a site's count must fit");

uint64_t login_delay_key(struct span folded, uint64_t address)
{
    const uint64_t parts[] = {slot_cache_key(folded.data, folded.len), address};

    return slot_cache_key(parts, sizeof(parts));
}

static uint64_t wait_after(const struct login_delay *delay, uint64_t failures)
{
    uint64_t doublings;

    if (failures < delay->failures_free)
        return 0;
    doublings = MIN(failures - delay->failures_free, 32);
    return MIN(delay->first_ms << doublings, delay->max_ms);
}

static uint64_t left(uint64_t value, uint64_t now_ms)
{
    uint64_t next_ms = value >> FAILURES_BITS;

    return next_ms > now_ms ? next_ms - now_ms : 0;
}

uint64_t login_delay_left(const struct login_delay *delay, uint64_t key, uint64_t now_ms)
{
    _Atomic uint64_t *slot;

    if (delay->first_ms == 0)
        return 0;
    slot = slot_cache_find(delay->cache, key);
    return slot != NULL ? left(atomic_load_explicit(slot, memory_order_relaxed), now_ms) : 0;
}

uint64_t login_delay_begin(const struct login_delay *delay, uint64_t key, uint64_t now_ms)
{
    _Atomic uint64_t *slot;
    uint64_t before;
    uint64_t after;

    if (delay->first_ms == 0)
        return 0;
    slot = slot_cache_at(delay->cache, key);
    before = atomic_load_explicit(slot, memory_order_relaxed);
    do {
        uint64_t next_ms = before >> FAILURES_BITS;
        uint64_t failures = before & FAILURES_MAX;

        if (left(before, now_ms) > 0)
            return left(before, now_ms);
        if (now_ms - next_ms >= LOGIN_FORGET_MS)
            failures = 0;
        failures = MIN(failures + 1, FAILURES_MAX);
        after = (now_ms + wait_after(delay, failures)) << FAILURES_BITS | failures;
    } while (!atomic_compare_exchange_weak(slot, &before, after));
    return 0;
}

void login_delay_clear(const struct login_delay *delay, uint64_t key)
{
    _Atomic uint64_t *slot = slot_cache_find(delay->cache, key);

    if (delay->first_ms != 0 && slot != NULL)
        atomic_store_explicit(slot, 0, memory_order_relaxed);
}
