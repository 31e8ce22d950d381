// needs: gateway/ws_deflate gateway/ws_frame common/utf8 common/mem common/check common/strbuf
/*
 * ws_message: scripts of frames and the transcript that they must give. Each script is fed whole,
 * byte by byte, at random splits, and with a pause after everything: the transcript stays the same.
 */
#include "gateway/ws_message.h"

#include "common/mem.h"
#include "common/strbuf.h"
#include "gateway/ws_deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE_MAX   1000
#define FRAGMENTS_MAX 5
#define RANDOM_SPLITS 200

struct piece {
    uint8_t first; /* FIN, RSV, opcode */
    const char *payload;
    size_t len;
};

struct script {
    const char *name;
    struct piece pieces[8];
    const char *transcript;
};

#define F(first, literal)                                                                          \
    {                                                                                              \
        first, literal, sizeof(literal) - 1                                                        \
    }

/* Transcript: "text(..)", "binary(..)", "ping(..)", "pong(..)", "close(..)", "!code" in a row. */
static const struct script scripts[] = {
    {"nothing", {{0, NULL, 0}}, ""},
    {"a text", {F(0x81, "Hello")}, "text(Hello)"},
    {"an empty text", {F(0x81, "")}, "text()"},
    {"a binary", {F(0x82, "\x01\x02")}, "binary(\x01\x02)"},
    {"two texts", {F(0x81, "one"), F(0x81, "two")}, "text(one)text(two)"},
    {"any bytes in a binary", {F(0x82, "\xff\xfe\x80")}, "binary(\xff\xfe\x80)"},
    {"two fragments", {F(0x01, "Hel"), F(0x80, "lo")}, "text(Hello)"},
    {"empty fragments", {F(0x01, ""), F(0x00, ""), F(0x80, "")}, "text()"},
    {"fragments, then a text",
     {F(0x02, "a"), F(0x00, "b"), F(0x80, "c"), F(0x81, "d")},
     "binary(abc)text(d)"},
    {"as many fragments as may be",
     {F(0x01, "1"), F(0x00, "2"), F(0x00, "3"), F(0x00, "4"), F(0x80, "5")},
     "text(12345)"},
    {"one fragment too many",
     {F(0x01, "1"), F(0x00, "2"), F(0x00, "3"), F(0x00, "4"), F(0x00, "5"), F(0x80, "6")},
     "!1008"},
    {"too many empty fragments",
     {F(0x01, ""), F(0x00, ""), F(0x00, ""), F(0x00, ""), F(0x00, ""), F(0x00, "")},
     "!1008"},
    {"a ping", {F(0x89, "are you there")}, "ping(are you there)"},
    {"an empty ping", {F(0x89, "")}, "ping()"},
    {"an unasked pong", {F(0x8a, "here")}, "pong(here)"},
    {"control frames between fragments",
     {F(0x01, "a"), F(0x89, "p"), F(0x00, "b"), F(0x8a, ""), F(0x80, "c")},
     "ping(p)pong()text(abc)"},
    {"control frames do not count as fragments",
     {F(0x01, "a"), F(0x89, ""), F(0x89, ""), F(0x89, ""), F(0x89, ""), F(0x89, ""), F(0x80, "b")},
     "ping()ping()ping()ping()ping()text(ab)"},
    {"a continuation of nothing", {F(0x80, "x")}, "!1002"},
    {"an unfinished continuation of nothing", {F(0x00, "x")}, "!1002"},
    {"a continuation after a whole message", {F(0x81, "a"), F(0x80, "b")}, "text(a)!1002"},
    {"a continuation after a ping", {F(0x89, ""), F(0x80, "b")}, "ping()!1002"},
    {"a text inside a text", {F(0x01, "a"), F(0x81, "b")}, "!1002"},
    {"a binary inside a text", {F(0x01, "a"), F(0x02, "b")}, "!1002"},
    {"a reserved bit", {F(0x81, "a"), F(0xc1, "b")}, "text(a)!1002"},
    {"a reserved bit on a continuation", {F(0x01, "a"), F(0xa0, "b")}, "!1002"},
    {"a reserved opcode", {F(0x83, "x")}, "!1002"},
    {"a reserved control opcode", {F(0x8b, "x")}, "!1002"},
    {"a fragmented ping", {F(0x09, "a"), F(0x80, "b")}, "!1002"},
    {"nothing after a violation", {F(0x83, ""), F(0x81, "a")}, "!1002"},
    /* Close frames: RFC 6455, 5.5.1 and 7.4. */
    {"an empty close", {F(0x88, "")}, "close()"},
    {"a close with a code", {F(0x88, "\x03\xe8")}, "close(\x03\xe8)"},
    {"a close with a reason",
     {F(0x88, "\x0f\xa0Tsch\xc3\xbc\xc3\x9f")},
     "close(\x0f\xa0Tsch\xc3\xbc\xc3\x9f)"},
    {"nothing after a close", {F(0x88, ""), F(0x81, "a"), F(0x83, "")}, "close()"},
    {"a close inside a message",
     {F(0x01, "a"), F(0x88, "\x03\xe9"), F(0x80, "b")},
     "close(\x03\xe9)"},
    {"a close of one byte", {F(0x88, "\x03")}, "!1002"},
    {"a close with code 0", {F(0x88, "\x00\x00")}, "!1002"},
    {"a close with code 999", {F(0x88, "\x03\xe7")}, "!1002"},
    {"a close with code 1005", {F(0x88, "\x03\xed")}, "!1002"},
    {"a close with code 2000", {F(0x88, "\x07\xd0")}, "!1002"},
    {"a close with code 5000", {F(0x88, "\x13\x88")}, "!1002"},
    {"a close with a reason that is not UTF-8", {F(0x88, "\x03\xe8\xff")}, "!1007"},
    {"a close with half a character", {F(0x88, "\x03\xe8\xc3")}, "!1007"},
    /* UTF-8: RFC 6455, 8.1. */
    {"a character across fragments",
     {F(0x01, "\xe2"), F(0x00, "\x82"), F(0x80, "\xac")},
     "text(\xe2\x82\xac)"},
    {"a character around a ping",
     {F(0x01, "\xe2"), F(0x89, "\xff"), F(0x80, "\x82\xac")},
     "ping(\xff)text(\xe2\x82\xac)"},
    {"a text with a NUL", {F(0x81, "a\0b")}, "text(a\\0b)"},
    {"a wrong byte",
     {F(0x81, "a\xff"
              "b")},
     "!1007"},
    {"half a character at the end", {F(0x81, "a\xc3")}, "!1007"},
    {"half a character at the end of fragments", {F(0x01, "a"), F(0x80, "\xe2\x82")}, "!1007"},
    {"a surrogate across fragments", {F(0x01, "\xed"), F(0x80, "\xa0\x80")}, "!1007"},
    {"failing before the last fragment comes", {F(0x01, "\xff")}, "!1007"},
    {"failing before the frame is whole", {F(0x81, "ok"), F(0x01, "\xf4\x90")}, "text(ok)!1007"},
    {"a fresh validator for each message",
     {F(0x01, "\xc3"), F(0x80, "\xbc"), F(0x81, "\xbc")},
     "text(\xc3\xbc)!1007"},
};

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00" /* RFC 7692, 7.2.3.1 */

