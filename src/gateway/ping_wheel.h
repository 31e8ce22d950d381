/*
 * ping_wheel.h: when each of many connections is pinged: all once an interval, few at a time.
 *
 * Pure. Ten thousand at once would be a flood of our own, which messages wait behind, and so would
 * their answers. So a connection gets one of many slots, and a slot has its turn every few
 * milliseconds.
 */
#ifndef BANTER_GATEWAY_PING_WHEEL_H
#define BANTER_GATEWAY_PING_WHEEL_H

#include "common/list.h"

#define PING_WHEEL_SLOTS 500
/* An interval so short that its slots would come faster has fewer of them. */
#define PING_WHEEL_TICK_MS 20

/* Embedded in its owner; the first two are for reading. */
struct ping_wheel {
    uint64_t tick_ms; /* from one slot's turn to the next one's */
    size_t count;     /* of slots */
    size_t next;      /* whose turn is next */
    size_t fill;      /* that the next connection goes to */
    struct list slots[PING_WHEEL_SLOTS];
};

/* interval_ms is not 0. */
void ping_wheel_init(struct ping_wheel *wheel, uint64_t interval_ms);
/* The node's owner takes it off again with list_remove(). */
void ping_wheel_add(struct ping_wheel *wheel, struct list_node *node);
/* The connections whose turn it is; to be called every tick_ms. Borrowed. */
struct list *ping_wheel_turn(struct ping_wheel *wheel);

#endif
