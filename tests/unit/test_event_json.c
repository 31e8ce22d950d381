// needs: common/strbuf common/mem common/check common/clock
/* event_json: what is written is read back by another parser, with the same members and values. */
#include "common/event_json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROOM        42
#define CREATED     UINT64_C(1767323045678901)
#define CREATED_ISO "2026-01-02T03:04:05.678901Z"

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* Parses what is in buf as one JSON value and nothing else, and empties it. */
static json_t *parse(struct strbuf *buf)
{
    json_error_t error;
    json_t *value = json_loadb(strbuf_str(buf), buf->len,
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    if (value == NULL)
        fail_msg("%s in %s", error.text, strbuf_str(buf));
    strbuf_fini(buf);
    return value;
}

static void assert_text_survives(const void *text, size_t len)
{
    struct strbuf buf = STRBUF_EMPTY;
    json_t *value;

    json_write_string(&buf, (struct span){text, len});
    for (size_t i = 0; i < buf.len; i++)
        assert_true((unsigned char)buf.data[i] >= 0x20);
    value = parse(&buf);
    assert_true(json_is_string(value));
    assert_int_equal(json_string_length(value), len);
    assert_memory_equal(json_string_value(value), text, len);
    json_decref(value);
}

static const struct {
    const char *text;
    const char *json;
} strings[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"\"", "\"\\\"\""},
    {"\\", "\"\\\\\""},
    {"\\\"\\", "\"\\\\\\\"\\\\\""},
    {"a\nb\rc\td", "\"a\\nb\\rc\\td\""},
    {"\b\f", "\"\\u0008\\u000c\""},
    {"\x01\x1f", "\"\\u0001\\u001f\""},
    {"\x7f", "\"\x7f\""},
    {"/ < > & '", "\"/ < > & '\""},
    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
    {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
    /* Line separators, which JSON takes as they are. */
    {"\xe2\x80\xa8\xe2\x80\xa9", "\"\xe2\x80\xa8\xe2\x80\xa9\""},
};

static void test_strings(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct strbuf buf = STRBUF_EMPTY;

        json_write_string(&buf, span_of(strings[i].text));
        assert_string_equal(strbuf_str(&buf), strings[i].json);
        strbuf_fini(&buf);
        assert_text_survives(strings[i].text, strlen(strings[i].text));
    }
}

static void test_null(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    json_write_string(&buf, (struct span){NULL, 0});
    assert_string_equal(strbuf_str(&buf), "null");
    strbuf_fini(&buf);
}

/* Each ASCII character alone, first, last, in the middle, and twice. */
static void test_every_ascii_character(void **unused)
{
    (void)unused;
    for (unsigned c = 0; c < 0x80; c++) {
        char text[] = {(char)c, 'a', (char)c, (char)c, 'b', (char)c};

        assert_text_survives(text, 1);
        assert_text_survives(text, 2);
        assert_text_survives(text, sizeof(text));
        assert_text_survives(text + 1, sizeof(text) - 2);
    }
}

/* Eight characters are looked at at once: each one at each place among others, and at the end. */
static void test_every_ascii_character_at_every_place(void **unused)
{
    (void)unused;
    for (unsigned c = 0; c < 0x80; c++)
        for (size_t at = 0; at < 20; at++) {
            char text[20];

            memset(text, '!' + (int)(at % 8), sizeof(text));
            text[at] = (char)c;
            assert_text_survives(text, sizeof(text));
            assert_text_survives(text, at + 1);
        }
}

