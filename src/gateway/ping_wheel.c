#include "gateway/ping_wheel.h"

void ping_wheel_init(struct ping_wheel *wheel, uint64_t interval_ms)
{
    uint64_t slots = MIN(interval_ms / PING_WHEEL_TICK_MS, (uint64_t)PING_WHEEL_SLOTS);

    wheel->count = MAX((size_t)slots, (size_t)1);
    wheel->tick_ms = interval_ms / wheel->count;
    wheel->next = wheel->fill = 0;
    for (size_t i = 0; i < PING_WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
}

void ping_wheel_add(struct ping_wheel *wheel, struct list_node *node)
{
    list_push_back(&wheel->slots[wheel->fill], node);
    wheel->fill = (wheel->fill + 1) % wheel->count;
}

struct list *ping_wheel_turn(struct ping_wheel *wheel)
{
    struct list *slot = &wheel->slots[wheel->next];

    wheel->next = (wheel->next + 1) % wheel->count;
    return slot;
}
