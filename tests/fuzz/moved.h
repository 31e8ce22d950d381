/*
 * moved.h: the same bytes at another place. Code that reads words at a time must say the same
 * wherever its input lies; and nothing lies behind it, so that every overrun is seen.
 */
#ifndef BANTER_TESTS_FUZZ_MOVED_H
#define BANTER_TESTS_FUZZ_MOVED_H

#include "common/mem.h"

struct moved {
    uint8_t *block; /* freed by mem_free() */
    const uint8_t *data;
};

/* A copy that begins by bytes behind what malloc() returns, which fits every type. */
static inline struct moved move_by(const uint8_t *data, size_t size, size_t by)
{
    struct moved moved;

    moved.block = mem_alloc(by + size);
    moved.data = moved.block + by;
    if (size > 0)
        memcpy(moved.block + by, data, size);
    return moved;
}

#endif
