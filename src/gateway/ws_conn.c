#include "gateway/ws_conn.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Pings are spread over the slots of a wheel, so that they never come in bursts. */
#define WHEEL_SLOTS          32
#define PINGS_UNANSWERED_MAX 2
#define CLOSE_WAIT_S         5
#define IOVECS_MAX           64
/* One turn takes at most this much from a socket: others wait for their turn, too. */
#define READ_BYTES (64 * 1024)

/* A line that clients ignore (HTML, 9.2.6) and that shows whether they are there. */
static const char stream_comment[] = ": ping\n\n";

struct ws_set {
    struct loop *loop;
    struct ws_options options;
    struct ws_message_sink sink;
    struct list wheel[WHEEL_SLOTS];
    struct list closing; /* CLOSING, in the order of their deadlines */
    struct list flush;   /* something is queued, or the state has changed */
    struct loop_timer *ping_timer;
    struct loop_timer *close_timer;
    struct frame *ping;
    struct frame *stream_ping;
    unsigned wheel_at;   /* the slot whose turn is next */
    unsigned wheel_fill; /* the slot that the next connection goes to */
    size_t count;
    size_t streams;      /* of these */
    size_t queue_bytes;  /* of all */
    uint64_t send_calls; /* of this turn, for the metrics */
    uint64_t bytes_sent;
    uint8_t buffer[READ_BYTES];
};

static void on_event(evutil_socket_t fd, short what, void *arg);

static uint32_t now_s(void)
{
    return (uint32_t)(clock_mono_ms() / 1000);
}

static void schedule_flush(struct ws_conn *conn)
{
    if (!list_node_linked(&conn->flush_node))
        list_push_back(&conn->set->flush, &conn->flush_node);
    loop_no_wait(conn->set->loop);
}

/* Tells libevent what this connection waits for now. */
static void watch(struct ws_conn *conn)
{
    short what = EV_PERSIST;

    if (conn->state == WS_CLOSED)
        return;
    if (!conn->paused || conn->state == WS_CLOSING)
        what |= EV_READ;
    if (conn->writing)
        what |= EV_WRITE;
    event_del(&conn->event);
    if ((what & (EV_READ | EV_WRITE)) == 0)
        return;
    event_assign(&conn->event, loop_base(conn->set->loop), conn->fd, what, on_event, conn);
    event_add(&conn->event, NULL);
}

static struct frame **queue_slot(struct ws_conn *conn, uint32_t index)
{
    return &conn->queue[(conn->queue_first + index) & (conn->queue_size - 1)];
}

static void queue_init(struct ws_conn *conn)
{
    conn->queue = conn->queue_few;
    conn->queue_size = WS_QUEUE_FEW;
    conn->queue_first = 0;
}

static void queue_push(struct ws_conn *conn, struct frame *frame)
{
    if (conn->queue_count == conn->queue_size) {
        uint32_t size = conn->queue_size * 2;
        struct frame **queue = mem_alloc_array(size, sizeof(struct frame *));

        for (uint32_t i = 0; i < conn->queue_count; i++)
            queue[i] = *queue_slot(conn, i);
        if (conn->queue != conn->queue_few)
            mem_free(conn->queue);
        conn->queue = queue;
        conn->queue_size = size;
        conn->queue_first = 0;
    }
    *queue_slot(conn, conn->queue_count) = frame_ref(frame);
    conn->queue_count++;
    conn->queue_bytes += frame->len;
    conn->set->queue_bytes += frame->len;
}

static void queue_pop(struct ws_conn *conn)
{
    struct frame *frame = *queue_slot(conn, 0);

    conn->queue_bytes -= frame->len;
    conn->set->queue_bytes -= frame->len;
    conn->queue_first = (conn->queue_first + 1) & (conn->queue_size - 1);
    conn->queue_count--;
    conn->sent = 0;
    if (conn->pong_queued && conn->pong_at == conn->popped)
        conn->pong_queued = false;
    conn->popped++;
    frame_unref(frame);
}

/* An idle connection keeps no buffer. */
static void queue_release(struct ws_conn *conn)
{
    if (conn->queue_count > 0 || conn->queue == conn->queue_few)
        return;
    mem_free(conn->queue);
    queue_init(conn);
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
    conn->ending.frames_out = conn->popped;
    conn->state = WS_CLOSED;
    event_del(&conn->event);
    list_remove(&conn->wheel_node);
    while (conn->queue_count > 0)
        queue_pop(conn);
    queue_release(conn);
    ws_message_fini(&conn->message);
    close(conn->fd);
    conn->fd = -1;
    conn->set->count--;
    conn->set->streams -= conn->stream;
    schedule_flush(conn);
}

