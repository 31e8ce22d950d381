/*
 * delivery_count.h: what rooms.c delivers in a turn, counted once for the turn: deliveries are the
 * hottest path, and an atomic addition for each socket would show.
 */
#ifndef BANTER_GATEWAY_DELIVERY_COUNT_H
#define BANTER_GATEWAY_DELIVERY_COUNT_H

#include "common/base.h"

struct delivery_count {
    uint64_t deliveries;   /* events queued for sockets */
    uint64_t shed;         /* ephemeral messages that were not */
    uint64_t *received_us; /* of the turn's events: when their senders' workers got them */
    size_t received_count;
    size_t received_capacity;
};

/* Remembers the receipt of an event that this turn delivers; 0 is not counted. */
void delivery_count_received(struct delivery_count *count, uint64_t received_at_us);
/* At the end of the turn: all of it goes into the metrics. */
void delivery_count_flush(struct delivery_count *count);
void delivery_count_fini(struct delivery_count *count);

#endif
