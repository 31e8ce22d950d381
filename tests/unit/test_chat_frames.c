// needs: gateway/close_reasons common/event_json common/clock common/errors common/strbuf common/mem common/check
/* chat_frames: each frame is JSON with exactly the members that docs/WEBSOCKET.md gives it. */
#include "gateway/chat_frames.h"

#include "common/limits.h"
#include "common/version.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define INSTANT UINT64_C(1767323045678901)
#define ISO     "2026-01-02T03:04:05.678901Z"

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* The frame in buf equals this JSON, whose order of members does not matter; empties buf. */
static void expect(struct strbuf *buf, const char *expected)
{
    json_error_t error;
    json_t *got = json_loadb(strbuf_str(buf), buf->len, JSON_REJECT_DUPLICATES, &error);
    json_t *wanted = json_loads(expected, 0, NULL);

    assert_non_null(wanted);
    if (got == NULL)
        fail_msg("%s in %s", error.text, strbuf_str(buf));
    if (!json_equal(got, wanted))
        fail_msg("%s is not %s", strbuf_str(buf), expected);
    json_decref(got);
    json_decref(wanted);
    strbuf_fini(buf);
}

static const struct {
    struct error_frame error;
    const char *client_id;
    const char *json;
} errors[] = {
    {{.err = ERR_MESSAGE_TOO_LONG},
     "b4c2f0de-1",
     "{\"type\":\"error\",\"code\":\"message_too_long\",\"message\":"
     "\"The text is longer than 4,000 characters.\",\"temporary\":false,"
     "\"client_id\":\"b4c2f0de-1\"}"},
    {{.err = ERR_BAD_FRAME, .message = "text is required and must be a string."},
     NULL,
     "{\"type\":\"error\",\"code\":\"bad_frame\",\"message\":"
     "\"text is required and must be a string.\",\"temporary\":false}"},
    {{.err = ERR_OVERLOADED, .room_id = 7},
     "x",
     "{\"type\":\"error\",\"code\":\"overloaded\",\"message\":"
     "\"The server is busy; try again shortly.\",\"temporary\":true,\"room_id\":7,"
     "\"client_id\":\"x\"}"},
    {{.err = ERR_NOT_SUBSCRIBED, .room_id = JSON_INTEGER_MAX},
     NULL,
     "{\"type\":\"error\",\"code\":\"not_subscribed\",\"message\":"
     "\"This socket has not subscribed to the room.\",\"temporary\":false,"
     "\"room_id\":9007199254740991}"},
    {{.err = ERR_BAD_FRAME, .message = "a \"quoted\"\n\\ message"},
     "\"},{\"\x01\xf0\x9f\x98\x80",
     "{\"type\":\"error\",\"code\":\"bad_frame\",\"message\":\"a \\\"quoted\\\"\\n\\\\ message\","
     "\"temporary\":false,\"client_id\":\"\\\"},{\\\"\\u0001\\ud83d\\ude00\"}"},
};

static void test_errors(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct error_frame error = errors[i].error;
        struct strbuf buf = STRBUF_EMPTY;

        if (errors[i].client_id != NULL)
            error.client_id = span_of(errors[i].client_id);
        chat_frame_error(&buf, &error);
        expect(&buf, errors[i].json);
    }
}

static void test_every_error(void **unused)
{
    (void)unused;
    for (unsigned err = 0; err < ERR_COUNT; err++) {
        struct error_frame error = {.err = (enum err)err};
        struct strbuf buf = STRBUF_EMPTY;
        char json[400];

        chat_frame_error(&buf, &error);
        snprintf(json, sizeof(json),
                 "{\"type\":\"error\",\"code\":\"%s\",\"message\":\"%s\",\"temporary\":%s}",
                 err_code(error.err), err_sentence(error.err),
                 err_temporary(error.err) ? "true" : "false");
        expect(&buf, json);
    }
}

static void test_ack(void **unused)
{
    struct bus_answer answer = {1, ERR_NONE, false, 9, 4, INSTANT, span_of("not shown")};
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    chat_frame_ack(&buf, 7, &answer, span_of("b4c2f0de-1"));
    expect(&buf, "{\"type\":\"ack\",\"client_id\":\"b4c2f0de-1\",\"room_id\":7,\"id\":4,"
                 "\"created_at\":\"" ISO "\",\"duplicate\":false}");
    answer.duplicate = true;
    answer.seq = JSON_INTEGER_MAX;
    chat_frame_ack(&buf, 7, &answer, span_of("\"\\\n"));
    expect(&buf, "{\"type\":\"ack\",\"client_id\":\"\\\"\\\\\\n\",\"room_id\":7,"
                 "\"id\":9007199254740991,\"created_at\":\"" ISO "\",\"duplicate\":true}");
}