static size_t put_character(char *out, unsigned point)
{
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

static void test_every_plane(void **unused)
{
    (void)unused;
    for (unsigned point = 0x80; point <= 0x10ffff; point += point < 0x3000 ? 1 : 251) {
        char text[9] = "<";
        size_t len = 1;

        if (point >= 0xd800 && point <= 0xdfff)
            continue;
        len += put_character(text + len, point);
        text[len++] = '"';
        assert_text_survives(text, len);
    }
    assert_text_survives("\xf4\x8f\xbf\xbf", 4);
}

static const struct {
    enum event_kind kind;
    const char *type;
    bool has_text;
    const char *text_member;
    const char *actor_member;
    const char *name_member;
} kinds[] = {
    {EVENT_MESSAGE, "new_message", true, "text", "sender_id", "sender_username"},
    {EVENT_ROOM_CREATED, "room_created", true, "name", "user_id", "username"},
    {EVENT_MEMBER_JOINED, "member_joined", false, NULL, "user_id", "username"},
    {EVENT_MEMBER_LEFT, "member_left", false, NULL, "user_id", "username"},
    {EVENT_OWNER_CHANGED, "owner_changed", false, NULL, "user_id", "username"},
    {EVENT_ROOM_REMOVED, "room_removed", false, NULL, "user_id", "username"},
};

static const char *const samples[] = {
    "hello",
    "\"\\\b\f\n\r\t\x01\x1f\x7f",
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 family",
    "{\"type\":\"room_removed\"}",
};

static const uint64_t numbers[] = {1, 4711, (UINT64_C(1) << 53) - 1};

static void assert_number(const json_t *object, const char *name, uint64_t expected)
{
    json_t *value = json_object_get(object, name);

    assert_true(json_is_integer(value));
    assert_true((uint64_t)json_integer_value(value) == expected);
}

static void assert_text(const json_t *object, const char *name, const char *expected)
{
    json_t *value = json_object_get(object, name);

    if (expected == NULL) {
        assert_true(json_is_null(value));
        return;
    }
    assert_true(json_is_string(value));
    assert_int_equal(json_string_length(value), strlen(expected));
    assert_string_equal(json_string_value(value), expected);
}

static void check_event(size_t kind, const char *text, const char *name, uint64_t number)
{
    struct log_event event = {
        ROOM,          number,  kinds[kind].kind,
        number,        CREATED, name != NULL ? span_of(name) : (struct span){NULL, 0},
        span_of(text), 99};
    struct strbuf buf = STRBUF_EMPTY;
    json_t *object;

    event_json_write(&event, &buf);
    object = parse(&buf);
    assert_text(object, "type", kinds[kind].type);
    assert_number(object, "id", number);
    assert_number(object, "room_id", ROOM);
    assert_number(object, kinds[kind].actor_member, number);
    assert_text(object, kinds[kind].name_member, name);
    if (kinds[kind].has_text)
        assert_text(object, kinds[kind].text_member, text);
    assert_text(object, "created_at", CREATED_ISO);
    assert_int_equal(json_object_size(object), kinds[kind].has_text ? 7 : 6);
    json_decref(object);
}

static void test_events(void **unused)
{
    (void)unused;
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++)
        for (size_t i = 0; i < ARRAY_LEN(samples); i++)
            for (size_t number = 0; number < ARRAY_LEN(numbers); number++) {
                check_event(kind, samples[i], samples[i], numbers[number]);
                check_event(kind, samples[i], NULL, numbers[number]);
                check_event(kind, "", "", numbers[number]);
            }
}

/* The text of an event is fixed: history, live and catching up must not differ by a byte. */
static void test_exact_text(void **unused)
{
    struct log_event event = {
        7, 4, EVENT_MESSAGE, 1, CREATED, span_of("ada"), span_of("Since six."), 99};
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    strbuf_add_str(&buf, "before ");
    event_json_write(&event, &buf);
    assert_string_equal(strbuf_str(&buf),
                        "before {\"type\":\"new_message\",\"id\":4,\"text\":\"Since six.\","
                        "\"sender_id\":1,\"sender_username\":\"ada\",\"room_id\":7,"
                        "\"created_at\":\"" CREATED_ISO "\"}");
    strbuf_reset(&buf);
    event.kind = EVENT_ROOM_CREATED;
    event_json_write(&event, &buf);
    assert_string_equal(strbuf_str(&buf),
                        "{\"type\":\"room_created\",\"id\":4,\"room_id\":7,\"user_id\":1,"
                        "\"username\":\"ada\",\"name\":\"Since six.\","
                        "\"created_at\":\"" CREATED_ISO "\"}");
    strbuf_fini(&buf);
}

static void test_kind_of_a_newer_version(void **unused)
{
    struct log_event event = {7, 4, (enum event_kind)99, 1, CREATED, span_of("ada"), span_of("x"),
                              99};
    struct strbuf buf = STRBUF_EMPTY;
    json_t *object;

    (void)unused;
    event_json_write(&event, &buf);
    object = parse(&buf);
    assert_text(object, "type", "unknown");
    assert_number(object, "id", 4);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_every_ascii_character),
        cmocka_unit_test(test_every_ascii_character_at_every_place),
        cmocka_unit_test(test_every_plane),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_exact_text),
        cmocka_unit_test(test_kind_of_a_newer_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
