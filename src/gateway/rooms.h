/*
 * rooms.h: the rooms that have a subscriber on this worker, and what those subscribers get.
 *
 * The bus's events go into each room's log (room_log.h) as they arrive; at the end of the turn
 * every subscriber of a room that changed takes what its cursor (cursor.h) has next, so that the
 * events of one batch leave together. A turn serves a few hundred subscribers; the other rooms wait
 * for the next, in which what came meanwhile joins what they have. What is not in the ring is read
 * from the database, one page at a time, and a page serves all subscribers that wait for it.
 */
#ifndef BANTER_GATEWAY_ROOMS_H
#define BANTER_GATEWAY_ROOMS_H

#include "common/bus_proto.h"
#include "common/loop.h"
#include "common/pool.h"
#include "gateway/cursor.h"

struct room;
struct rooms;
struct subscription;

/* Why a subscription ends by the room's doing. */
enum rooms_end {
    ROOMS_END_REMOVED,   /* the user is no longer a member */
    ROOMS_END_ROOM_GONE, /* the room was removed */
    ROOMS_END_LOG_RESET, /* the log is another one: a backup was restored */
    ROOMS_END_UNREADABLE /* the log does not give what it should hold */
};

/* What a subscriber does; none of these may subscribe or unsubscribe before it returns. */
struct subscriber_ops {
    /* No more for now: what it has next stays in the log. It calls rooms_pump() later. behind: it
     * is catching up, and should leave room in the socket for those that are live. */
    bool (*full)(struct subscription *sub, bool behind);
    void (*deliver)(struct subscription *sub, struct frame *frame);
    /* The room's head is known and the cursor set. */
    void (*started)(struct subscription *sub, enum cursor_resume resume,
                    const struct room_log *log);
    void (*caught_up)(struct subscription *sub, uint64_t seq);
    void (*ended)(struct subscription *sub, enum rooms_end why);
};

/*
 * Embedded in its owner, who sets what is marked so before rooms_subscribe(). What every delivery
 * touches comes first, up to read_node: MEM_PREFETCHED bytes at most.
 */
struct subscription {
    const struct subscriber_ops *ops; /* owner's */
    uint64_t head;  /* owner's: of the log, read from the database before the membership was
                     * checked: a removal after it ends the subscription, one before it is history */
    bool has_since; /* owner's: since counts; else it starts at head */
    bool all_kinds; /* owner's: every event and note; else messages and presence only, as the
                     * original's */
    bool runs;      /* owner's: deliver takes runs, too (frame.h) */
    bool started;
    bool ended;
    bool lagging;        /* counted as a fallback */
    bool leaving;        /* its end was heard, but it is still catching up: no notes any more */
    uint8_t empty_reads; /* pages in a row that should have held something */
    struct room *room;   /* NULL while not subscribed */
    struct cursor cursor;
    struct list_node read_node; /* on the page that it waits for */

    uint64_t user_id;   /* owner's */
    uint64_t since;     /* owner's */
    uint64_t epoch;     /* owner's: that since belongs to; 0 if it was not said */
    const void *memory; /* owner's: what full() and deliver() touch, to be fetched in time */
    uint32_t index;     /* in the room's array */
};

struct rooms_options {
    size_t ring_room_bytes;
    size_t ring_total_bytes;
    uint64_t page_events;
    uint64_t linger_ms;      /* linger.h */
    uint32_t linger_members; /* only rooms with so many members here do */
};

struct bus_link;
struct presence_local;

struct rooms *rooms_create(struct loop *loop, struct pool *db, const struct rooms_options *options);
/* Another bound on all rings from the end of this turn on. */
void rooms_bound_rings(struct rooms *rooms, size_t total_bytes);
/* Set later, since the link's handlers need the rooms; before the first subscriber. */
void rooms_set_link(struct rooms *rooms, struct bus_link *link, struct presence_local *presence);
/* No subscribers may be left, and the pool must be gone. */
void rooms_destroy(struct rooms **rooms);

void rooms_subscribe(struct rooms *rooms, struct subscription *sub, uint64_t room_id);
/* Does nothing if it is not subscribed. */
void rooms_unsubscribe(struct rooms *rooms, struct subscription *sub);
/* The subscriber has room again. */
void rooms_pump(struct rooms *rooms, struct subscription *sub);

/* The room's topic is ours: its head was heard, so its events come, too, unless one is lost. */
bool rooms_hear(const struct rooms *rooms, uint64_t room_id);

/* From the bus. */
void rooms_on_event(struct rooms *rooms, const struct bus_event *event);
void rooms_on_head(struct rooms *rooms, const struct bus_head *head);
void rooms_on_ephemeral(struct rooms *rooms, const struct bus_ephemeral *ephemeral);

#endif