/* With permessage-deflate. */
static const struct script deflate_scripts[] = {
    {"a compressed text", {F(0xc1, HELLO)}, "text(Hello)"},
    {"a compressed binary", {F(0xc2, HELLO)}, "binary(Hello)"},
    {"nothing, compressed", {F(0xc1, "\0")}, "text()"},
    {"nothing, compressed, in fragments", {F(0x41, ""), F(0x80, "\0")}, "text()"},
    {"one as it is, one compressed, one as it is",
     {F(0x81, "a"), F(0xc1, HELLO), F(0x81, "b")},
     "text(a)text(Hello)text(b)"},
    {"compressed fragments",
     {F(0x41, "\xf2\x48\xcd"), F(0x00, ""), F(0x80, "\xc9\xc9\x07\x00")},
     "text(Hello)"},
    {"compressed fragments around a ping",
     {F(0x41, "\xf2\x48"), F(0x89, "p"), F(0x80, "\xcd\xc9\xc9\x07\x00"), F(0x81, "x")},
     "ping(p)text(Hello)text(x)"},
    {"fragments as they are", {F(0x01, "Hel"), F(0x80, "lo")}, "text(Hello)"},
    {"RSV1 on a continuation", {F(0x41, "\xf2"), F(0xc0, "\x48")}, "!1002"},
    {"RSV1 on a continuation of what is not compressed", {F(0x01, "a"), F(0xc0, "b")}, "!1002"},
    {"RSV1 on a ping", {F(0xc9, "")}, "!1002"},
    {"RSV1 on a close", {F(0xc8, "")}, "!1002"},
    {"RSV2", {F(0xa1, "")}, "!1002"},
    {"RSV1 and RSV3", {F(0xd1, HELLO)}, "!1002"},
    {"no DEFLATE", {F(0x81, "a"), F(0xc1, "\x07")}, "text(a)!1007"},
    {"not whole", {F(0xc1, "\xf2\x48\xcd")}, "!1007"},
    {"not whole, in fragments", {F(0x41, "\xf2\x48"), F(0x80, "\xcd")}, "!1007"},
    {"no payload at all", {F(0xc1, "")}, "!1007"},
    {"a compressed text that is not UTF-8", {F(0xc1, "\0\x01\0\xfe\xff\xff\0")}, "!1007"},
    {"the same in fragments", {F(0x41, "\0\x01\0\xfe\xff"), F(0x80, "\xff\0")}, "!1007"},
    {"half a character at the end", {F(0xc1, "\0\x01\0\xfe\xff\xc3\0")}, "!1007"},
    {"a compressed binary of any bytes", {F(0xc2, "\0\x01\0\xfe\xff\xff\0")}, "binary(\xff)"},
    {"bytes that are no UTF-8, but make some",
     {F(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\0\0")},
     "text(Hello)"},
};

/* Appends a client's frame. The key varies, so that no test depends on one. */
static void add_frame(struct strbuf *out, uint8_t first, const void *payload, size_t len)
{
    static uint8_t counter;
    uint8_t mask[4] = {counter, (uint8_t)(counter * 3 + 1), 0, (uint8_t)(255 - counter)};

    counter = (uint8_t)(counter + 5);
    strbuf_add_char(out, (char)first);
    if (len < 126) {
        strbuf_add_char(out, (char)(0x80 | len));
    } else {
        strbuf_add_char(out, (char)(0x80 | 126));
        strbuf_add_char(out, (char)(len >> 8));
        strbuf_add_char(out, (char)len);
    }
    strbuf_add(out, mask, sizeof(mask));
    strbuf_add(out, payload, len);
    ws_frame_unmask((uint8_t *)out->data + out->len - len, len, mask, 0);
}

/* A connection as a worker has it: takes messages down, and obeys what the test wants. */
struct peer {
    struct ws_message *message;
    struct strbuf transcript;
    bool pause;
    int stop_after; /* messages; 0: never */
};

static enum ws_verdict note(void *context, enum ws_opcode opcode, uint8_t *data, size_t len)
{
    static const char *const names[] = {
        [WS_OP_TEXT] = "text", [WS_OP_BINARY] = "binary", [WS_OP_CLOSE] = "close",
        [WS_OP_PING] = "ping", [WS_OP_PONG] = "pong",
    };
    struct peer *peer = context;

    assert_non_null(data);
    strbuf_add_str(&peer->transcript, names[opcode]);
    strbuf_add_char(&peer->transcript, '(');
    for (size_t i = 0; i < len; i++)
        if (data[i] == '\0' && opcode == WS_OP_TEXT)
            strbuf_add_str(&peer->transcript, "\\0");
        else
            strbuf_add_char(&peer->transcript, (char)data[i]);
    strbuf_add_char(&peer->transcript, ')');
    memset(data, 0xee, len); /* it is ours for the call */
    if (peer->stop_after > 0 && --peer->stop_after == 0) {
        ws_message_fini(peer->message);
        memset(peer->message, 0xee, sizeof(*peer->message));
        return WS_VERDICT_STOP;
    }
    return peer->pause ? WS_VERDICT_PAUSE : WS_VERDICT_CONTINUE;
}

static struct ws_message_sink sink = {
    .on_message = note,
    .message_max = MESSAGE_MAX,
    .fragments_max = FRAGMENTS_MAX,
};

/* Feeds one piece, which lies in a heap block of just its size so that ASan sees every overrun. */
static enum ws_feed feed_piece(struct peer *peer, const char *bytes, size_t len)
{
    struct ws_violation violation = {0, NULL};
    uint8_t *copy = mem_dup(bytes, len);
    enum ws_feed result = ws_message_feed(peer->message, copy, len, &sink, peer, &violation);

    mem_free(copy);
    while (result == WS_FEED_PAUSED && ws_message_waiting(peer->message) > 0) {
        assert_true(peer->pause && ws_message_waiting(peer->message) < len);
        result = ws_message_feed(peer->message, NULL, 0, &sink, peer, &violation);
    }
    if (result == WS_FEED_FAILED) {
        assert_in_range(strlen(violation.reason), 1, WS_CLOSE_REASON_MAX);
        strbuf_printf(&peer->transcript, "!%u", violation.code);
    }
    return result;
}

/* split: 0 whole, 1 byte by byte, else a seed of random lengths. */
static void run(const struct strbuf *bytes, const char *transcript, size_t transcript_len,
                unsigned split, bool pause)
{
    struct ws_message message;
    struct peer peer = {&message, STRBUF_EMPTY, pause, 0};
    unsigned seed = split;

    ws_message_init(&message);
    message.deflate = sink.deflate != NULL;
    for (size_t at = 0; at < bytes->len;) {
        size_t left = bytes->len - at;
        size_t len = split == 0   ? left
                     : split == 1 ? 1
                                  : 1 + (size_t)rand_r(&seed) % (left + 3) / 2;

        len = MIN(len, left);
        (void)feed_piece(&peer, bytes->data + at, len);
        at += len;
    }
    assert_int_equal(peer.transcript.len, transcript_len);
    assert_memory_equal(strbuf_str(&peer.transcript), transcript, transcript_len);
    ws_message_fini(&message);
    ws_message_fini(&message);
    strbuf_fini(&peer.transcript);
}

static void run_every_way(const struct strbuf *bytes, const char *transcript, size_t transcript_len)
{
    for (unsigned split = 0; split < RANDOM_SPLITS; split++) {
        run(bytes, transcript, transcript_len, split, false);
        run(bytes, transcript, transcript_len, split, true);
    }
}

static void run_script(const struct script *script)
{
    struct strbuf bytes = STRBUF_EMPTY;
    /* A code of 0 has NUL bytes in it, but only in transcripts that refuse it. */
    size_t len = strlen(script->transcript);

    for (size_t i = 0; i < ARRAY_LEN(script->pieces); i++)
        if (script->pieces[i].payload != NULL)
            add_frame(&bytes, script->pieces[i].first, script->pieces[i].payload,
                      script->pieces[i].len);
    run_every_way(&bytes, script->transcript, len);
    strbuf_fini(&bytes);
}

static void test_scripts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        run_script(&scripts[i]);
}

static int begin_deflate(void **unused)
{
    (void)unused;
    sink.deflate = ws_deflate_create(1);
    return 0;
}

static int end_deflate(void **unused)
{
    (void)unused;
    ws_deflate_destroy(&sink.deflate);
    return 0;
}

static void test_deflate_scripts(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(deflate_scripts); i++)
        run_script(&deflate_scripts[i]);
}

