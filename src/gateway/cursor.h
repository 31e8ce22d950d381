/*
 * cursor.h: where one subscriber is in a room's log, and what it gets next.
 *
 * Pure. A cursor is live when it stands behind the head, and is catching up otherwise; connecting
 * with since, a slow consumer and a gap on the bus are the same thing. It moves by one event at a
 * time and only forward, so that no subscriber can miss or repeat one.
 */
#ifndef BANTER_GATEWAY_CURSOR_H
#define BANTER_GATEWAY_CURSOR_H

#include "common/base.h"
#include "common/check.h"
#include "gateway/room_log.h"

struct cursor {
    uint64_t next;      /* the seq that it gets next */
    uint64_t caught_up; /* caught up once next is this: the head at its start + 1; 0 once told */
};

enum cursor_step {
    CURSOR_LIVE,      /* behind the head: nothing to do until the head moves */
    CURSOR_EVENT,     /* *frame_out is next (borrowed); then cursor_advance() */
    CURSOR_CAUGHT_UP, /* say so; then cursor_told() */
    CURSOR_READ_LOG,  /* what is next is in the database only: the page after next - 1 */
};

/* Why a resume was refused. */
enum cursor_resume {
    CURSOR_RESUMED,
    CURSOR_BEYOND_HEAD, /* since is above the head: it is of another log; the cursor is live */
    CURSOR_OTHER_EPOCH, /* the same by its epoch */
};

/* From after head on: what the database said when the subscriber was admitted. */
void cursor_start_live(struct cursor *cursor, uint64_t head);
/*
 * From since + 1 on; since above head is of another log, and so is an epoch (0: not said) that is
 * not the log's: the cursor is then live. head comes from the database, because the bus may lag
 * behind the worker that the client came from; and so the log's own head may still be below it.
 */
enum cursor_resume cursor_start_since(struct cursor *cursor, const struct room_log *log,
                                      uint64_t head, uint64_t since, uint64_t epoch);
void cursor_told(struct cursor *cursor);

/* What follows is part of every delivery. */

static inline enum cursor_step cursor_step(const struct cursor *cursor, const struct room_log *log,
                                           struct frame **frame_out)
{
    if (cursor->caught_up != 0 && cursor->next >= cursor->caught_up)
        return CURSOR_CAUGHT_UP;
    if (cursor->next > log->head)
        return CURSOR_LIVE;
    *frame_out = room_log_get(log, cursor->next);
    return *frame_out != NULL ? CURSOR_EVENT : CURSOR_READ_LOG;
}

/* The subscriber has this event, which was next, or this run, which began with it. */
static inline void cursor_advance(struct cursor *cursor, const struct frame *frame)
{
    CHECK(frame->events > 0 && frame->seq == cursor->next + frame->events - 1);
    cursor->next = frame->seq + 1;
}

#endif
