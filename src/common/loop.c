#include "common/loop.h"

#include "common/check.h"
#include "common/list.h"
#include "common/mem.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/time.h>

struct turn_hook {
    void (*fn)(void *context);
    void *context;
};

struct loop {
    struct event_base *base;
    struct turn_hook hooks[LOOP_TURN_HOOKS_MAX];
    size_t hook_count;
    struct list deferred; /* struct loop_deferred */
    struct list kicked;   /* watches that want a call in the next turn */
    bool stopping;
    bool no_wait;
};

struct loop_timer {
    struct event *event;
    void (*fn)(void *context);
    void *context;
    uint64_t interval_ms; /* 0: once */
};

struct loop_watch {
    struct loop *loop;
    struct list_node kick_node;
    struct event *event;
    void (*fn)(void *context);
    void *context;
};

struct loop *loop_create(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));
    struct event_config *config = event_config_new();

    CHECK(config != NULL);
    /* The changelist would coalesce epoll operations, which is documented as unsafe when
     * descriptors are duplicated, as taking a socket out of evhttp does. */
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    CHECK(loop->base != NULL);
    list_init(&loop->deferred);
    list_init(&loop->kicked);
    return loop;
}

void loop_destroy(struct loop **loop)
{
    if (*loop == NULL)
        return;
    event_base_free((*loop)->base);
    mem_free(*loop);
    *loop = NULL;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* And the kicks that they and others want. Outside of libevent's loop: inside, an event that is
 * made active in a callback runs in the same turn, and one that does so again and again would keep
 * all others, and the hooks, from theirs. */
static void run_deferred(struct loop *loop)
{
    struct list_node *node;

    while ((node = list_pop_front(&loop->deferred)) != NULL) {
        struct loop_deferred *deferred = LIST_ITEM(node, struct loop_deferred, node);

        deferred->fn(deferred->context);
    }
    while ((node = list_pop_front(&loop->kicked)) != NULL)
        event_active(LIST_ITEM(node, struct loop_watch, kick_node)->event, EV_READ, 0);
}

static void run_hooks(struct loop *loop)
{
    loop->no_wait = false;
    for (size_t i = 0; i < loop->hook_count; i++)
        loop->hooks[i].fn(loop->hooks[i].context);
    run_deferred(loop);
}

void loop_run(struct loop *loop)
{
    loop->stopping = false;
    run_deferred(loop);
    while (!loop->stopping) {
        int flags = EVLOOP_ONCE | (loop->no_wait ? EVLOOP_NONBLOCK : 0);

        if (event_base_loop(loop->base, flags) != 0)
            break; /* no events are left: everything was torn down */
        run_hooks(loop);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    event_base_loopbreak(loop->base);
}

static void wait_over(evutil_socket_t fd ATTR_UNUSED, short what ATTR_UNUSED, void *arg ATTR_UNUSED)
{
}

void loop_turn(struct loop *loop, unsigned max_wait_ms)
{
    struct timeval wait = {(time_t)(max_wait_ms / 1000), (suseconds_t)(max_wait_ms % 1000) * 1000};

    run_deferred(loop);
    if (!loop->no_wait)
        event_base_once(loop->base, -1, EV_TIMEOUT, wait_over, NULL, &wait);
    event_base_loop(loop->base, EVLOOP_ONCE | (loop->no_wait ? EVLOOP_NONBLOCK : 0));
    run_hooks(loop);
}

void loop_on_turn_end(struct loop *loop, void (*fn)(void *context), void *context)
{
    CHECK(loop->hook_count < LOOP_TURN_HOOKS_MAX);
    loop->hooks[loop->hook_count++] = (struct turn_hook){fn, context};
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (!list_node_linked(&deferred->node))
        list_push_back(&loop->deferred, &deferred->node);
}

void loop_no_wait(struct loop *loop)
{
    loop->no_wait = true;
}

static struct timeval to_timeval(uint64_t ms)
{
    return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
}

static void on_timer(evutil_socket_t fd ATTR_UNUSED, short what ATTR_UNUSED, void *arg)
{
    struct loop_timer *timer = arg;

    /* Armed again before the call: fn may stop or destroy the timer. */
    if (timer->interval_ms > 0) {
        struct timeval next = to_timeval(timer->interval_ms);

        event_add(timer->event, &next);
    }
    timer->fn(timer->context);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *context), void *context)
{
    struct loop_timer *timer = mem_alloc(sizeof(*timer));

    timer->fn = fn;
    timer->context = context;
    timer->event = evtimer_new(loop->base, on_timer, timer);
    CHECK(timer->event != NULL);
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms)
{
    struct timeval delay = to_timeval(delay_ms);

    timer->interval_ms = 0;
    CHECK(event_add(timer->event, &delay) == 0);
}

void loop_timer_start_periodic(struct loop_timer *timer, uint64_t interval_ms)
{
    CHECK(interval_ms > 0);
    loop_timer_start(timer, interval_ms);
    timer->interval_ms = interval_ms;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->interval_ms = 0;
    event_del(timer->event);
}

void loop_timer_destroy(struct loop_timer **timer)
{
    if (*timer == NULL)
        return;
    event_free((*timer)->event);
    mem_free(*timer);
    *timer = NULL;
}

static void on_watch(evutil_socket_t fd ATTR_UNUSED, short what ATTR_UNUSED, void *arg)
{
    struct loop_watch *watch = arg;

    watch->fn(watch->context);
}

static struct loop_watch *watch_create(struct loop *loop, int fd, short what,
                                       void (*fn)(void *context), void *context)
{
    struct loop_watch *watch = mem_alloc(sizeof(*watch));

    watch->loop = loop;
    watch->fn = fn;
    watch->context = context;
    watch->event = event_new(loop->base, fd, (short)(what | EV_PERSIST), on_watch, watch);
    CHECK(watch->event != NULL && event_add(watch->event, NULL) == 0);
    return watch;
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*fn)(void *context),
                                     void *context)
{
    return watch_create(loop, fd, EV_READ, fn, context);
}

struct loop_watch *loop_signal_create(struct loop *loop, int signal_number,
                                      void (*fn)(void *context), void *context)
{
    return watch_create(loop, signal_number, EV_SIGNAL, fn, context);
}

void loop_signals_unblock(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void loop_watch_kick(struct loop_watch *watch)
{
    if (!list_node_linked(&watch->kick_node))
        list_push_back(&watch->loop->kicked, &watch->kick_node);
}

void loop_watch_destroy(struct loop_watch **watch)
{
    if (*watch == NULL)
        return;
    list_remove(&(*watch)->kick_node);
    event_free((*watch)->event);
    mem_free(*watch);
    *watch = NULL;
}