/* What is not compressed is read as without the extension. */
static void test_scripts_with_deflate(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (scripts[i].pieces[1].first != 0xc1)
            run_script(&scripts[i]);
}

/* The bound counts what a compressed message makes, and what it takes. */
static void test_deflate_sizes(void **unused)
{
    static const size_t sizes[] = {MESSAGE_MAX - 1, MESSAGE_MAX, MESSAGE_MAX + 1, 1000000};
    char *payload = mem_alloc(1000000);

    (void)unused;
    memset(payload, 'x', 1000000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct span small = ws_deflate_compress(sink.deflate, (uint8_t *)payload, sizes[i]);
        struct strbuf bytes = STRBUF_EMPTY;
        struct strbuf expected = STRBUF_EMPTY;

        add_frame(&bytes, 0x41, small.data, small.len / 2);
        add_frame(&bytes, 0x80, small.data + small.len / 2, small.len - small.len / 2);
        if (sizes[i] > MESSAGE_MAX)
            strbuf_add_str(&expected, "!1009");
        else
            strbuf_printf(&expected, "text(%.*s)", (int)sizes[i], payload);
        for (unsigned split = 0; split < 20; split++)
            run(&bytes, expected.data, expected.len, split, split % 2 == 1);
        strbuf_fini(&bytes);
        strbuf_fini(&expected);
    }
    mem_free(payload);
}

