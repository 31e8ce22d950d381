/*
 * linger.h: whether what a big room is about to get waits a moment for more of it.
 *
 * A flush costs a system call for each member, however many events it brings. A sender that keeps
 * many messages under way is answered in the middle of a flush to all the others, and sends the
 * next ones then: its messages go round in two parts, each flushed alone. So right after a flush,
 * while commands of this worker are on their way to the log, a big room's events wait for theirs:
 * for max_ms, and as long as the last flush took, at most. Who sends into a room that is
 * quiet never waits, and nobody does who has nothing under way.
 */
#ifndef BANTER_GATEWAY_LINGER_H
#define BANTER_GATEWAY_LINGER_H

#include "common/list.h"
#include "common/loop.h"

/* A room with fewer members on this worker is flushed sooner than it could wait. */
#define LINGER_MEMBERS_MIN 256

/* Embedded in a room; zeroed is initialised. Times by the monotonic clock. */
struct room_linger {
    uint64_t began_us; /* of the last flush */
    uint64_t ended_us; /* 0: there was none */
    uint64_t until_us; /* it waits, or has waited, until then; 0: not since the last flush */
    struct list_node node;
};

/* One for a worker. */
struct lingers;

/* due is called on the loop for a room that has waited for long enough. max_ms 0: nobody waits. */
struct lingers *lingers_create(struct loop *loop, uint64_t max_ms,
                               void (*due)(void *context, struct room_linger *linger),
                               void *context);
void lingers_destroy(struct lingers **lingers);

/* At a turn's end, for a room with something to flush: whether it waits. Then due follows, and in
 * any later turn it may be asked again. more: commands are under way. */
bool linger_wait(struct lingers *lingers, struct room_linger *linger, bool more) ATTR_MUSTCHECK;
/* It is flushed by what was deferred (loop_defer()) in this turn. */
void linger_flush(struct lingers *lingers, struct room_linger *linger);
/* The room goes away. */
void linger_drop(struct room_linger *linger);

#endif
