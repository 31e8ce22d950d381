/*
 * loop.h: the event loop of a process: libevent's base, timers, signals, and what happens at the
 * end of each turn.
 *
 * libevent 2.1 has no hook between two waits, so the loop turns by itself (one EVLOOP_ONCE a turn)
 * and calls the end-of-turn functions after each: sockets that something was queued for are flushed
 * there, once, and objects that died in a callback are freed there.
 */
#ifndef BANTER_COMMON_LOOP_H
#define BANTER_COMMON_LOOP_H

#include "common/base.h"
#include "common/list.h"

struct event_base;
struct loop;
struct loop_timer;
struct loop_watch;

struct loop *loop_create(void);
/* All timers and watches must be gone; sets *loop to NULL. */
void loop_destroy(struct loop **loop);
/* For the modules that own libevent objects of their own (http, ws_conn). */
struct event_base *loop_base(struct loop *loop);

/* Turns until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One turn that waits for at most max_wait_ms, then the end-of-turn functions. */
void loop_turn(struct loop *loop, unsigned max_wait_ms);

/* fn is called after every turn, in the order of registration. At most LOOP_TURN_HOOKS_MAX. */
#define LOOP_TURN_HOOKS_MAX 8
void loop_on_turn_end(struct loop *loop, void (*fn)(void *context), void *context);
/* Something waits for the end of the turn: do not block in the next wait. */
void loop_no_wait(struct loop *loop);

/* What is to be done once at the end of a turn, after the functions above, however often it was
 * asked for. Embedded in its owner, who sets fn and context and, before it goes, takes the node off
 * with list_remove(). */
struct loop_deferred {
    struct list_node node;
    void (*fn)(void *context);
    void *context;
};
void loop_defer(struct loop *loop, struct loop_deferred *deferred);

/* A timer, once or every interval_ms; not started. */
struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *context), void *context);
void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_start_periodic(struct loop_timer *timer, uint64_t interval_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer **timer);

/* fn on the loop whenever fd is readable (level-triggered). The descriptor stays the caller's. */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, void (*fn)(void *context),
                                     void *context);
/* Calls fn once in the next turn, whether or not the descriptor is readable. */
void loop_watch_kick(struct loop_watch *watch);
void loop_watch_destroy(struct loop_watch **watch);

/* fn on the loop (not in the signal handler) when the signal arrives; watch with the same calls. */
struct loop_watch *loop_signal_create(struct loop *loop, int signal_number,
                                      void (*fn)(void *context), void *context);
/* Lets all signals through that were blocked until the handlers above were set. */
void loop_signals_unblock(void);

#endif