/* Sizes around each form of the length and around the cap, in one frame and in two. */
static void test_sizes(void **unused)
{
    static const size_t sizes[] = {124, 125, 126, 127, 255, 256, 257, 999, 1000, 1001, 60000};
    char *payload = mem_alloc(60000);

    (void)unused;
    memset(payload, 'x', 60000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t len = sizes[i];
        struct strbuf whole = STRBUF_EMPTY;
        struct strbuf halves = STRBUF_EMPTY;
        struct strbuf expected = STRBUF_EMPTY;

        add_frame(&whole, 0x81, payload, len);
        add_frame(&halves, 0x01, payload, len / 2);
        add_frame(&halves, 0x80, payload, len - len / 2);
        if (len > MESSAGE_MAX)
            strbuf_add_str(&expected, "!1009");
        else
            strbuf_printf(&expected, "text(%.*s)", (int)len, payload);
        for (unsigned split = 0; split < 20; split++) {
            run(&whole, expected.data, expected.len, split, false);
            run(&halves, expected.data, expected.len, split, true);
        }
        strbuf_fini(&whole);
        strbuf_fini(&halves);
        strbuf_fini(&expected);
    }
    mem_free(payload);
}

/* The control frame of the greatest size, whole and around a message's fragments. */
static void test_longest_control_frame(void **unused)
{
    char payload[WS_CONTROL_PAYLOAD_MAX];
    struct strbuf bytes = STRBUF_EMPTY;
    struct strbuf expected = STRBUF_EMPTY;

    (void)unused;
    memset(payload, 'p', sizeof(payload));
    add_frame(&bytes, 0x01, "a", 1);
    add_frame(&bytes, 0x89, payload, sizeof(payload));
    add_frame(&bytes, 0x80, "b", 1);
    strbuf_printf(&expected, "ping(%.*s)text(ab)", (int)sizeof(payload), payload);
    run_every_way(&bytes, expected.data, expected.len);
    strbuf_fini(&bytes);
    strbuf_fini(&expected);
}

