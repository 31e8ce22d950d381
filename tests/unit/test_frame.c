// needs: gateway/ws_deflate gateway/ws_frame common/utf8 common/strbuf common/mem common/check
/* frame: bytes as they go to sockets, and who holds them. A sanitizer sees what is not freed. */
#include "gateway/frame.h"

#include "common/mem.h"
#include "gateway/ws_deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void assert_bytes(const struct frame *frame, const char *bytes, size_t len)
{
    assert_int_equal(frame->len, len);
    assert_memory_equal(frame->bytes, bytes, len);
}

static void test_text(void **unused)
{
    struct frame *frame = frame_create(WS_OP_TEXT, "{\"a\":1}", 7);

    (void)unused;
    assert_bytes(frame, "\x81\x07{\"a\":1}", 9);
    assert_int_equal(frame->refs, 1);
    assert_int_equal(frame->json_at, 2);
    assert_true(frame->seq == 0 && frame->actor_id == 0);
    assert_int_equal(frame->event_kind, 0);
    assert_int_equal(frame->ephemeral_kind, 0);
    assert_null(frame->stream);
    frame_unref(frame);
    frame = frame_create(WS_OP_PING, NULL, 0);
    assert_bytes(frame, "\x89\x00", 2);
    frame_unref(frame);
}

/* RFC 6455, 5.2: the three forms of the length. */
static const struct {
    size_t len;
    const char *head;
    size_t head_len;
} lengths[] = {
    {0, "\x81\x00", 2},
    {125, "\x81\x7d", 2},
    {126, "\x81\x7e\x00\x7e", 4},
    {65535, "\x81\x7e\xff\xff", 4},
    {65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10},
    {200000, "\x81\x7f\0\0\0\0\0\x03\x0d\x40", 10},
};

static void test_lengths(void **unused)
{
    char *payload = mem_alloc(200000);

    (void)unused;
    memset(payload, 'x', 200000);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct frame *frame = frame_create(WS_OP_TEXT, payload, lengths[i].len);

        assert_int_equal(frame->json_at, lengths[i].head_len);
        assert_int_equal(frame->len, lengths[i].head_len + lengths[i].len);
        assert_memory_equal(frame->bytes, lengths[i].head, lengths[i].head_len);
        assert_memory_equal(frame->bytes + frame->json_at, payload, lengths[i].len);
        frame_unref(frame);
    }
    mem_free(payload);
}

static void test_event(void **unused)
{
    struct bus_event event = {7, 41, EVENT_MEMBER_LEFT, 3, 0, span_of("{}"), 0, 0, 0};
    struct frame *frame = frame_create_event(&event);

    (void)unused;
    assert_bytes(frame, "\x81\x02{}", 4);
    assert_true(frame->seq == 41 && frame->actor_id == 3);
    assert_int_equal(frame->event_kind, EVENT_MEMBER_LEFT);
    frame_unref(frame);
}

static void test_close(void **unused)
{
    struct frame *frame = frame_create_close(1012, "Server restarting");

    (void)unused;
    assert_bytes(frame, "\x88\x13\x03\xf4Server restarting", 21);
    frame_unref(frame);
    frame = frame_create_close(WS_CLOSE_NONE, NULL);
    assert_bytes(frame, "\x88\x00", 2);
    frame_unref(frame);
}

static void test_raw(void **unused)
{
    struct frame *frame = frame_create_raw(": ping\n\n", 8);

    (void)unused;
    assert_bytes(frame, ": ping\n\n", 8);
    assert_int_equal(frame->json_at, 0);
    frame_unref(frame);
    frame = frame_create_raw(NULL, 0);
    assert_int_equal(frame->len, 0);
    frame_unref(frame);
}

static void test_references(void **unused)
{
    struct frame *frame = frame_create(WS_OP_TEXT, "{}", 2);

    (void)unused;
    assert_ptr_equal(frame_ref(frame), frame);
    assert_ptr_equal(frame_ref(frame), frame);
    assert_int_equal(frame->refs, 3);
    frame_unref(frame);
    frame_unref(frame);
    assert_int_equal(frame->refs, 1);
    assert_bytes(frame, "\x81\x02{}", 4);
    frame_unref(frame);
}

