/*
 * frame.h: a WebSocket text frame for any number of sockets: built once, shared by reference.
 *
 * Immutable after its creation. The bytes are a whole server frame: header (RFC 6455, 5.2;
 * unmasked, unfragmented) and JSON. A frame that is an event of a room's log knows its seq.
 */
#ifndef BANTER_GATEWAY_FRAME_H
#define BANTER_GATEWAY_FRAME_H

#include "common/bus_proto.h"
#include "gateway/ws_frame.h"

struct frame {
    uint64_t seq;      /* of an event in its room's log; 0 for everything else */
    uint64_t actor_id; /* of an event: the user whom it concerns */
    uint32_t refs;
    uint32_t len;           /* of bytes */
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
