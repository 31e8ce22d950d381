#include "gateway/ws_conn.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/metrics.h"
#include "gateway/ping_wheel.h"
#include "gateway/socket_poll.h"
#include "gateway/ws_deflate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PINGS_UNANSWERED_MAX 2
#define CLOSE_WAIT_S         5
#define IOVECS_MAX           64
/* A worker that was busy once does not keep more room than this for the next time. */
#define DUE_FIRST 64
#define DUE_KEPT  4096
/* One turn takes at most this much from a socket: others wait for their turn, too. So much is
 * received, and so much handed out: inflated it is more, and the shortest frame takes time. */
#define READ_BYTES  (64 * 1024)
#define FRAME_BYTES 512

/* A line that clients ignore (HTML, 9.2.6) and that shows whether they are there. */
static const char stream_comment[] = ": ping\n\n";

/* Connections that have something to do at the end of the turn: in one piece, as it walks them. */
struct due {
    struct ws_conn **conns;
    size_t count;
    size_t size;
};

struct ws_set {
    struct loop *loop;
    struct socket_poll *poll;
    struct ws_options options;
    struct ws_message_sink sink;
    struct ws_deflate *deflate; /* NULL: never */
    struct ping_wheel wheel;
    struct list closing; /* CLOSING, in the order of their deadlines */
    struct due due;      /* something is queued, received bytes wait, or the state has changed */
    struct due spare;
    struct loop_timer *ping_timer;
    struct loop_timer *close_timer;
    struct frame *ping;
    struct frame *stream_ping;
    size_t count;
    size_t streams;      /* of these */
    size_t queue_bytes;  /* of all */
    uint64_t send_calls; /* of this turn, for the metrics */
    uint64_t bytes_sent;
    uint64_t bytes_saved; /* by compression */
    size_t handed_out;    /* of the socket that is being fed: what of READ_BYTES it has had */
    uint8_t buffer[READ_BYTES];
};

static uint32_t now_s(void)
{
    return (uint32_t)(clock_mono_ms() / 1000);
}

static void look_later(struct ws_conn *conn)
{
    struct due *due = &conn->set->due;

    if (conn->due)
        return;
    if (due->count == due->size) {
        due->size = MAX(due->size * 2, (size_t)DUE_FIRST);
        due->conns = mem_realloc(due->conns, due->size * sizeof(struct ws_conn *));
    }
    due->conns[due->count++] = conn;
    conn->due = true;
    loop_no_wait(conn->set->loop);
}

static bool takes(const struct ws_conn *conn)
{
    return conn->state == WS_CLOSING || (conn->state == WS_OPEN && !conn->paused);
}

/* The socket is done with; on_closed follows at the end of the turn. */
static void drop(struct ws_conn *conn)
{
    if (conn->state == WS_CLOSED)
        return;
    if (conn->state == WS_OPEN) {
        conn->ending.by = WS_ENDED_BY_NETWORK;
        conn->ending.code = WS_CLOSE_ABNORMAL;
    }
    conn->ending.frames_out -= out_queue_messages(&conn->queue);
    conn->state = WS_CLOSED;
    list_remove(&conn->wheel_node);
    conn->set->queue_bytes -= conn->queue.bytes;
    out_queue_clear(&conn->queue);
    ws_message_fini(&conn->message);
    close(conn->fd);
    conn->fd = -1;
    conn->set->count--;
    conn->set->streams -= conn->stream;
    look_later(conn);
}

/* Tells the kernel what this connection waits for now. */
static void watch(struct ws_conn *conn)
{
    unsigned wanted = (takes(conn) ? SOCKET_READ : 0) | (conn->writing ? SOCKET_WRITE : 0);

    if (conn->state == WS_CLOSED)
        return;
    if (!socket_poll_watch(conn->set->poll, conn->fd, conn, &conn->watched, (uint8_t)wanted))
        drop(conn);
}

/* Reads, beginning with what was received before a pause, or with the handshake. */
static void go_on(struct ws_conn *conn)
{
    watch(conn);
    if (ws_message_waiting(&conn->message) == 0)
        return;
    conn->hungry = true;
    look_later(conn);
}