static ssize_t send_one(struct ws_conn *conn)
{
    const struct frame *frame = *queue_slot(conn, 0);

    return send(conn->fd, frame->bytes + conn->sent, frame->len - conn->sent,
                MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t send_many(struct ws_conn *conn)
{
    struct iovec iov[IOVECS_MAX];
    struct msghdr message = {.msg_iov = iov};
    uint32_t skip = conn->sent;

    for (uint32_t i = 0; i < conn->queue_count && i < IOVECS_MAX; i++) {
        struct frame *frame = *queue_slot(conn, i);

        iov[i].iov_base = frame->bytes + skip;
        iov[i].iov_len = frame->len - skip;
        skip = 0;
        message.msg_iovlen = i + 1;
    }
    return sendmsg(conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Gives the kernel what is queued, as much as it takes at once; false if the socket is broken. */
static bool write_some(struct ws_conn *conn)
{
    ssize_t sent = conn->queue_count == 1 ? send_one(conn) : send_many(conn);

    conn->set->send_calls++;
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    conn->set->bytes_sent += (uint64_t)sent;
    if (conn->stream)
        conn->pings_unanswered = 0;
    conn->sent += (uint32_t)sent;
    while (conn->queue_count > 0 && conn->sent >= (*queue_slot(conn, 0))->len) {
        uint32_t rest = conn->sent - (*queue_slot(conn, 0))->len;

        queue_pop(conn);
        conn->sent = rest;
    }
    return true;
}

static void flush(struct ws_conn *conn)
{
    bool blocked;

    while (conn->queue_count > 0) {
        uint32_t count_before = conn->queue_count;

        if (!write_some(conn)) {
            drop(conn);
            return;
        }
        if (conn->queue_count + IOVECS_MAX > count_before && conn->queue_count > 0)
            break; /* fewer than offered: the kernel's buffer is full */
    }
    blocked = conn->queue_count > 0;
    if (!blocked)
        queue_release(conn);
    if (!blocked && conn->ends)
        shutdown(conn->fd,
                 SHUT_WR); /* 7.1.7: fail the connection; it still reads our close frame */
    if (blocked != conn->writing) {
        conn->writing = blocked;
        watch(conn);
    }
    if (conn->was_full && conn->queue_bytes <= conn->set->options.queue_bytes_max / 4) {
        conn->was_full = false;
        if (conn->state == WS_OPEN)
            conn->set->options.handlers->on_drained(conn);
    }
}

/* Our close frame is out and theirs is in: RFC 6455, 7.1.1 has the server close first. */
static void finish_close(struct ws_conn *conn)
{
    if (conn->queue_count > 0)
        flush(conn);
    drop(conn);
}

/* One pong at a time waits in the queue, for the latest ping (5.5.3): who pings without reading
 * gets no more of them. */
static void answer_ping(struct ws_conn *conn, const uint8_t *data, size_t len)
{
    struct frame *pong = frame_create(WS_OP_PONG, data, len);
    uint32_t index = conn->pong_at - conn->popped;

    if (conn->pong_queued && (index > 0 || conn->sent == 0)) {
        struct frame **slot = queue_slot(conn, index);

        conn->queue_bytes = conn->queue_bytes + pong->len - (*slot)->len;
        conn->set->queue_bytes = conn->set->queue_bytes + pong->len - (*slot)->len;
        frame_unref(*slot);
        *slot = pong;
        return;
    }
    conn->pong_queued = conn->state == WS_OPEN;
    conn->pong_at = conn->popped + conn->queue_count;
    ws_conn_send(conn, pong);
    frame_unref(pong);
}

static enum ws_verdict on_frame(void *context, enum ws_opcode opcode, uint8_t *data, size_t len)
{
    struct ws_conn *conn = context;

    conn->pings_unanswered = 0;
    conn->ending.frames_in++;
    if (conn->state != WS_OPEN && opcode != WS_OP_CLOSE)
        return WS_VERDICT_CONTINUE;
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
    return conn->paused && conn->state == WS_OPEN ? WS_VERDICT_PAUSE : WS_VERDICT_CONTINUE;
}

static void feed(struct ws_conn *conn, uint8_t *data, size_t len)
{
    struct ws_violation violation;

    switch (ws_message_feed(&conn->message, data, len, &conn->set->sink, conn, &violation)) {
    case WS_FEED_OK:
    case WS_FEED_PAUSED:
    case WS_FEED_STOPPED:
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

    if (ws_message_waiting(&conn->message) > 0) {
        feed(conn, NULL, 0);
        return;
    }
    got = recv(conn->fd, set->buffer, sizeof(set->buffer), MSG_DONTWAIT);
    if (got > 0 && !conn->stream)
        feed(conn, set->buffer, (size_t)got);
    else if (got > 0)
        return;
    else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        drop(conn);
}

static void on_event(evutil_socket_t fd ATTR_UNUSED, short what, void *arg)
{
    struct ws_conn *conn = arg;

    if ((what & EV_WRITE) != 0)
        schedule_flush(conn);
    if ((what & EV_READ) != 0 && conn->state != WS_CLOSED)
        read_some(conn);
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

/* The end of a turn: everything that was queued in it leaves in one call a socket. */
static void on_turn_end(void *context)
{
    struct ws_set *set = context;
    struct list batch;
    struct list_node *node;

    /* What is queued meanwhile (on_drained, on_closed) is for the next turn. */
    list_init(&batch);
    list_splice_back(&batch, &set->flush);
    while ((node = list_pop_front(&batch)) != NULL) {
        struct ws_conn *conn = LIST_ITEM(node, struct ws_conn, flush_node);

        if (conn->state == WS_CLOSED)
            set->options.handlers->on_closed(conn);
        else
            flush(conn);
    }
    count_sent(set);
}

/* A stream answers nothing: its sign of life is that something leaves the queue, where the last
 * comment would still be. */
static void ping(struct ws_set *set, struct ws_conn *conn)
{
    if (!conn->stream) {
        conn->pings_unanswered++;
        ws_conn_send(conn, set->ping);
    } else if (conn->queue_count > 0) {
        conn->pings_unanswered++;
    } else {
        ws_conn_send(conn, set->stream_ping);
    }
}

/* One slot of the wheel: everyone in it is pinged, and who missed two is gone. */
static void on_ping_timer(void *context)
{
    struct ws_set *set = context;
    struct list *slot = &set->wheel[set->wheel_at++ % WHEEL_SLOTS];

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
    set->sink = (struct ws_message_sink){on_frame, options->message_max, WS_FRAGMENTS_MAX};
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&set->wheel[i]);
    list_init(&set->closing);
    list_init(&set->flush);
    set->ping = frame_create(WS_OP_PING, NULL, 0);
    set->stream_ping = frame_create_raw(stream_comment, sizeof(stream_comment) - 1);
    set->ping_timer = loop_timer_create(loop, on_ping_timer, set);
    loop_timer_start_periodic(set->ping_timer, MAX(options->ping_ms / WHEEL_SLOTS, (uint64_t)1));
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
    frame_unref((*set)->ping);
    frame_unref((*set)->stream_ping);
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
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        LIST_FOREACH_SAFE (node, &set->wheel[i]) {
            fn(LIST_ITEM(node, struct ws_conn, wheel_node), context);
        }
}

void ws_set_abort(struct ws_set *set)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        LIST_FOREACH_SAFE (node, &set->wheel[i]) {
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
    queue_init(conn);
    ws_message_init(&conn->message);
    event_assign(&conn->event, loop_base(set->loop), fd, EV_READ | EV_PERSIST, on_event, conn);
    list_push_back(&set->wheel[set->wheel_fill++ % WHEEL_SLOTS], &conn->wheel_node);
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

void ws_conn_send(struct ws_conn *conn, struct frame *frame)
{
    if (conn->state != WS_OPEN)
        return;
    queue_push(conn, frame);
    if (!conn->writing)
        schedule_flush(conn);
}

bool ws_conn_full(struct ws_conn *conn, bool half)
{
    if (conn->queue_bytes < conn->set->options.queue_bytes_max / (half ? 2 : 1))
        return false;
    conn->was_full = true;
    return true;
}

bool ws_conn_choked(struct ws_conn *conn)
{
    if (conn->queue_bytes < conn->set->options.queue_bytes_max * 2)
        return false;
    conn->was_full = true;
    return true;
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
    schedule_flush(conn);
    conn->state = WS_CLOSING;
    conn->close_deadline_s = now_s() + CLOSE_WAIT_S;
    list_remove(&conn->wheel_node);
    list_push_back(&conn->set->closing, &conn->wheel_node);
    watch(conn);
    if (ws_message_waiting(&conn->message) > 0)
        event_active(&conn->event, EV_READ, 0); /* their close may be among it */
}

void ws_conn_pause(struct ws_conn *conn)
{
    if (conn->paused)
        return;
    conn->paused = true;
    watch(conn);
}

void ws_conn_resume(struct ws_conn *conn)
{
    if (!conn->paused)
        return;
    conn->paused = false;
    watch(conn);
    if (conn->state == WS_OPEN && ws_message_waiting(&conn->message) > 0)
        event_active(&conn->event, EV_READ, 0);
}
