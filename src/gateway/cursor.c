#include "gateway/cursor.h"

#include "common/check.h"

void cursor_start_live(struct cursor *cursor, uint64_t head)
{
    cursor->next = head + 1;
    cursor->caught_up = 0;
}

enum cursor_resume cursor_start_since(struct cursor *cursor, const struct room_log *log,
                                      uint64_t head, uint64_t since, uint64_t epoch)
{
    cursor_start_live(cursor, head);
    if (epoch != 0 && log->epoch != 0 && epoch != log->epoch)
        return CURSOR_OTHER_EPOCH;
    if (since > head)
        return CURSOR_BEYOND_HEAD;
    cursor->next = since + 1;
    cursor->caught_up = (head > log->head ? head : log->head) + 1;
    return CURSOR_RESUMED;
}

enum cursor_step cursor_step(const struct cursor *cursor, const struct room_log *log,
                             struct frame **frame_out)
{
    if (cursor->caught_up != 0 && cursor->next >= cursor->caught_up)
        return CURSOR_CAUGHT_UP;
    if (cursor->next > log->head)
        return CURSOR_LIVE;
    *frame_out = room_log_get(log, cursor->next);
    return *frame_out != NULL ? CURSOR_EVENT : CURSOR_READ_LOG;
}

void cursor_advance(struct cursor *cursor, const struct frame *frame)
{
    CHECK(frame->events > 0 && frame->seq == cursor->next + frame->events - 1);
    cursor->next = frame->seq + 1;
}

void cursor_told(struct cursor *cursor)
{
    cursor->caught_up = 0;
}