static ssize_t send_one(struct ws_conn *conn)
{
    const struct frame *frame = *out_queue_slot(&conn->queue, 0);

    return send(conn->fd, frame->bytes + conn->queue.sent, frame->len - conn->queue.sent,
                MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t send_many(struct ws_conn *conn)
{
    struct iovec pieces[IOVECS_MAX];
    struct msghdr message = {.msg_iov = pieces};

    message.msg_iovlen = out_queue_pieces(&conn->queue, pieces, IOVECS_MAX);
    return sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Gives the kernel what is queued, as much as it takes at once; false if the socket is broken. */
static bool write_some(struct ws_conn *conn)
{
    struct out_queue *queue = &conn->queue;
    uint32_t bytes_before = queue->bytes;
    ssize_t sent = queue->count == 1 ? send_one(conn) : send_many(conn);

    conn->set->send_calls++;
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    conn->set->bytes_sent += (uint64_t)sent;
    if (conn->stream)
        conn->pings_unanswered = 0;
    out_queue_sent(queue, (size_t)sent);
    conn->set->queue_bytes -= bytes_before - queue->bytes;
    if (conn->pong_queued && conn->pong_at - queue->popped >= queue->count)
        conn->pong_queued = false;
    return true;
}

static void flush(struct ws_conn *conn)
{
    bool blocked;

    while (conn->queue.count > 0) {
        uint32_t count_before = conn->queue.count;

        if (!write_some(conn)) {
            drop(conn);
            return;
        }
        if (conn->queue.count + IOVECS_MAX > count_before && conn->queue.count > 0)
            break; /* fewer than offered: the kernel's buffer is full */
    }
    blocked = conn->queue.count > 0;
    /* 7.1.7: fail the connection; it still reads our close frame */
    if (!blocked && conn->ends)
        shutdown(conn->fd, SHUT_WR);
    if (blocked != conn->writing) {
        conn->writing = blocked;
        watch(conn);
    }
    if (conn->was_full && conn->queue.bytes <= conn->set->options.queue_bytes_max / 4) {
        conn->was_full = false;
        if (conn->state == WS_OPEN)
            conn->set->options.handlers->on_drained(conn);
    }
}

/* Our close frame is out and theirs is in: RFC 6455, 7.1.1 has the server close first. */
static void finish_close(struct ws_conn *conn)
{
    if (conn->queue.count > 0)
        flush(conn);
    drop(conn);
}

/* One pong at a time waits in the queue, for the latest ping (5.5.3): who pings without reading
 * gets no more of them. */
static void answer_ping(struct ws_conn *conn, const uint8_t *data, size_t len)
{
    struct frame *pong = frame_create(WS_OP_PONG, data, len);
    struct out_queue *queue = &conn->queue;
    uint32_t index = conn->pong_at - queue->popped;
    uint32_t bytes_before = queue->bytes;

    if (conn->pong_queued && (index > 0 || queue->sent == 0)) {
        out_queue_replace(queue, index, pong);
        conn->set->queue_bytes += queue->bytes - (size_t)bytes_before;
    } else {
        conn->pong_queued = conn->state == WS_OPEN;
        conn->pong_at = queue->popped + queue->count;
        ws_conn_send(conn, pong);
    }
    frame_unref(pong);
}

/* Whether this socket has had its share of the turn, the rest of which waits for the next one. */
static enum ws_verdict count_handed_out(struct ws_conn *conn, size_t len)
{
    conn->set->handed_out += FRAME_BYTES + len;
    return conn->set->handed_out < READ_BYTES ? WS_VERDICT_CONTINUE : WS_VERDICT_PAUSE;
}

static enum ws_verdict on_frame(void *context, enum ws_opcode opcode, uint8_t *data, size_t len)
{
    struct ws_conn *conn = context;
    enum ws_verdict verdict = count_handed_out(conn, len);

    conn->pings_unanswered = 0;
    conn->ending.frames_in++;
    if (conn->state != WS_OPEN && opcode != WS_OP_CLOSE)
        return verdict;
    switch (opcode) {
    case WS_OP_TEXT:
    case WS_OP_BINARY:
        metrics_add(METRIC_WS_MESSAGES_RECEIVED, 1);
        conn->set->options.handlers->on_message(conn, opcode == WS_OP_TEXT, data, len);
        break;
    case WS_OP_PING:
        answer_ping(conn, data, len);
        break;
    case WS_OP_CLOSE:
        /* 5.5.1: a close is answered with the same code. */
        if (conn->state == WS_OPEN)
            conn->ending.by = WS_ENDED_BY_CLIENT;
        ws_conn_close(conn, ws_close_code_read(data, len), NULL);
        finish_close(conn);
        return WS_VERDICT_STOP;
    case WS_OP_PONG:
    case WS_OP_CONTINUATION:
        break;
    }
    if (conn->state == WS_CLOSED)
        return WS_VERDICT_STOP; /* the handler's close found the socket broken */
    return conn->paused && conn->state == WS_OPEN ? WS_VERDICT_PAUSE : verdict;
}

static void feed(struct ws_conn *conn, uint8_t *data, size_t len)
{
    struct ws_violation violation;

    conn->set->handed_out = 0;
    switch (ws_message_feed(&conn->message, data, len, &conn->set->sink, conn, &violation)) {
    case WS_FEED_OK:
    case WS_FEED_STOPPED:
        break;
    case WS_FEED_PAUSED:
        if (takes(conn))
            go_on(conn); /* in the next turn */
        break;
    case WS_FEED_FAILED:
        metrics_add(METRIC_WS_PROTOCOL_ERRORS, 1);
        conn->ends = true;
        if (conn->state == WS_OPEN)
            conn->set->options.handlers->on_violation(conn, violation.code, violation.reason);
        break;
    }
}

static void read_some(struct ws_conn *conn)
{
    struct ws_set *set = conn->set;
    ssize_t got;

    if (ws_message_waiting(&conn->message) > 0)
        return; /* look() gives it these first */
    got = recv(conn->fd, set->buffer, sizeof(set->buffer), MSG_DONTWAIT);
    if (got > 0 && !conn->stream)
        feed(conn, set->buffer, (size_t)got);
    else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        drop(conn);
}

static void on_ready(void *item, unsigned ready)
{
    struct ws_conn *conn = item;

    if (conn->state == WS_CLOSED)
        return;
    if ((ready & SOCKET_WRITE) != 0 && conn->writing)
        look_later(conn);
    if ((ready & SOCKET_READ) != 0 && takes(conn))
        read_some(conn);
}

static void count_deflate(struct ws_set *set)
{
    struct ws_deflate_count count = ws_deflate_take_count(set->deflate);

    if (count.compressed + count.inflated + set->bytes_saved == 0)
        return;
    metrics_add(METRIC_WS_DEFLATED, count.compressed);
    metrics_add(METRIC_WS_INFLATED, count.inflated);
    metrics_add(METRIC_WS_BYTES_SAVED, set->bytes_saved);
    set->bytes_saved = 0;
}

static void count_sent(struct ws_set *set)
{
    metrics_set(METRIC_WS_QUEUE_BYTES, set->queue_bytes); /* it falls without sends, too */
    if (set->send_calls == 0)
        return;
    metrics_add(METRIC_WS_SEND_CALLS, set->send_calls);
    metrics_add(METRIC_WS_BYTES_SENT, set->bytes_sent);
    set->send_calls = set->bytes_sent = 0;
}

static void look(struct ws_conn *conn)
{
    conn->due = false;
    if (conn->state == WS_CLOSED) {
        conn->set->options.handlers->on_closed(conn);
        return;
    }
    flush(conn);
    if (conn->hungry && takes(conn)) {
        conn->hungry = false;
        feed(conn, NULL, 0);
    }
}

/* The end of a turn: everything that was queued in it leaves in one call a socket. */
static void on_turn_end(void *context)
{
    struct ws_set *set = context;
    struct due due = set->due;

    /* What is queued meanwhile (on_drained, on_closed) is for the next turn. */
    set->due = set->spare;
    for (size_t i = 0; i < due.count; i++) {
        mem_prefetch(due.conns[MIN(i + 1, due.count - 1)]); /* while the kernel sends this one */
        look(due.conns[i]);
    }
    due.count = 0;
    if (due.size > DUE_KEPT) {
        mem_free(due.conns);
        due = (struct due){0};
    }
    set->spare = due;
    count_sent(set);
    if (set->deflate != NULL)
        count_deflate(set);
}

/* A stream answers nothing: its sign of life is that something leaves the queue, where the last
 * comment would still be. */
static void ping(struct ws_set *set, struct ws_conn *conn)
{
    if (!conn->stream) {
        conn->pings_unanswered++;
        ws_conn_send(conn, set->ping);
    } else if (conn->queue.count > 0) {
        conn->pings_unanswered++;
    } else {
        ws_conn_send(conn, set->stream_ping);
    }
}

/* Everyone whose turn it is is pinged, and who missed two is gone. */
static void on_ping_timer(void *context)
{
    struct ws_set *set = context;
    struct list *slot = ping_wheel_turn(&set->wheel);

    LIST_FOREACH_SAFE (node, slot) {
        struct ws_conn *conn = LIST_ITEM(node, struct ws_conn, wheel_node);

        if (conn->pings_unanswered >= PINGS_UNANSWERED_MAX) {
            metrics_add(METRIC_WS_PING_TIMEOUTS, 1);
            set->options.handlers->on_unresponsive(conn);
            continue;
        }
        ping(set, conn);
    }
}

static void on_close_timer(void *context)
{
    struct ws_set *set = context;
    uint32_t now = now_s();

    LIST_FOREACH_SAFE (node, &set->closing) {
        struct ws_conn *conn = LIST_ITEM(node, struct ws_conn, wheel_node);

        if (conn->close_deadline_s > now)
            break;
        drop(conn);
    }
}

struct ws_set *ws_set_create(struct loop *loop, const struct ws_options *options)
{
    struct ws_set *set = mem_alloc(sizeof(*set));

    set->loop = loop;
    set->options = *options;
    if (options->deflate_min_bytes > 0)
        set->deflate = ws_deflate_create(options->deflate_min_bytes);
    set->sink =
        (struct ws_message_sink){on_frame, options->message_max, WS_FRAGMENTS_MAX, set->deflate};
    ping_wheel_init(&set->wheel, options->ping_ms);
    list_init(&set->closing);
    set->poll = socket_poll_create(loop, on_ready);
    set->ping = frame_create(WS_OP_PING, NULL, 0);
    set->stream_ping = frame_create_raw(stream_comment, sizeof(stream_comment) - 1);
    set->ping_timer = loop_timer_create(loop, on_ping_timer, set);
    loop_timer_start_periodic(set->ping_timer, set->wheel.tick_ms);
    set->close_timer = loop_timer_create(loop, on_close_timer, set);
    loop_timer_start_periodic(set->close_timer, 1000);
    loop_on_turn_end(loop, on_turn_end, set);
    return set;
}

void ws_set_destroy(struct ws_set **set)
{
    if (*set == NULL)
        return;
    CHECK((*set)->count == 0);
    on_turn_end(*set);
    loop_timer_destroy(&(*set)->ping_timer);
    loop_timer_destroy(&(*set)->close_timer);
    socket_poll_destroy(&(*set)->poll);
    mem_free((*set)->due.conns);
    mem_free((*set)->spare.conns);
    frame_unref((*set)->ping);
    frame_unref((*set)->stream_ping);
    ws_deflate_destroy(&(*set)->deflate);
    mem_free(*set);
    *set = NULL;
}

size_t ws_set_streams(const struct ws_set *set)
{
    return set->streams;
}

size_t ws_set_count(const struct ws_set *set)
{
    return set->count;
}

void ws_set_foreach(struct ws_set *set, void (*fn)(struct ws_conn *conn, void *context),
                    void *context)
{
    for (size_t i = 0; i < set->wheel.count; i++)
        LIST_FOREACH_SAFE (node, &set->wheel.slots[i]) {
            fn(LIST_ITEM(node, struct ws_conn, wheel_node), context);
        }
}

void ws_set_abort(struct ws_set *set)
{
    for (size_t i = 0; i < set->wheel.count; i++)
        LIST_FOREACH_SAFE (node, &set->wheel.slots[i]) {
            drop(LIST_ITEM(node, struct ws_conn, wheel_node));
        }
    LIST_FOREACH_SAFE (node, &set->closing) {
        drop(LIST_ITEM(node, struct ws_conn, wheel_node));
    }
}

void ws_conn_open(struct ws_conn *conn, struct ws_set *set, int fd, const void *early,
                  size_t early_len)
{
    memset(conn, 0, sizeof(*conn));
    conn->set = set;
    conn->fd = fd;
    conn->state = WS_OPEN;
    conn->paused = true;
    out_queue_init(&conn->queue);
    ws_message_init(&conn->message);
    ping_wheel_add(&set->wheel, &conn->wheel_node);
    set->count++;
    if (early_len > 0)
        ws_message_hold(&conn->message, early, early_len);
}

void ws_conn_open_stream(struct ws_conn *conn, struct ws_set *set, int fd)
{
    ws_conn_open(conn, set, fd, NULL, 0);
    conn->stream = true;
    set->streams++;
}

void ws_conn_deflate(struct ws_conn *conn, uint8_t window_bits)
{
    CHECK(window_bits == 0 || conn->set->deflate != NULL);
    conn->window_bits = window_bits;
    conn->message.deflate = window_bits > 0;
}

/* The frame as this connection gets it. */
static struct frame *form_for(struct ws_conn *conn, struct frame *frame)
{
    struct frame *form;

    if (conn->window_bits == 0)
        return frame;
    form = frame_deflated(frame, conn->set->deflate);
    if (form->window_bits > conn->window_bits)
        return frame;
    conn->set->bytes_saved += frame->len - form->len;
    return form;
}

void ws_conn_send(struct ws_conn *conn, struct frame *frame)
{
    if (conn->state != WS_OPEN)
        return;
    frame = form_for(conn, frame);
    out_queue_push(&conn->queue, frame);
    conn->ending.frames_out += frame_messages(frame);
    conn->set->queue_bytes += frame->len;
    if (!conn->writing)
        look_later(conn);
}

/* Whether so much is queued; who asks is told when it is not any more. */
static bool holds(struct ws_conn *conn, size_t bytes)
{
    conn->was_full = conn->was_full || conn->queue.bytes >= bytes;
    return conn->queue.bytes >= bytes;
}

bool ws_conn_full(struct ws_conn *conn, bool half)
{
    return holds(conn, conn->set->options.queue_bytes_max / (half ? 2 : 1));
}

bool ws_conn_choked(struct ws_conn *conn)
{
    return holds(conn, conn->set->options.queue_bytes_max * 2);
}

void ws_conn_close(struct ws_conn *conn, uint16_t code, const char *reason)
{
    struct frame *frame;

    if (conn->state != WS_OPEN)
        return;
    if (!conn->stream) {
        frame = frame_create_close(code, reason);
        ws_conn_send(conn, frame);
        frame_unref(frame);
    }
    conn->ending.code = code;
    conn->ending.reason = reason;
    conn->ends = conn->ends || conn->stream;
    look_later(conn);
    conn->state = WS_CLOSING;
    conn->close_deadline_s = now_s() + CLOSE_WAIT_S;
    list_remove(&conn->wheel_node);
    list_push_back(&conn->set->closing, &conn->wheel_node);
    go_on(conn); /* their close may be among what waits */
}

void ws_conn_pause(struct ws_conn *conn)
{
    conn->paused = true;
    watch(conn);
}

void ws_conn_resume(struct ws_conn *conn)
{
    if (!conn->paused)
        return;
    conn->paused = false;
    go_on(conn);
}