static void test_stream_of_an_event(void **unused)
{
    struct bus_event event = {7, 41, EVENT_MESSAGE, 3, 0, span_of("{\"id\":41}"), 0, 0, 0};
    struct frame *frame = frame_create_event(&event);
    struct frame *stream = frame_stream(frame);

    (void)unused;
    assert_bytes(stream, "id: 41\ndata: {\"id\":41}\n\n", 24);
    assert_true(stream->seq == 41);
    assert_ptr_equal(frame_stream(frame), stream);
    assert_int_equal(stream->refs, 1);
    assert_bytes(frame, "\x81\x09{\"id\":41}", 11);
    frame_unref(frame); /* and the stream's form with it */
}

static void test_stream_without_a_number(void **unused)
{
    struct frame *frame = frame_create(WS_OP_TEXT, "{\"type\":\"typing\"}", 17);

    (void)unused;
    assert_bytes(frame_stream(frame), "data: {\"type\":\"typing\"}\n\n", 25);
    assert_true(frame_stream(frame)->seq == 0);
    frame_unref(frame);
}

static void test_stream_outlives_its_frame(void **unused)
{
    struct frame *frame = frame_create(WS_OP_TEXT, "{}", 2);
    struct frame *stream = frame_ref(frame_stream(frame));

    (void)unused;
    frame_unref(frame);
    assert_bytes(stream, "data: {}\n\n", 10);
    frame_unref(stream);
}

static void test_stream_of_a_long_event(void **unused)
{
    char *json = mem_alloc(70000);
    struct bus_event event = {7, UINT64_MAX, EVENT_MESSAGE, 3, 0, {(uint8_t *)json, 70000}, 0,
                              0, 0};
    struct frame *frame;
    struct frame *stream;

    (void)unused;
    memset(json, 'j', 70000);
    frame = frame_create_event(&event);
    stream = frame_stream(frame);
    assert_int_equal(stream->len, strlen("id: 18446744073709551615\ndata: ") + 70000 + 2);
    assert_memory_equal(stream->bytes, "id: 18446744073709551615\ndata: jjj", 34);
    assert_memory_equal(stream->bytes + stream->len - 3, "j\n\n", 3);
    frame_unref(frame);
    mem_free(json);
}

/* An event whose JSON has len bytes and compresses well. */
static struct frame *event_of(uint64_t seq, size_t len)
{
    char *json = mem_alloc(len);
    struct bus_event event = {7, seq, EVENT_MESSAGE, 3, 0, {(uint8_t *)json, len}, 0, 0, 0};
    struct frame *frame;

    memset(json, 'j', len);
    frame = frame_create_event(&event);
    mem_free(json);
    return frame;
}

/* The form is a whole frame with RSV1 (RFC 7692, 6.1), and its payload is the frame's. */
static void assert_form(struct ws_deflate *codec, const struct frame *form, const uint8_t *payload,
                        size_t len)
{
    uint8_t *out;
    size_t out_len;

    assert_int_equal(form->bytes[0], 0xc1);
    assert_int_equal(form->bytes[1], form->len - form->json_at);
    assert_int_equal(ws_deflate_inflate(codec, form->bytes + form->json_at,
                                        form->len - form->json_at, len, &out, &out_len),
                     WS_INFLATED_WHOLE);
    assert_int_equal(out_len, len);
    assert_memory_equal(out, payload, len);
}

static void test_deflated(void **unused)
{
    struct ws_deflate *codec = ws_deflate_create(100);
    static const uint8_t zeros[1000];
    struct frame *frame = event_of(41, 5000);
    struct frame *form = frame_deflated(frame, codec);

    (void)unused;
    assert_form(codec, form, frame->bytes + frame->json_at, 5000);
    assert_int_equal(form->window_bits, 13);
    assert_true(form->seq == 41 && form->events == 1 && form->refs == 1);
    assert_ptr_equal(frame_deflated(frame, codec), form);
    assert_ptr_equal(frame_deflated(form, codec), form);
    assert_int_equal(ws_deflate_take_count(codec).compressed, 1);
    frame_ref(form);
    frame_unref(frame);
    assert_int_equal(form->refs, 1); /* it outlives its frame */
    frame_unref(form);
    frame = frame_create(WS_OP_BINARY, zeros, sizeof(zeros));
    assert_int_equal(frame_deflated(frame, codec)->bytes[0], 0xc2);
    frame_unref(frame);
    ws_deflate_destroy(&codec);
}

