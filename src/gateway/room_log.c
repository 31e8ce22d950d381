#include "gateway/room_log.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>

#define RING_SIZE_MIN 8

void room_log_init(struct room_log *log, struct byte_count *all)
{
    memset(log, 0, sizeof(*log));
    log->ring_bytes.whole = all;
}

void room_log_fini(struct room_log *log)
{
    room_log_turn_end(log);
    room_log_trim(log, 0);
    mem_free(log->ring);
    room_log_init(log, log->ring_bytes.whole);
}

static struct frame **slot(const struct room_log *log, uint32_t index)
{
    return &log->ring[(log->ring_first + index) & (log->ring_size - 1)];
}

/* The frame is in the ring from now on, and in no other. Takes a reference. */
static void keep(struct room_log *log, struct frame **place, struct frame *frame)
{
    CHECK(frame->counted == NULL);
    *place = frame_ref(frame);
    frame->counted = &log->ring_bytes;
    byte_count_add(frame->counted, frame_bytes(frame));
}

static void let_go(struct frame *frame)
{
    byte_count_take(frame->counted, frame_bytes(frame));
    frame->counted = NULL;
    frame_unref(frame);
}

/* Makes room for one more. */
static void grow(struct room_log *log)
{
    uint32_t size = log->ring_size > 0 ? log->ring_size * 2 : RING_SIZE_MIN;
    struct frame **ring;

    if (log->ring_count < log->ring_size)
        return;
    ring = mem_alloc_array(size, sizeof(struct frame *));
    for (uint32_t i = 0; i < log->ring_count; i++)
        ring[i] = *slot(log, i);
    mem_free(log->ring);
    log->ring = ring;
    log->ring_size = size;
    log->ring_first = 0;
}

uint64_t room_log_first(const struct room_log *log)
{
    return log->head + 1 - log->ring_count;
}

void room_log_turn_end(struct room_log *log)
{
    log->turn_first = 0;
    if (log->run != NULL) {
        frame_run_end(log->run);
        frame_unref(log->run);
    }
    log->run = NULL;
}

static enum room_log_result jump(struct room_log *log, uint64_t head)
{
    room_log_turn_end(log);
    room_log_trim(log, 0);
    log->head = head;
    return ROOM_LOG_GAP;
}

enum room_log_result room_log_on_head(struct room_log *log, uint64_t head, uint64_t epoch)
{
    bool first = log->epoch == 0 && !log->live;

    if (log->epoch != 0 && log->epoch != epoch) {
        log->epoch = epoch;
        log->live = true;
        jump(log, head);
        return ROOM_LOG_RESET;
    }
    log->epoch = epoch;
    log->live = true;
    if (first && log->head == 0) {
        log->head = head;
        return ROOM_LOG_ADVANCED;
    }
    return head > log->head ? jump(log, head) : ROOM_LOG_OLD;
}

enum room_log_result room_log_on_event(struct room_log *log, struct frame *frame)
{
    enum room_log_result result = ROOM_LOG_ADVANCED;

    if (frame->seq <= log->head)
        return ROOM_LOG_OLD;
    if (frame->seq != log->head + 1)
        result = jump(log, frame->seq - 1);
    if (log->turn_first == 0 || log->run != NULL) {
        room_log_turn_end(log); /* what was given out already is no part of the next run */
        log->turn_first = frame->seq;
    }
    grow(log);
    keep(log, slot(log, log->ring_count), frame);
    log->ring_count++;
    log->head = frame->seq;
    return result;
}

struct frame *room_log_get(const struct room_log *log, uint64_t seq)
{
    uint64_t first = room_log_first(log);

    if (seq < first || seq > log->head)
        return NULL;
    return *slot(log, (uint32_t)(seq - first));
}

/* The bytes of the events from..head; 0 if they make no run. */
static size_t run_bytes(const struct room_log *log, uint64_t from)
{
    size_t bytes = 0;

    for (uint64_t seq = from; seq <= log->head; seq++) {
        const struct frame *frame = room_log_get(log, seq);

        if (frame->event_kind != EVENT_MESSAGE)
            return 0;
        bytes += frame->len;
    }
    return bytes <= ROOM_LOG_RUN_BYTES_MAX ? bytes : 0;
}

struct frame *room_log_run(struct room_log *log, uint64_t seq)
{
    size_t bytes;

    if (seq == 0 || seq != log->turn_first || seq >= log->head || seq < room_log_first(log))
        return NULL;
    if (log->run != NULL)
        return log->run;
    if (log->head - seq >= ROOM_LOG_RUN_EVENTS_MAX || (bytes = run_bytes(log, seq)) == 0)
        return NULL;
    log->run = frame_create_run(log->head - seq + 1, bytes);
    for (; seq <= log->head; seq++)
        frame_run_add(log->run, room_log_get(log, seq));
    return log->run;
}

void room_log_prepend(struct room_log *log, struct frame *frame)
{
    CHECK(frame->seq + 1 == room_log_first(log));
    grow(log);
    log->ring_first = (log->ring_first - 1) & (log->ring_size - 1);
    log->ring_count++;
    keep(log, slot(log, 0), frame);
}

void room_log_trim(struct room_log *log, size_t max_bytes)
{
    while (log->ring_count > 0 && log->ring_bytes.bytes > max_bytes) {
        let_go(*slot(log, 0));
        log->ring_first = (log->ring_first + 1) & (log->ring_size - 1);
        log->ring_count--;
    }
    if (log->ring_count == 0) {
        mem_free(log->ring);
        log->ring = NULL;
        log->ring_size = log->ring_first = 0;
    }
}