/* Raw bytes that add_frame() does not make. */
static void test_unmasked_and_overlong(void **unused)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *transcript;
    } cases[] = {
        {"\x81\x05Hello", 7, "!1002"},
        {"\x81\xfe\x00\x05\0\0\0\0Hello", 13, "!1002"},
        {"\x81\xff\0\0\0\0\0\0\0\x05\0\0\0\0Hello", 19, "!1002"},
        {"\x81\xff\x80\0\0\0\0\0\0\x05\0\0\0\0Hello", 19, "!1002"},
        {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, "!1009"},
        {"\x89\xfe\x00\x7e\0\0\0\0", 8, "!1002"},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf bytes = STRBUF_EMPTY;

        strbuf_add(&bytes, cases[i].bytes, cases[i].len);
        run_every_way(&bytes, cases[i].transcript, strlen(cases[i].transcript));
        strbuf_fini(&bytes);
    }
}

/* A callback that ends the connection: what it was given came from the buffer, heap or rest. */
static void test_stop(void **unused)
{
    (void)unused;
    for (unsigned split = 0; split < RANDOM_SPLITS; split++)
        for (int stop_after = 1; stop_after <= 4; stop_after++) {
            struct ws_message message;
            struct peer peer = {&message, STRBUF_EMPTY, split % 2 == 1, stop_after};
            struct strbuf bytes = STRBUF_EMPTY;
            enum ws_feed result = WS_FEED_OK;
            unsigned seed = split;

            ws_message_init(&message);
            add_frame(&bytes, 0x81, "one", 3);
            add_frame(&bytes, 0x01, "tw", 2);
            add_frame(&bytes, 0x89, "ping", 4);
            add_frame(&bytes, 0x80, "o", 1);
            add_frame(&bytes, 0x88, "", 0);
            for (size_t at = 0; result != WS_FEED_STOPPED;) {
                size_t len = split == 0 ? bytes.len : 1 + (size_t)rand_r(&seed) % 12;

                assert_in_range(at, 0, bytes.len - 1);
                len = MIN(len, bytes.len - at);
                result = feed_piece(&peer, bytes.data + at, len);
                at += len;
            }
            assert_int_equal(peer.stop_after, 0);
            strbuf_fini(&bytes);
            strbuf_fini(&peer.transcript);
        }
}