/* Control frames, what is short, and bytes that are no frame stay as they are. */
static void test_not_deflated(void **unused)
{
    struct ws_deflate *codec = ws_deflate_create(100);
    uint8_t payload[WS_CONTROL_PAYLOAD_MAX] = {0};
    struct frame *frames[] = {
        event_of(1, 99),
        frame_create(WS_OP_PING, payload, sizeof(payload)),
        frame_create(WS_OP_PONG, payload, sizeof(payload)),
        frame_create_close(1000, "a reason that would get shorter ....................... really"),
        frame_create_raw(payload, sizeof(payload)),
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        assert_ptr_equal(frame_deflated(frames[i], codec), frames[i]);
        assert_ptr_equal(frame_deflated(frames[i], codec), frames[i]);
        assert_int_equal(frames[i]->refs, 1);
        assert_int_equal(frames[i]->window_bits, 0);
        frame_unref(frames[i]);
    }
    assert_int_equal(ws_deflate_take_count(codec).compressed, 0);
    ws_deflate_destroy(&codec);
}

static struct frame *run_of(struct frame *events[], size_t count)
{
    struct frame *run;
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += events[i]->len;
    run = frame_create_run(count, len);
    for (size_t i = 0; i < count; i++)
        frame_run_add(run, events[i]);
    return run;
}

/* Each event stays a message of its own, compressed once, whoever asks first. */
static void test_deflated_run(void **unused)
{
    struct ws_deflate *codec = ws_deflate_create(100);
    struct frame *events[] = {event_of(1, 500), event_of(2, 20), event_of(3, 9000)};
    struct frame *first = frame_deflated(events[0], codec);
    struct frame *run = run_of(events, 3);
    struct frame *form = frame_deflated(run, codec);
    size_t at = 0;

    (void)unused;
    assert_int_equal(ws_deflate_take_count(codec).compressed, 2);
    assert_ptr_equal(frame_deflated(events[0], codec), first);
    for (size_t i = 0; i < 3; i++) {
        const struct frame *part = frame_deflated(events[i], codec);

        assert_memory_equal(form->bytes + at, part->bytes, part->len);
        at += part->len;
    }
    assert_int_equal(form->len, at);
    assert_int_equal(form->window_bits, 14);
    assert_true(form->seq == 3 && form->events == 3);
    assert_int_equal(ws_deflate_take_count(codec).compressed, 0);
    frame_run_end(run);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(events[i]->refs, 1);
        frame_unref(events[i]);
    }
    assert_ptr_equal(frame_deflated(run, codec), form);
    frame_unref(run);
    ws_deflate_destroy(&codec);
}

static void test_run_that_is_not_deflated(void **unused)
{
    struct ws_deflate *codec = ws_deflate_create(100);
    struct frame *events[] = {event_of(1, 20), event_of(2, 20)};
    struct frame *run = run_of(events, 2);
    struct frame *late = run_of(events, 2);

    (void)unused;
    assert_ptr_equal(frame_deflated(run, codec), run);
    frame_run_end(late); /* nobody asked before the turn's end */
    assert_ptr_equal(frame_deflated(late, codec), late);
    frame_unref(run); /* lets go of its events by itself */
    frame_unref(late);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(events[i]->refs, 1);
        frame_unref(events[i]);
    }
    ws_deflate_destroy(&codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_stream_of_an_event),
        cmocka_unit_test(test_stream_without_a_number),
        cmocka_unit_test(test_stream_outlives_its_frame),
        cmocka_unit_test(test_stream_of_a_long_event),
        cmocka_unit_test(test_deflated),
        cmocka_unit_test(test_not_deflated),
        cmocka_unit_test(test_deflated_run),
        cmocka_unit_test(test_run_that_is_not_deflated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
