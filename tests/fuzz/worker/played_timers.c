/*
 * played_timers.c: the worker's timers, by the played clock. How fast a machine is says nothing
 * about an input: by the real clock only those run out that are due at once. (evhttp's own are by
 * the real one; they are too long for a story.)
 */
#include "common/check.h"
#include "common/clock.h"
#include "gateway/ping_wheel.h"
#include "gateway/sessions.h"
#include "played.h"

#include <event2/event.h>
#include <stddef.h>

#define TIMERS_MAX  64
#define SESSIONS_MS 16 /* one is looked up again whenever their timer runs out */

struct played_timer {
    struct event *event;  /* NULL: nobody's */
    uint64_t interval_us; /* 0: once */
    uint64_t due_us;      /* NEVER: it does not run */
};

#define NEVER UINT64_MAX

/* Whoever was there first stays first, so that what is due together keeps its order. */
static struct played_timer timers[TIMERS_MAX];
static size_t timer_count; /* in use, or were once */

int __real_event_add(struct event *event, const struct timeval *delay);
int __wrap_event_add(struct event *event, const struct timeval *delay);
int __real_event_del(struct event *event);
int __wrap_event_del(struct event *event);
void __real_event_free(struct event *event);
void __wrap_event_free(struct event *event);

static struct played_timer *find(const struct event *event)
{
    for (size_t i = 0; i < timer_count; i++)
        if (timers[i].event == event)
            return &timers[i];
    return NULL;
}

int __wrap_event_add(struct event *event, const struct timeval *delay)
{
    uint64_t delay_us =
        delay != NULL ? (uint64_t)delay->tv_sec * 1000000 + (uint64_t)delay->tv_usec : 0;
    struct played_timer *timer = find(event);

    if (delay_us == 0) {
        if (timer != NULL)
            timer->due_us = NEVER;
        return __real_event_add(event, delay);
    }
    CHECK(event_get_fd(event) < 0);
    __real_event_del(event);
    if (timer == NULL)
        timer = find(NULL);
    if (timer == NULL) {
        CHECK(timer_count < TIMERS_MAX);
        timer = &timers[timer_count++];
    }
    timer->event = event;
    timer->interval_us = (event_get_events(event) & EV_PERSIST) != 0 ? delay_us : 0;
    timer->due_us = clock_mono_us() + delay_us;
    return 0;
}

int __wrap_event_del(struct event *event)
{
    struct played_timer *timer = find(event);

    if (timer != NULL)
        timer->due_us = NEVER;
    return __real_event_del(event);
}

void __wrap_event_free(struct event *event)
{
    struct played_timer *timer = find(event);

    if (timer != NULL)
        timer->event = NULL;
    __real_event_free(event);
}

static struct played_timer *find_due(uint64_t now_us)
{
    struct played_timer *first = NULL;

    for (size_t i = 0; i < timer_count; i++)
        if (timers[i].event != NULL && timers[i].due_us <= now_us &&
            (first == NULL || timers[i].due_us < first->due_us))
            first = &timers[i];
    return first;
}

void played_timers_run(uint64_t now_us)
{
    struct played_timer *timer;

    while ((timer = find_due(now_us)) != NULL) {
        timer->due_us = timer->interval_us > 0 ? now_us + timer->interval_us : NEVER;
        event_active(timer->event, EV_TIMEOUT, 0);
    }
}

/* ---- what has its turn only once in a while ----
 *
 * Where a round is when a story begins is left from the one before, so a round is one turn here. */

void __real_ping_wheel_init(struct ping_wheel *wheel, uint64_t interval_ms);
void __wrap_ping_wheel_init(struct ping_wheel *wheel, uint64_t interval_ms);
struct sessions *__real_sessions_create(struct loop *loop, struct pool *db, uint64_t check_ms);
struct sessions *__wrap_sessions_create(struct loop *loop, struct pool *db, uint64_t check_ms);

void __wrap_ping_wheel_init(struct ping_wheel *wheel, uint64_t interval_ms)
{
    __real_ping_wheel_init(wheel, PING_WHEEL_TICK_MS);
    wheel->tick_ms = interval_ms;
}

struct sessions *__wrap_sessions_create(struct loop *loop, struct pool *db,
                                        uint64_t check_ms ATTR_UNUSED)
{
    return __real_sessions_create(loop, db, SESSIONS_MS);
}
