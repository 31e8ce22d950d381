/*
 * ws_conn.h: one WebSocket: reading, the out-queue, pings and the close handshake.
 *
 * A connection is embedded in its owner's object (chat_client.h). Frames are queued by reference
 * and flushed once at the end of the loop's turn, with one system call; it is waited for room only
 * after the kernel said EAGAIN, and neither libevent's events nor its buffers are involved
 * (socket_poll.h). An idle connection has no buffer.
 *
 * Its life: OPEN, then CLOSING (our close frame is queued; what the peer still sends is ignored,
 * until its close frame, its end or a deadline), then CLOSED (on_closed was called, at the end of
 * a turn, never from inside another call).
 */
#ifndef BANTER_GATEWAY_WS_CONN_H
#define BANTER_GATEWAY_WS_CONN_H

#include "common/base.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/mem.h"
#include "gateway/frame.h"
#include "gateway/out_queue.h"
#include "gateway/ws_message.h"

struct ws_conn;
struct ws_set;

struct ws_handlers {
    /* A whole text message (valid UTF-8) or binary message; the bytes are valid during the call.
     * May call any function below. */
    void (*on_message)(struct ws_conn *conn, bool text, const uint8_t *data, size_t len);
    /* The out-queue, which had passed its limit, has room again. */
    void (*on_drained)(struct ws_conn *conn);
    /* The peer broke the protocol (a close code of RFC 6455 and a static sentence), or answered no
     * ping. The owner calls ws_conn_close(). */
    void (*on_violation)(struct ws_conn *conn, uint16_t code, const char *reason);
    void (*on_unresponsive)(struct ws_conn *conn);
    /* The socket is gone. The owner may free the connection here. */
    void (*on_closed)(struct ws_conn *conn);
};

struct ws_options {
    const struct ws_handlers *handlers;
    uint64_t ping_ms;
    size_t queue_bytes_max;   /* above it, ws_conn_full() */
    uint32_t message_max;     /* bytes; longer messages close with 1009 */
    size_t deflate_min_bytes; /* shorter messages are not compressed; 0: none is, either way */
};

/* How a connection ended, for the log. */
enum ws_ended_by { WS_ENDED_BY_SERVER, WS_ENDED_BY_CLIENT, WS_ENDED_BY_NETWORK };

struct ws_ending {
    uint32_t frames_out; /* messages that the kernel took whole; until the end, also those queued */
    uint32_t frames_in;  /* those that fragments and control frames make, whole */
    const char *reason;  /* static; NULL unless the server closed it */
    uint16_t code;       /* 1006 without a close frame (RFC 6455, 7.1.5) */
    uint8_t by;          /* enum ws_ended_by */
};

enum ws_state { WS_OPEN, WS_CLOSING, WS_CLOSED };

/* What every delivery touches comes first, up to ending.frames_out: MEM_PREFETCHED bytes at most.
 */
struct ws_conn {
    struct ws_set *set;
    struct out_queue queue;
    int fd;
    uint8_t state; /* enum ws_state */
    uint8_t pings_unanswered;
    uint8_t watched;         /* of socket_poll.h */
    bool due;                /* among those that the end of the turn looks at */
    bool hungry;             /* to be fed what was received earlier */
    bool paused;             /* the owner takes no more messages for now */
    bool writing;            /* the kernel's buffer is full */
    bool pong_queued;        /* at pong_at, and not begun to be sent: a newer ping replaces it */
    bool was_full;           /* on_drained is owed */
    bool stream;             /* a server-sent event stream */
    bool ends;               /* the queue ends with our last word: shut our side down after it */
    uint8_t window_bits;     /* what is sent may be compressed to fit it; 0: not at all */
    struct ws_ending ending; /* counted from the start, complete in on_closed */
    struct ws_message message;
    struct list_node wheel_node; /* in a slot of the ping wheel; on the closing list when CLOSING */
    uint32_t pong_at;            /* the place of the pong that waits, if there is one */
    uint32_t close_deadline_s;   /* CLOSING: when the peer's patience ends; process seconds */
};

_Static_assert(offsetof(struct ws_conn, ending) + sizeof(uint32_t) <= MEM_PREFETCHED,
               "a delivery would wait for memory");

/* One for a worker; registers itself at the end of the loop's turns. */
struct ws_set *ws_set_create(struct loop *loop, const struct ws_options *options);
/* All connections must be closed. */
void ws_set_destroy(struct ws_set **set);
/* Connections that are not CLOSED. */
size_t ws_set_count(const struct ws_set *set);
/* How many of these are streams of server-sent events. */
size_t ws_set_streams(const struct ws_set *set);
/* Calls fn for each connection that is OPEN; fn may close it. */
void ws_set_foreach(struct ws_set *set, void (*fn)(struct ws_conn *conn, void *context),
                    void *context);
/* Closes every socket without the handshake; on_closed follows at the end of the turn. */
void ws_set_abort(struct ws_set *set);

/* Takes over a connected, non-blocking socket. Starts paused: ws_conn_resume() begins to read.
 * early are bytes that came with the handshake; they are copied. */
void ws_conn_open(struct ws_conn *conn, struct ws_set *set, int fd, const void *early,
                  size_t early_len);
/* permessage-deflate was negotiated: by these bits (ws_extensions.h). Before anything is sent. */
void ws_conn_deflate(struct ws_conn *conn, uint8_t window_bits);
/*
 * The same for a server-sent event stream: no frames, no handshakes. What the peer sends is
 * ignored, a ping is a comment, and closing is the end of the stream.
 */
void ws_conn_open_stream(struct ws_conn *conn, struct ws_set *set, int fd);
/* Queues a frame, taking a reference. Ignored unless OPEN. Never calls back. */
void ws_conn_send(struct ws_conn *conn, struct frame *frame);
/* The queue has passed its limit (or half of it): hold back what can be had again from the log.
 * on_drained follows when three quarters of the limit are free. */
bool ws_conn_full(struct ws_conn *conn, bool half);
/* The queue has twice its limit, which only answers to what the peer itself sends can bring about:
 * read no more from one that does not read. on_drained follows. */
bool ws_conn_choked(struct ws_conn *conn);
/* Begins the close handshake: what is queued goes first. Later calls are ignored. reason is static,
 * or NULL. */
void ws_conn_close(struct ws_conn *conn, uint16_t code, const char *reason);
/* Stops reading, after the message that is being handled; for back-pressure. */
void ws_conn_pause(struct ws_conn *conn);
/* Goes on, first with what was received already; never calls back from inside. */
void ws_conn_resume(struct ws_conn *conn);

#endif
