// needs: common/event_json common/strbuf common/mem common/check common/clock common/utf8
/* event_check: whatever event_json writes is taken, and what is no such object is not. */
#include "common/event_check.h"

#include "common/event_json.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In memory of its own, so that a read behind the end is found. */
static bool check(const void *data, size_t len)
{
    uint8_t *copy = mem_dup(data, len);
    bool good = event_check((struct span){copy, len});

    mem_free(copy);
    return good;
}

static bool check_text(const char *text)
{
    return check(text, strlen(text));
}

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

static void assert_event_taken(enum event_kind kind, const char *name, const char *text)
{
    const struct log_event event = {.room_id = JSON_INTEGER_MAX,
                                    .seq = JSON_INTEGER_MAX,
                                    .kind = kind,
                                    .actor_id = 3,
                                    .created_at_us = UINT64_C(1767323045678901),
                                    .actor_name = span_of(name),
                                    .text = span_of(text)};
    struct strbuf json = STRBUF_EMPTY;

    event_json_write(&event, &json);
    assert_true(check(json.data, json.len));
    /* Half of it is none. */
    for (size_t len = 0; len < json.len; len++)
        assert_false(check(json.data, len));
    strbuf_fini(&json);
}

static void test_events(void **unused)
{
    (void)unused;
    for (int kind = EVENT_MESSAGE; kind <= EVENT_ROOM_REMOVED; kind++) {
        assert_event_taken((enum event_kind)kind, "ada", "Since six.");
        assert_event_taken((enum event_kind)kind, NULL, "\x01\x1f \"quoted\" \\ \n\r\t");
        assert_event_taken((enum event_kind)kind, "gr\xc3\xbc\xc3\x9f",
                           "\xf0\x9f\x98\x80\xe2\x80\xa8");
    }
}

/* Strings of every length, so that what matters stands at each place of a block. */
static void test_places(void **unused)
{
    static const char *const bad[] = {"\x01",    "\x1f", "\"x",  "\\x",          "\\u0100",
                                      "\\u00g0", "\xff", "\xc3", "\xed\xa0\x80", "\\u000"};
    static const char *const good[] = {"\\\"", "\\\\", "\\n", "\\u001f", "\x7f", " ", "\xc3\xbc"};
    char text[128];

    (void)unused;
    for (int before = 0; before < 40; before++) {
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            snprintf(text, sizeof(text), "{\"a\":\"%.*s%s\"}", before,
                     "........................................", bad[i]);
            assert_false(check_text(text));
            snprintf(text, sizeof(text), "{\"%.*s%s............\":1}", before,
                     "........................................", bad[i]);
            assert_false(check_text(text));
        }
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
            snprintf(text, sizeof(text), "{\"a\":\"%.*s%s................\"}", before,
                     "........................................", good[i]);
            assert_true(check_text(text));
        }
    }
}

static void test_forms(void **unused)
{
    static const char *const good[] = {
        "{\"a\":1}",
        "{\"a\":0}",
        "{\"a\":9999999999999999}",
        "{\"a\":null,\"b\":true,\"c\":false,\"\":\"\"}",
    };
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 }",
        " {\"a\":1}",
        "{\"a\":1}\n",
        "{\"a\":1}{\"a\":1}",
        "{\"a\":01}",
        "{\"a\":-1}",
        "{\"a\":1.5}",
        "{\"a\":1e3}",
        "{\"a\":10000000000000000}",
        "{\"a\":nul}",
        "{\"a\":nulll}",
        "{\"a\":{}}",
        "{\"a\":[1]}",
        "{\"a\":'b'}",
        "{a:1}",
        "{\"a\":\"b}",
        "{\"a\":\"b\\\"}",
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(check_text(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(check_text(bad[i]));
    assert_false(check("{\"a\":\"\0\"}", 9));
    assert_false(check("{\"a\":\"\\\0\"}", 10));
    assert_false(check("{\"a\":1}\0", 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
