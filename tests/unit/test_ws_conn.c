// needs: gateway/ping_wheel gateway/socket_poll gateway/out_queue gateway/ws_message gateway/ws_deflate gateway/ws_frame gateway/frame common/loop common/metrics common/clock common/utf8 common/strbuf common/mem common/check
/*
 * ws_conn: what a socket's owner is told and when: with messages that came with the handshake, with
 * pauses, with a peer that does not read, and at the end. A socket pair is the network.
 */
#include "gateway/ws_conn.h"

#include "common/check.h"
#include "common/mem.h"
#include "gateway/ws_deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define QUEUE_BYTES (64 * 1024)
#define TURNS       20

struct fixture {
    struct ws_conn conn;
    struct loop *loop;
    struct ws_set *set;
    int peer;
    char heard[1024]; /* the messages, one after the other */
    bool pause;       /* after each of them */
    bool abort;       /* with each of them: the socket is broken for all */
    size_t count;     /* of messages; of those that are long only this is kept */
    size_t bytes;
    int drained;
    int closed;
    uint16_t violation;
};

static struct fixture *of(struct ws_conn *conn)
{
    return CONTAINER_OF(conn, struct fixture, conn);
}

static void on_message(struct ws_conn *conn, bool text, const uint8_t *data, size_t len)
{
    struct fixture *f = of(conn);
    size_t at = strlen(f->heard);

    f->count++;
    f->bytes += len;
    assert_true(text);
    if (at + len < sizeof(f->heard))
        memcpy(f->heard + at, data, len);
    if (f->pause)
        ws_conn_pause(conn);
    if (f->abort)
        ws_set_abort(f->set);
}

static void on_drained(struct ws_conn *conn)
{
    of(conn)->drained++;
}

static void on_violation(struct ws_conn *conn, uint16_t code, const char *reason)
{
    of(conn)->violation = code;
    ws_conn_close(conn, code, reason);
}

static void on_unresponsive(struct ws_conn *conn)
{
    ws_conn_close(conn, 1001, NULL);
}

static void on_closed(struct ws_conn *conn)
{
    of(conn)->closed++;
}

static const struct ws_handlers handlers = {on_message, on_drained, on_violation, on_unresponsive,
                                            on_closed};

static void turns(struct fixture *f)
{
    for (int i = 0; i < TURNS; i++)
        loop_turn(f->loop, 1);
}

/* A masked text frame; the mask is zeros. */
static size_t text_frame(uint8_t *out, const char *text)
{
    size_t len = strlen(text);

    CHECK(len < 126);
    out[0] = 0x81;
    out[1] = (uint8_t)(0x80 | len);
    memset(out + 2, 0, 4);
    memcpy(out + 6, text, len);
    return len + 6;
}

static void send_text(struct fixture *f, const char *text)
{
    uint8_t frame[256];
    size_t len = text_frame(frame, text);

    assert_int_equal(write(f->peer, frame, len), len);
}

static void open_with(struct fixture *f, const void *early, size_t early_len)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    f->peer = pair[1];
    ws_conn_open(&f->conn, f->set, pair[0], early, early_len);
}

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    struct ws_options options = {&handlers, 3600000, QUEUE_BYTES, 65536, 1000};

    f->loop = loop_create();
    f->set = ws_set_create(f->loop, &options);
    f->peer = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ws_set_abort(f->set);
    turns(f);
    assert_int_equal(f->closed, 1);
    ws_set_destroy(&f->set);
    loop_destroy(&f->loop);
    close(f->peer);
    mem_free(f);
    return 0;
}

static void test_nothing_is_read_before_the_resume(void **state)
{
    struct fixture *f = *state;

    open_with(f, NULL, 0);
    send_text(f, "a");
    turns(f);
    assert_string_equal(f->heard, "");
    ws_conn_resume(&f->conn);
    assert_string_equal(f->heard, ""); /* never from inside */
    turns(f);
    assert_string_equal(f->heard, "a");
}

static void test_early_bytes_come_first(void **state)
{
    struct fixture *f = *state;
    uint8_t early[256];
    size_t len = text_frame(early, "early");

    open_with(f, early, len);
    send_text(f, " later");
    turns(f);
    assert_string_equal(f->heard, "");
    ws_conn_resume(&f->conn);
    turns(f);
    assert_string_equal(f->heard, "early later");
}

/* Three messages in one piece, and one pause after each: each resume gives the next. */
static void test_pause_holds_what_came_with_it(void **state)
{
    struct fixture *f = *state;
    uint8_t frames[256];
    size_t len = text_frame(frames, "a");

    len += text_frame(frames + len, "b");
    len += text_frame(frames + len, "c");
    open_with(f, NULL, 0);
    f->pause = true;
    ws_conn_resume(&f->conn);
    assert_int_equal(write(f->peer, frames, len), len);
    turns(f);
    assert_string_equal(f->heard, "a");
    ws_conn_resume(&f->conn);
    ws_conn_pause(&f->conn); /* thought better of it in the same turn */
    turns(f);
    assert_string_equal(f->heard, "a");
    ws_conn_resume(&f->conn);
    turns(f);
    assert_string_equal(f->heard, "ab");
    f->pause = false;
    ws_conn_resume(&f->conn);
    send_text(f, "d");
    turns(f);
    assert_string_equal(f->heard, "abcd");
}

