/*
 * room_log.h: what a worker knows of one room's log: its head, and a ring of the latest events.
 *
 * Pure: no I/O. The bus may lose, repeat and reorder what it carries (between brokers); this is
 * where that becomes an ordered log again. Invariants, between calls:
 *   - while live, every event up to head is committed, and is in the ring or in the database;
 *   - the ring holds the events first..head without a hole (it may be empty: first = head + 1).
 */
#ifndef BANTER_GATEWAY_ROOM_LOG_H
#define BANTER_GATEWAY_ROOM_LOG_H

#include "common/base.h"
#include "gateway/frame.h"

struct room_log {
    bool live;     /* a head was heard: what comes after it will be heard, and the epoch is known */
    uint64_t head; /* the last seq known to be committed */
    uint64_t epoch;      /* of the log; 0 until a head was heard */
    struct frame **ring; /* a circular array */
    uint32_t ring_size;  /* a power of two, or 0 */
    uint32_t ring_first; /* index of the oldest */
    uint32_t ring_count;
    struct byte_count ring_bytes; /* of the frames, with the forms that they get meanwhile */
    uint64_t turn_first;          /* the first event since room_log_turn_end(); 0 for none */
    struct frame *run;            /* those events in one piece, once somebody has asked for them */
};

/* A run has at most so many events and bytes: what is longer goes event by event. */
#define ROOM_LOG_RUN_EVENTS_MAX 1024
#define ROOM_LOG_RUN_BYTES_MAX  (64 * 1024)

enum room_log_result {
    ROOM_LOG_OLD,      /* known already; nothing changed */
    ROOM_LOG_ADVANCED, /* the head moved, and the ring with it */
    ROOM_LOG_GAP,   /* the head moved past events that were not heard: they are in the database */
    ROOM_LOG_RESET, /* another epoch: the log is another one than before */
};

/* all: where the rings' bytes are counted together, or NULL. The log stays where it is: its frames
 * know its count. */
void room_log_init(struct room_log *log, struct byte_count *all);
void room_log_fini(struct room_log *log);

/* The broker says where the head is. */
enum room_log_result room_log_on_head(struct room_log *log, uint64_t head, uint64_t epoch);
/* An event arrived. Takes a reference of its own if it keeps the frame. */
enum room_log_result room_log_on_event(struct room_log *log, struct frame *frame);
/* The seq of the oldest event in the ring; head + 1 when it is empty. */
uint64_t room_log_first(const struct room_log *log);
/* The event with this seq, or NULL if it is not in the ring. Borrowed until the next change. */
struct frame *room_log_get(const struct room_log *log, uint64_t seq);
/* The events of this turn, from seq to the head, as a run (frame.h): what every member that is live
 * has next. NULL if seq is not where they begin, if it is one alone, if not all of them are
 * messages (which anybody may have) or if they are too long. Borrowed until the next change. */
struct frame *room_log_run(struct room_log *log, uint64_t seq);
/* Everyone has been given what this turn brought. */
void room_log_turn_end(struct room_log *log);
/* Puts an event read from the database before the ring; only first - 1 fits. Takes a reference. */
void room_log_prepend(struct room_log *log, struct frame *frame);
/* Drops the oldest events until the ring holds at most max_bytes. */
void room_log_trim(struct room_log *log, size_t max_bytes);

#endif
