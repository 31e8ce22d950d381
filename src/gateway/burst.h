/*
 * burst.h: when is a crowd of HTTP connections through? Pure.
 *
 * Thousands that connect at once need memory for as many requests, and then none of it: most have
 * become WebSockets, which need little. The allocator keeps what was needed; the moment to give it
 * back is after the crowd, once, and not while it comes and goes.
 */
#ifndef BANTER_GATEWAY_BURST_H
#define BANTER_GATEWAY_BURST_H

#include "common/base.h"

/* So many fewer than at the highest make a crowd that is gone. */
#define BURST_CONNECTIONS 256
/* And so many looks in a row find it gone. */
#define BURST_CALM_LOOKS 5

/* Zeroed is initialised. */
struct burst {
    size_t highest; /* since the last one was over */
    unsigned calm;  /* looks */
};

/* Looks, in equal steps, at how many connections there are. True once after each burst. */
bool burst_is_over(struct burst *burst, size_t connections);

#endif