/* What the socket is sent for the frame: its first byte and its length. */
static void assert_sent(struct fixture *f, struct frame *frame, uint8_t first, bool shorter)
{
    static uint8_t bytes[8192];
    ssize_t got;

    ws_conn_send(&f->conn, frame);
    turns(f);
    got = read(f->peer, bytes, sizeof(bytes));
    assert_int_equal(bytes[0], first);
    assert_int_equal(got < (ssize_t)frame->len, shorter);
}

/* The same frame for who agreed on compression, for who did not, and for whose window is small. */
static void test_deflate(void **state)
{
    struct fixture *f = *state;
    char *text = mem_alloc(4000);
    struct frame *frame;
    struct frame *brief = frame_create(WS_OP_TEXT, text, 999);

    frame = frame_create(WS_OP_TEXT, text, 4000);
    open_with(f, NULL, 0);
    assert_sent(f, frame, 0x81, false);
    ws_conn_deflate(&f->conn, 12);
    assert_sent(f, frame, 0xc1, true);
    assert_sent(f, brief, 0x81, false);
    ws_conn_deflate(&f->conn, 11);
    assert_sent(f, frame, 0x81, false);
    frame_unref(frame);
    frame_unref(brief);
    mem_free(text);
}

static void fill(struct fixture *f, struct frame *frame)
{
    while (!ws_conn_full(&f->conn, false))
        ws_conn_send(&f->conn, frame);
}

/* A peer that does not read: the queue waits, and on_drained comes once it has read. */
static void test_drained(void **state)
{
    static uint8_t bytes[8192];
    struct fixture *f = *state;
    struct frame *frame = frame_create(WS_OP_BINARY, bytes, sizeof(bytes));
    size_t left = 0;
    int size = 4096;

    open_with(f, NULL, 0);
    assert_int_equal(setsockopt(f->conn.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    fill(f, frame);
    left = f->conn.queue.bytes;
    turns(f);
    assert_true(f->conn.queue.count > 0 && f->conn.writing);
    assert_int_equal(f->drained, 0);
    while (left > 0) {
        ssize_t got = read(f->peer, bytes, sizeof(bytes));

        assert_true(got > 0);
        left -= (size_t)got;
        turns(f);
    }
    assert_int_equal(f->drained, 1);
    assert_int_equal(f->conn.queue.count, 0);
    assert_false(f->conn.writing);
    frame_unref(frame);
}

/* The close handshake from the peer's side, with a pause: nobody waits for the owner. */
static void test_close_while_paused(void **state)
{
    static const uint8_t close_1000[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};
    struct fixture *f = *state;
    uint8_t answer[16];

    open_with(f, NULL, 0);
    assert_int_equal(write(f->peer, close_1000, sizeof(close_1000)), sizeof(close_1000));
    ws_conn_close(&f->conn, 1001, NULL);
    turns(f);
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->conn.ending.by, WS_ENDED_BY_SERVER);
    assert_int_equal(read(f->peer, answer, sizeof(answer)), 4);
    assert_memory_equal(answer, ((uint8_t[]){0x88, 0x02, 0x03, 0xe9}), 4);
}

static void test_peer_is_gone(void **state)
{
    struct fixture *f = *state;

    open_with(f, NULL, 0);
    ws_conn_resume(&f->conn);
    send_text(f, "last");
    close(f->peer);
    f->peer = -1;
    turns(f);
    assert_string_equal(f->heard, "last");
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->conn.ending.by, WS_ENDED_BY_NETWORK);
    assert_int_equal(ws_set_count(f->set), 0);
}

static void test_violation(void **state)
{
    struct fixture *f = *state;

    open_with(f, NULL, 0);
    ws_conn_resume(&f->conn);
    assert_int_equal(write(f->peer, "\x81\x01x", 3), 3); /* unmasked: 5.1 */
    turns(f);
    assert_int_equal(f->violation, 1002);
}

/* As many frames as a write takes, and how many that were. */
static size_t send_many(struct fixture *f, const uint8_t *frame, size_t len)
{
    static uint8_t many[60 * 1024];
    size_t count = sizeof(many) / len;

    for (size_t i = 0; i < count; i++)
        memcpy(many + i * len, frame, len);
    assert_int_equal(write(f->peer, many, count * len), count * len);
    return count;
}

/* Turns until all have come; none may hand out more than this, which is two
 * shares: a turn that has read hands out once more at its end. */
static void assert_shared_out(struct fixture *f, size_t count, size_t messages_max,
                              size_t bytes_max)
{
    while (f->count < count) {
        size_t count_before = f->count;
        size_t bytes_before = f->bytes;

        loop_turn(f->loop, 1000);
        assert_in_range(f->count - count_before, 1, messages_max);
        assert_in_range(f->bytes - bytes_before, 0, bytes_max);
    }
    turns(f);
    assert_int_equal(f->count, count);
}

