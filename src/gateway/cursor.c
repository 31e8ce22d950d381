#include "gateway/cursor.h"

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

void cursor_told(struct cursor *cursor)
{
    cursor->caught_up = 0;
}
