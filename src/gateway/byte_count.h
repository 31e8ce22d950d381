/*
 * byte_count.h: how many bytes something holds, and with it the whole that it is a part of.
 *
 * Pure. A part's count is always in the whole's, too: neither is computed from the other.
 */
#ifndef BANTER_GATEWAY_BYTE_COUNT_H
#define BANTER_GATEWAY_BYTE_COUNT_H

#include "common/base.h"

struct byte_count {
    size_t bytes;
    struct byte_count *whole; /* that this is a part of; NULL for none. Outlives its parts */
};

static inline void byte_count_add(struct byte_count *count, size_t bytes)
{
    for (; count != NULL; count = count->whole)
        count->bytes += bytes;
}

static inline void byte_count_take(struct byte_count *count, size_t bytes)
{
    for (; count != NULL; count = count->whole)
        count->bytes -= bytes;
}

#endif
