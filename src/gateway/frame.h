/*
 * frame.h: a WebSocket text frame for any number of sockets: built once, shared by reference.
 *
 * Immutable after its creation. The bytes are a whole server frame: header (RFC 6455, 5.2;
 * unmasked, unfragmented) and JSON. A frame that is an event of a room's log knows its seq. A run
 * is several events that follow one another in the log, as their frames' bytes in one piece: what a
 * busy room's members get in a turn then costs each of them one place in its queue.
 *
 * Beside itself a frame can have two other forms, made when the first socket wants them and kept as
 * long as the frame: as a server-sent event, and compressed (RFC 7692). The compressed one is
 * shorter than the frame, or it is the frame itself. Who keeps a frame for long and has to know
 * what it takes (room_log.h) leaves its count there, which every form is added to.
 */
#ifndef BANTER_GATEWAY_FRAME_H
#define BANTER_GATEWAY_FRAME_H

#include "common/bus_proto.h"
#include "gateway/byte_count.h"
#include "gateway/ws_frame.h"

struct frame {
    uint64_t seq;      /* of an event in its room's log, of a run the last; 0 for all else */
    uint64_t actor_id; /* of an event: the user whom it concerns */
    uint32_t refs;
    uint32_t len;               /* of bytes */
    uint16_t events;            /* of a room's log that are in it: 0, 1, or those of a run */
    uint8_t json_at;            /* where the payload begins in bytes */
    uint8_t event_kind;         /* enum event_kind; 0 for what is no event */
    uint8_t ephemeral_kind;     /* enum ephemeral_kind; 0 for what is none */
    uint8_t window_bits;        /* of a compressed form: the window that its reader needs; else 0 */
    struct frame *stream;       /* the same as a server-sent event; NULL until one is needed */
    struct frame *deflated;     /* the same compressed, or itself; NULL until it is needed */
    struct frame **parts;       /* of a run: its events, until frame_run_end() */
    struct byte_count *counted; /* where frame_bytes() of it are counted, or NULL. Borrowed */
    uint8_t bytes[];
};

/* A frame with one reference, the caller's. payload is copied. */
struct frame *frame_create(enum ws_opcode opcode, const void *payload, size_t len);
struct frame *frame_create_event(const struct bus_event *event);
struct frame *frame_create_close(uint16_t code, const char *reason);
/* An empty run with room for so many events, of len bytes together; frame_run_add() fills it. A run
 * has no stream form. */
struct frame *frame_create_run(size_t events, size_t len);
/* Adds the next event, with a reference. The run must have room for it and be seen by nobody yet.
 */
void frame_run_add(struct frame *run, struct frame *event);
/* No socket will be given this run any more: lets go of its events. It is not compressed after it.
 */
void frame_run_end(struct frame *run);

static inline struct frame *frame_ref(struct frame *frame)
{
    frame->refs++;
    return frame;
}

/* What it takes, with its other forms. */
static inline size_t frame_bytes(const struct frame *frame)
{
    size_t stream = frame->stream != NULL ? frame->stream->len : 0;
    bool other = frame->deflated != NULL && frame->deflated != frame;

    return frame->len + stream + (other ? frame->deflated->len : 0);
}

/* How many messages its reader takes it for: a run's are told from each other. */
static inline uint32_t frame_messages(const struct frame *frame)
{
    return frame->events > 1 ? frame->events : 1;
}

/* The frame as a server-sent event (HTML, 9.2.6): made on first use, kept as long as the frame. */
struct frame *frame_stream(struct frame *frame);
struct ws_deflate;

/* See frame_deflated(). */
struct frame *frame_deflate(struct frame *frame, struct ws_deflate *deflate);
/*
 * The frame with its payload compressed; a run's events are compressed each, and each once. It is
 * the frame itself where that does not pay, and for control frames. Borrowed from the frame.
 */
static inline struct frame *frame_deflated(struct frame *frame, struct ws_deflate *deflate)
{
    return frame->deflated != NULL ? frame->deflated : frame_deflate(frame, deflate);
}

/* Any bytes, as they go to the socket. */
struct frame *frame_create_raw(const void *bytes, size_t len);

/* Gives the caller's reference back; frees with the last. */
void frame_unref(struct frame *frame);

#endif