static void test_hello(void **unused)
{
    static const char *const names[] = {"ada", "\"\\\n", "\xf0\x9f\x98\x80"};
    static const char *const quoted[] = {"ada", "\\\"\\\\\\n", "\xf0\x9f\x98\x80"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct hello_frame hello = {1, names[i], UINT64_C(81985529216486), 25000, INSTANT};
        struct strbuf buf = STRBUF_EMPTY;
        char json[600];

        chat_frame_hello(&buf, &hello);
        snprintf(json, sizeof(json),
                 "{\"type\":\"hello\",\"server\":\"Banter " BANTER_VERSION "\","
                 "\"server_time\":\"" ISO "\",\"heartbeat_ms\":25000,\"epoch\":81985529216486,"
                 "\"user\":{\"id\":1,\"username\":\"%s\"},\"limits\":{\"text_characters\":4000,"
                 "\"frame_bytes\":65536,\"rooms\":500,\"sends_in_flight\":256}}",
                 quoted[i]);
        expect(&buf, json);
    }
}

static const struct {
    struct subscribed_frame subscribed;
    const char *json;
} subscribes[] = {
    {{7, 6, 99, false, CURSOR_RESUMED},
     "{\"type\":\"subscribed\",\"room_id\":7,\"head\":6,\"epoch\":99}"},
    {{7, 0, 99, false, CURSOR_BEYOND_HEAD},
     "{\"type\":\"subscribed\",\"room_id\":7,\"head\":0,\"epoch\":99}"},
    {{7, 6, 99, true, CURSOR_RESUMED},
     "{\"type\":\"subscribed\",\"room_id\":7,\"head\":6,\"epoch\":99,\"recovered\":true}"},
    {{7, 6, 99, true, CURSOR_BEYOND_HEAD},
     "{\"type\":\"subscribed\",\"room_id\":7,\"head\":6,\"epoch\":99,\"recovered\":false,"
     "\"reason\":\"since_beyond_head\"}"},
    {{7, 6, 99, true, CURSOR_OTHER_EPOCH},
     "{\"type\":\"subscribed\",\"room_id\":7,\"head\":6,\"epoch\":99,\"recovered\":false,"
     "\"reason\":\"epoch_changed\"}"},
};

static void test_subscribed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(subscribes); i++) {
        struct strbuf buf = STRBUF_EMPTY;

        chat_frame_subscribed(&buf, &subscribes[i].subscribed);
        expect(&buf, subscribes[i].json);
    }
}

static void test_caught_up(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    chat_frame_caught_up(&buf, 7, 6);
    expect(&buf, "{\"type\":\"caught_up\",\"room_id\":7,\"seq\":6}");
    chat_frame_caught_up(&buf, 7, 0);
    expect(&buf, "{\"type\":\"caught_up\",\"room_id\":7,\"seq\":0}");
}

static void test_unsubscribed(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    chat_frame_unsubscribed(&buf, 7, NULL);
    expect(&buf, "{\"type\":\"unsubscribed\",\"room_id\":7}");
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++) {
        const struct close_row *row = close_reason_row((enum close_reason)i);
        char json[300];

        chat_frame_unsubscribed(&buf, 7, row);
        snprintf(json, sizeof(json),
                 "{\"type\":\"unsubscribed\",\"room_id\":7,\"code\":%u,\"reason\":\"%s\"}",
                 row->code, row->sentence);
        expect(&buf, json);
    }
}

static void test_bye(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    chat_frame_bye(&buf, 1012, "Server restarting", CLOSE_NOW, 1734);
    expect(&buf, "{\"type\":\"bye\",\"code\":1012,\"reason\":\"Server restarting\","
                 "\"reconnect\":true,\"after_ms\":1734}");
    chat_frame_bye(&buf, 1013, "Try again later", CLOSE_BACK_OFF, 1000);
    expect(&buf, "{\"type\":\"bye\",\"code\":1013,\"reason\":\"Try again later\","
                 "\"reconnect\":true,\"after_ms\":1000}");
    chat_frame_bye(&buf, 4001, "Session \"ended\"", CLOSE_NEVER, 0);
    expect(&buf, "{\"type\":\"bye\",\"code\":4001,\"reason\":\"Session \\\"ended\\\"\","
                 "\"reconnect\":false,\"after_ms\":0}");
}

/* Frames are appended: what was there stays. */
static void test_appending(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    strbuf_add_str(&buf, "before");
    chat_frame_caught_up(&buf, 7, 6);
    assert_memory_equal(buf.data, "before{", 7);
    strbuf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_every_error),
        cmocka_unit_test(test_ack),          cmocka_unit_test(test_hello),
        cmocka_unit_test(test_subscribed),   cmocka_unit_test(test_caught_up),
        cmocka_unit_test(test_unsubscribed), cmocka_unit_test(test_bye),
        cmocka_unit_test(test_appending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