/* One turn hands out some of very many short messages, and what has come in between waits behind
 * them. */
static void test_many_messages_take_turns(void **state)
{
    struct fixture *f = *state;
    uint8_t frame[16];
    size_t count;

    open_with(f, NULL, 0);
    ws_conn_resume(&f->conn);
    count = send_many(f, frame, text_frame(frame, "x"));
    assert_true(count > 8000);
    loop_turn(f->loop, 1000);
    send_text(f, "y");
    assert_shared_out(f, count + 1, 256, 256);
    memset(f->heard, 0, sizeof(f->heard));
    send_text(f, "z");
    turns(f);
    assert_string_equal(f->heard, "z");
}

/* The same for few bytes that stand for many. */
static void test_inflated_messages_take_turns(void **state)
{
    struct fixture *f = *state;
    struct ws_deflate *codec = ws_deflate_create(1);
    uint8_t *text = mem_alloc(60000);
    struct span small = ws_deflate_compress(codec, text, 60000);
    uint8_t frame[1024] = {0xc1, 0x80 | 126, (uint8_t)(small.len >> 8), (uint8_t)small.len};
    size_t count;

    assert_in_range(small.len, 126, sizeof(frame) - 8);
    memcpy(frame + 8, small.data, small.len); /* the mask is zeros */
    open_with(f, NULL, 0);
    ws_conn_deflate(&f->conn, WS_WINDOW_BITS_MAX);
    ws_conn_resume(&f->conn);
    count = send_many(f, frame, small.len + 8);
    assert_true(count > 100);
    assert_shared_out(f, count, 4, 240000);
    mem_free(text);
    ws_deflate_destroy(&codec);
}

/* The owner's pause holds, although the rest was to be handed out by itself; and a close ends it.
 */
static void test_pause_and_close_among_many(void **state)
{
    struct fixture *f = *state;
    uint8_t frame[16];
    size_t count;

    open_with(f, NULL, 0);
    ws_conn_resume(&f->conn);
    count = send_many(f, frame, text_frame(frame, "x"));
    loop_turn(f->loop, 1000);
    assert_in_range(f->count, 1, count / 2);
    ws_conn_pause(&f->conn);
    count = f->count;
    turns(f);
    assert_int_equal(f->count, count);
    ws_conn_resume(&f->conn);
    turns(f);
    assert_true(f->count > count);
    count = f->count;
    ws_conn_close(&f->conn, 1001, NULL);
    turns(f);
    assert_int_equal(f->count, count);
}

/* A handler may find the socket broken: nothing that came after that message is handed out. */
static void test_gone_in_a_message(void **state)
{
    struct fixture *f = *state;

    open_with(f, NULL, 0);
    f->abort = true;
    send_text(f, "a");
    send_text(f, "b");
    ws_conn_resume(&f->conn);
    turns(f);
    assert_string_equal(f->heard, "a");
    assert_int_equal(f->closed, 1);
    assert_int_equal(f->conn.ending.frames_in, 1);
    assert_int_equal(f->conn.ending.by, WS_ENDED_BY_NETWORK);
}

static struct frame *run_of(struct frame *event, size_t count)
{
    struct frame *run = frame_create_run(count, count * event->len);

    for (size_t i = 0; i < count; i++) {
        event->seq = i + 1;
        frame_run_add(run, event);
    }
    return run;
}

/* Messages are counted as their reader counts them, whether they left in one piece or each alone;
 * those that never left are not. */
static void test_frames_out(void **state)
{
    static uint8_t bytes[8192];
    struct fixture *f = *state;
    struct frame *frame = frame_create(WS_OP_TEXT, "{}", 2);
    struct frame *run = run_of(frame, 7);
    uint32_t left;
    int size = 4096;

    open_with(f, NULL, 0);
    ws_conn_send(&f->conn, frame);
    ws_conn_send(&f->conn, run);
    turns(f);
    assert_int_equal(read(f->peer, bytes, sizeof(bytes)), 8 * 4);
    assert_int_equal(f->conn.ending.frames_out, 8);
    assert_int_equal(setsockopt(f->conn.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    frame_unref(frame);
    frame = frame_create(WS_OP_BINARY, bytes, sizeof(bytes));
    fill(f, frame);
    ws_conn_send(&f->conn, run);
    turns(f);
    assert_true(f->conn.queue.count > 1); /* the run among them */
    left = f->conn.queue.popped - 2;
    ws_set_abort(f->set);
    turns(f);
    assert_int_equal(f->conn.ending.frames_out, 8 + left);
    frame_unref(run);
    frame_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_read_before_the_resume, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_early_bytes_come_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pause_holds_what_came_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deflate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_close_while_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_peer_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_violation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_messages_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_inflated_messages_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pause_and_close_among_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gone_in_a_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_frames_out, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