static void test_pause_keeps_the_rest(void **unused)
{
    struct ws_message message;
    struct peer peer = {&message, STRBUF_EMPTY, true, 0};
    struct strbuf bytes = STRBUF_EMPTY;
    struct ws_violation violation;

    (void)unused;
    ws_message_init(&message);
    for (int i = 0; i < 3; i++)
        add_frame(&bytes, 0x81, "x", 1);
    for (int left = 2; left >= 0; left--) {
        enum ws_feed result = ws_message_feed(&message, left == 2 ? (uint8_t *)bytes.data : NULL,
                                              left == 2 ? bytes.len : 0, &sink, &peer, &violation);

        assert_int_equal(result, WS_FEED_PAUSED);
        assert_int_equal(ws_message_waiting(&message), left * 7);
        assert_int_equal(ws_message_unfinished(&message), 0);
    }
    assert_string_equal(strbuf_str(&peer.transcript), "text(x)text(x)text(x)");
    assert_int_equal(ws_message_feed(&message, NULL, 0, &sink, &peer, &violation), WS_FEED_OK);
    strbuf_fini(&bytes);
    strbuf_fini(&peer.transcript);
}

/* Frames that came with the handshake, the last of them not whole. */
static void test_hold(void **unused)
{
    struct ws_message message;
    struct peer peer = {&message, STRBUF_EMPTY, false, 0};
    struct strbuf bytes = STRBUF_EMPTY;
    struct ws_violation violation;

    (void)unused;
    ws_message_init(&message);
    add_frame(&bytes, 0x81, "one", 3);
    add_frame(&bytes, 0x81, "two", 3);
    ws_message_hold(&message, bytes.data, bytes.len - 2);
    assert_int_equal(ws_message_waiting(&message), bytes.len - 2);
    assert_int_equal(ws_message_feed(&message, NULL, 0, &sink, &peer, &violation), WS_FEED_OK);
    assert_int_equal(ws_message_waiting(&message), 0);
    assert_string_equal(strbuf_str(&peer.transcript), "text(one)");
    assert_int_equal(feed_piece(&peer, bytes.data + bytes.len - 2, 2), WS_FEED_OK);
    assert_string_equal(strbuf_str(&peer.transcript), "text(one)text(two)");
    strbuf_fini(&bytes);
    strbuf_fini(&peer.transcript);
}

/* What many idle sockets cost: little, and nothing on the heap once a message is through. */
static void test_idle_costs_nothing(void **unused)
{
    struct ws_message message;
    struct peer peer = {&message, STRBUF_EMPTY, false, 0};
    struct strbuf bytes = STRBUF_EMPTY;

    (void)unused;
    assert_in_range(sizeof(struct ws_message), 1, 48);
    ws_message_init(&message);
    add_frame(&bytes, 0x01, "He", 2);
    add_frame(&bytes, 0x89, "", 0);
    add_frame(&bytes, 0x80, "llo", 3);
    for (size_t at = 0; at < bytes.len; at++) {
        assert_int_equal(ws_message_unfinished(&message) > 0, at > 0);
        assert_int_equal(feed_piece(&peer, bytes.data + at, 1), WS_FEED_OK);
    }
    assert_null(message.partial);
    assert_null(message.rest);
    assert_string_equal(strbuf_str(&peer.transcript), "ping()text(Hello)");
    strbuf_fini(&bytes);
    strbuf_fini(&peer.transcript);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test_setup_teardown(test_deflate_scripts, begin_deflate, end_deflate),
        cmocka_unit_test_setup_teardown(test_scripts_with_deflate, begin_deflate, end_deflate),
        cmocka_unit_test_setup_teardown(test_deflate_sizes, begin_deflate, end_deflate),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_longest_control_frame),
        cmocka_unit_test(test_unmasked_and_overlong),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_pause_keeps_the_rest),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_idle_costs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
