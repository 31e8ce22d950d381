#include "gateway/linger.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"

struct lingers {
    struct loop *loop;
    uint64_t max_ms;
    struct loop_timer *timer;
    struct list waiting;
    struct list flushing;         /* until the sockets are done with this turn */
    struct loop_deferred flushed; /* after the sockets' own */
    void (*due)(void *context, struct room_linger *linger);
    void *context;
};

/* For the one that ends first; in whole milliseconds, since timers have no other. Few wait at any
 * time: a room waits only after a flush that took milliseconds. */
static void arm(struct lingers *lingers, uint64_t now)
{
    uint64_t until_us = UINT64_MAX;

    LIST_FOREACH (node, &lingers->waiting) {
        until_us = MIN(until_us, LIST_ITEM(node, struct room_linger, node)->until_us);
    }
    if (until_us != UINT64_MAX)
        loop_timer_start(lingers->timer, until_us > now ? (until_us - now + 999) / 1000 : 0);
}

static void on_timer(void *context)
{
    struct lingers *lingers = context;
    uint64_t now = clock_mono_us();

    LIST_FOREACH_SAFE (node, &lingers->waiting) {
        struct room_linger *linger = LIST_ITEM(node, struct room_linger, node);

        if (linger->until_us > now)
            continue;
        list_remove(node);
        lingers->due(lingers->context, linger);
    }
    arm(lingers, now);
}

static void on_flushed(void *context)
{
    struct lingers *lingers = context;
    uint64_t now = clock_mono_us();
    struct list_node *node;

    while ((node = list_pop_front(&lingers->flushing)) != NULL)
        LIST_ITEM(node, struct room_linger, node)->ended_us = now;
}

struct lingers *lingers_create(struct loop *loop, uint64_t max_ms,
                               void (*due)(void *context, struct room_linger *linger),
                               void *context)
{
    struct lingers *lingers = mem_alloc(sizeof(*lingers));

    lingers->loop = loop;
    lingers->max_ms = max_ms;
    lingers->timer = loop_timer_create(loop, on_timer, lingers);
    list_init(&lingers->waiting);
    list_init(&lingers->flushing);
    lingers->flushed.fn = on_flushed;
    lingers->flushed.context = lingers;
    lingers->due = due;
    lingers->context = context;
    return lingers;
}

void lingers_destroy(struct lingers **lingers)
{
    if (*lingers == NULL)
        return;
    loop_timer_destroy(&(*lingers)->timer);
    list_remove(&(*lingers)->flushed.node);
    mem_free(*lingers);
    *lingers = NULL;
}

/* How long it may wait now, in us. */
static uint64_t patience(const struct lingers *lingers, const struct room_linger *linger,
                         uint64_t now)
{
    uint64_t max = lingers->max_ms * 1000;

    if (linger->ended_us == 0 || now - linger->ended_us > max)
        return 0;
    return MIN(max, linger->ended_us - linger->began_us);
}

bool linger_wait(struct lingers *lingers, struct room_linger *linger, bool more)
{
    uint64_t now;
    uint64_t wait_us;

    if (!more)
        return false;
    if (linger->until_us != 0)
        return list_node_linked(&linger->node);
    now = clock_mono_us();
    wait_us = patience(lingers, linger, now);
    if (wait_us == 0)
        return false;
    linger->until_us = now + wait_us;
    list_push_back(&lingers->waiting, &linger->node);
    arm(lingers, now);
    metrics_add(METRIC_LINGERS, 1);
    return true;
}

void linger_flush(struct lingers *lingers, struct room_linger *linger)
{
    list_remove(&linger->node);
    linger->until_us = 0;
    linger->began_us = clock_mono_us();
    list_push_back(&lingers->flushing, &linger->node);
    loop_defer(lingers->loop, &lingers->flushed);
}

void linger_drop(struct room_linger *linger)
{
    list_remove(&linger->node);
}
