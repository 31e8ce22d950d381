/*
 * frame.h: a WebSocket text frame for any number of sockets: built once, shared by reference.
 *
 * Immutable after its creation. The bytes are a whole server frame: header (RFC 6455, 5.2;
 * unmasked, unfragmented) and JSON. A frame that is an event of a room's log knows its seq. A run
 * is several events that follow one another in the log, as their frames' bytes in one piece: what a
 * busy room's members get in a turn then costs each of them one place in its queue.
 */
#ifndef BANTER_GATEWAY_FRAME_H
#define BANTER_GATEWAY_FRAME_H

#include "common/bus_proto.h"
#include "gateway/ws_frame.h"

struct frame {
    uint64_t seq;      /* of an event in its room's log, of a run the last; 0 for all else */
    uint64_t actor_id; /* of an event: the user whom it concerns */
    uint32_t refs;
    uint32_t len;           /* of bytes */
    uint16_t events;        /* of a room's log that are in it: 0, 1, or those of a run */
    uint8_t json_at;        /* where the payload begins in bytes */
    uint8_t event_kind;     /* enum event_kind; 0 for what is no event */
    uint8_t ephemeral_kind; /* enum ephemeral_kind; 0 for what is none */
    struct frame *stream;   /* the same as a server-sent event; NULL until one is needed */
    uint8_t bytes[];
};

/* A frame with one reference, the caller's. payload is copied. */
struct frame *frame_create(enum ws_opcode opcode, const void *payload, size_t len);
struct frame *frame_create_event(const struct bus_event *event);
struct frame *frame_create_close(uint16_t code, const char *reason);
/* An empty run with room for len bytes; frame_run_add() fills it. A run has no stream form. */
struct frame *frame_create_run(size_t len);
/* Adds the next event. The run must have room for it and be seen by nobody yet. */
void frame_run_add(struct frame *run, const struct frame *event);

static inline struct frame *frame_ref(struct frame *frame)
{
    frame->refs++;
    return frame;
}

/* The frame as a server-sent event (HTML, 9.2.6): made on first use, kept as long as the frame. */
struct frame *frame_stream(struct frame *frame);
/* Any bytes, as they go to the socket. */
struct frame *frame_create_raw(const void *bytes, size_t len);

/* Gives the caller's reference back; frees with the last. */
void frame_unref(struct frame *frame);

#endif
