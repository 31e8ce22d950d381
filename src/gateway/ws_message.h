/*
 * ws_message.h: from a client's raw bytes, in any split, to whole messages and control frames.
 *
 * Owns fragmentation (RFC 6455, 5.4), control frames between fragments, UTF-8 across fragments
 * (8.1), the sizes, the payload of close frames, and compressed messages (RFC 7692). Pure: no I/O,
 * no clock, no log. What is handed out never depends on how the bytes were split.
 *
 * Made for many idle sockets: between messages the state is 24 bytes and owns nothing. A message
 * that arrives in one frame and in one feed is handed out where it lies, in the caller's buffer;
 * only what is incomplete is copied to the heap, as it arrives: a length that is announced but not
 * sent costs nothing.
 */
#ifndef BANTER_GATEWAY_WS_MESSAGE_H
#define BANTER_GATEWAY_WS_MESSAGE_H

#include "common/base.h"
#include "gateway/ws_frame.h"

struct ws_deflate;
struct ws_partial;
struct ws_rest;

/* Embedded in a connection. Zeroed is initialised. The fields are ws_message.c's own. */
struct ws_message {
    struct ws_partial *partial; /* an incomplete frame or message; NULL between messages */
    struct ws_rest *rest;       /* bytes not looked at since a pause; NULL when there are none */
    bool closed;                /* after a close frame or a violation: what follows is ignored */
    bool deflate; /* permessage-deflate was negotiated; set it before the first feed */
};

enum ws_verdict {
    WS_VERDICT_CONTINUE,
    WS_VERDICT_PAUSE, /* done with this one, but give no more until resumed */
    WS_VERDICT_STOP,  /* the connection is gone, perhaps with the struct ws_message in it */
};

/* The same for every connection of a worker. */
struct ws_message_sink {
    /*
     * Takes a whole message (text: valid UTF-8; binary) or control frame (ping, pong, close: its
     * payload is checked, see ws_close_code_read). The bytes are unmasked, may be changed, are not
     * NUL-terminated, and are valid during the call only; data is never NULL. May call
     * ws_message_fini() and free the connection, and must then return WS_VERDICT_STOP; must not
     * call ws_message_feed().
     */
    enum ws_verdict (*on_message)(void *context, enum ws_opcode opcode, uint8_t *data, size_t len);
    uint32_t message_max;       /* bytes of a message, all fragments together; above it: 1009. Of a
                                 * compressed one: as sent, and inflated, too */
    uint32_t fragments_max;     /* frames of a message; above it: 1008 */
    struct ws_deflate *deflate; /* borrowed; NULL if no connection has negotiated it */
};

enum ws_feed {
    WS_FEED_OK,      /* every byte was used */
    WS_FEED_PAUSED,  /* on_message said so; stop reading, and feed (NULL, 0) to resume */
    WS_FEED_STOPPED, /* on_message said so; *message was not touched afterwards */
    WS_FEED_FAILED,  /* *violation says how; send the close frame. Further feeds are ignored */
};

void ws_message_init(struct ws_message *message);
/* Frees what is pending. Safe to repeat. */
void ws_message_fini(struct ws_message *message);

/*
 * Consumes len bytes, which it may change in place, and calls sink->on_message for each message
 * that they complete. While bytes wait after a pause (ws_message_waiting), only (NULL, 0) may be
 * fed. After WS_FEED_PAUSED with nothing waiting, either is right.
 */
enum ws_feed ws_message_feed(struct ws_message *message, uint8_t *data, size_t len,
                             const struct ws_message_sink *sink, void *context,
                             struct ws_violation *violation) ATTR_MUSTCHECK;

/*
 * Keeps a copy of bytes that came with the handshake, as if a pause had left them over: the next
 * feed of (NULL, 0) consumes them. Before the first feed only.
 */
void ws_message_hold(struct ws_message *message, const void *data, size_t len);

/* How many received bytes wait for a resume; at most the longest feed. */
size_t ws_message_waiting(const struct ws_message *message);

/* The memory, in bytes, of a frame or message that has begun and not ended; 0 without one. */
size_t ws_message_unfinished(const struct ws_message *message);

#endif
