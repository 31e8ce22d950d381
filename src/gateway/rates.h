/*
 * rates.h: how often somebody may do something: a token bucket for each user, or address, and class
 * of request.
 *
 * Pure but for the memory of slot_cache.h, which all workers share: the limits are those of a
 * gateway, however many workers it has. A bucket is one number, the moment at which it will be full
 * again (the generic cell rate algorithm, ITU-T I.371, A.1), so one that is full need not be kept.
 * The caller brings the time: monotonic, the same for all processes of the host. Callable from any
 * thread.
 */
#ifndef BANTER_GATEWAY_RATES_H
#define BANTER_GATEWAY_RATES_H

#include "common/rate.h"
#include "gateway/slot_cache.h"

struct rates {
    struct slot_cache *cache; /* borrowed */
    struct rate limits[RATE_CLASSES];
};

/*
 * Takes a token of who, a number that is his in this class; false if there is none. Then
 * *wait_us_out is when there will be one; refusals cost nothing, so a client that waits so long is
 * served.
 */
bool rates_take(const struct rates *rates, enum rate_class kind, uint64_t who, uint64_t now_us,
                uint64_t *wait_us_out) ATTR_MUSTCHECK;

#endif
