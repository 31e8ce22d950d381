// needs: common/json common/json_flat common/utf8 common/wire common/digest common/strbuf common/mem common/check common/errors
/* sending: what a client may send, and under which key it is repeated. */
#include "gateway/sending.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* In place of the bus: remembers the last command. */
struct bus_link {
    struct bus_command last;
    char sender_name[64];
    char text[64];
    unsigned keys;
};

void bus_link_unique_key(struct bus_link *link, uint8_t key[DEDUPE_KEY_BYTES])
{
    memset(key, 0, DEDUPE_KEY_BYTES);
    key[0] = (uint8_t)++link->keys;
}

void bus_link_command(struct bus_link *link, const struct bus_command *command, bus_answer_fn *done,
                      void *context)
{
    struct bus_answer answer = {0};

    link->last = *command;
    snprintf(link->sender_name, sizeof(link->sender_name), "%.*s", (int)command->sender_name.len,
             (const char *)command->sender_name.data);
    snprintf(link->text, sizeof(link->text), "%.*s", (int)command->text.len,
             (const char *)command->text.data);
    done(context, &answer);
}

static void note_answer(void *context, const struct bus_answer *answer)
{
    (void)answer;
    ++*(unsigned *)context;
}

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static const struct {
    const char *json;
    enum err err;
    const char *field;     /* of the refusal */
    const char *text;      /* NULL: not looked at */
    const char *client_id; /* NULL: none */
} objects[] = {
    {"{\"text\":\"a\"}", ERR_NONE, NULL, "a", NULL},
    {"{\"text\":\" \"}", ERR_NONE, NULL, " ", NULL},
    {"{\"text\":\"Since six.\",\"client_id\":\"b4c2f0de-1\"}", ERR_NONE, NULL, "Since six.",
     "b4c2f0de-1"},
    {"{\"text\":\"a\",\"client_id\":null}", ERR_NONE, NULL, "a", NULL},
    {"{\"text\":\"a\",\"client_id\":\" \"}", ERR_NONE, NULL, "a", " "},
    {"{\"text\":\"a\",\"more\":[1]}", ERR_NONE, NULL, "a", NULL},
    {"{\"text\":\"\\ud83d\\ude00\",\"client_id\":\"\\n\"}", ERR_NONE, NULL, "\xf0\x9f\x98\x80",
     "\n"},
    {"{}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":null}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":1}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":true}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":[\"a\"]}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":{\"text\":\"a\"}}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"Text\":\"a\"}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":\"\"}", ERR_VALIDATION, "text", NULL, NULL},
    {"{\"text\":\"a\",\"client_id\":\"\"}", ERR_VALIDATION, "client_id", NULL, NULL},
    {"{\"text\":\"a\",\"client_id\":1}", ERR_VALIDATION, "client_id", NULL, NULL},
    {"{\"text\":\"a\",\"client_id\":{}}", ERR_VALIDATION, "client_id", NULL, NULL},
    {"{\"text\":\"a\",\"client_id\":false}", ERR_VALIDATION, "client_id", NULL, NULL},
    /* A good client_id is told with what is wrong about the text, so that the client knows which.
     */
    {"{\"client_id\":\"x\"}", ERR_VALIDATION, "text", NULL, "x"},
    {"{\"text\":\"\",\"client_id\":\"x\"}", ERR_VALIDATION, "text", NULL, "x"},
};

static void assert_span(struct span span, const char *expected)
{
    if (expected == NULL)
        assert_null(span.data);
    else
        assert_true(span_is(span, expected));
}

static void test_objects(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        struct json_doc *doc = NULL;
        struct outgoing out;
        enum err err;

        assert_int_equal(json_parse_object(objects[i].json, strlen(objects[i].json), &doc),
                         ERR_NONE);
        err = sending_read(doc, &out);
        if (err != objects[i].err)
            fail_msg("%s: %s", objects[i].json, err_code(err));
        if (objects[i].field != NULL) {
            assert_string_equal(out.field, objects[i].field);
            assert_memory_equal(out.problem, objects[i].field, strlen(objects[i].field));
        } else {
            assert_null(out.problem);
        }
        if (objects[i].text != NULL)
            assert_span(out.text, objects[i].text);
        assert_span(out.client_id, objects[i].client_id);
        json_doc_destroy(&doc);
    }
}

/* An object whose member has count times this JSON text as its value. */
static enum err read_repeated(const char *object, const char *unit, size_t count)
{
    const char *hole = strchr(object, '#');
    size_t size = strlen(object) + strlen(unit) * count;
    struct json_doc *doc = NULL;
    struct strbuf json = STRBUF_EMPTY;
    struct outgoing out;
    enum err err;

    strbuf_reserve(&json, size);
    strbuf_add(&json, object, (size_t)(hole - object));
    for (size_t i = 0; i < count; i++)
        strbuf_add_str(&json, unit);
    strbuf_add_str(&json, hole + 1);
    assert_true(json.len <= BODY_BYTES_MAX);
    assert_int_equal(json_parse_object(json.data, json.len, &doc), ERR_NONE);
    err = sending_read(doc, &out);
    if (err == ERR_NONE) {
        assert_true(out.text.len <= MESSAGE_BYTES_MAX);
    } else {
        assert_non_null(out.field);
        assert_non_null(out.problem);
    }
    json_doc_destroy(&doc);
    strbuf_fini(&json);
    return err;
}

/* One character each, of one to four bytes and as escapes. */
static const char *const units[] = {
    "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\n", "\\u00fc", "\\ud83d\\ude00",
};

static void test_bounds(void **unused)
{
    static const char text[] = "{\"text\":\"#\"}";
    static const char client_id[] = "{\"text\":\"a\",\"client_id\":\"#\"}";

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        assert_int_equal(read_repeated(text, units[i], 1), ERR_NONE);
        assert_int_equal(read_repeated(text, units[i], MESSAGE_CHARS_MAX - 1), ERR_NONE);
        assert_int_equal(read_repeated(text, units[i], MESSAGE_CHARS_MAX), ERR_NONE);
        assert_int_equal(read_repeated(text, units[i], MESSAGE_CHARS_MAX + 1),
                         ERR_MESSAGE_TOO_LONG);
        assert_int_equal(read_repeated(client_id, units[i], 1), ERR_NONE);
        assert_int_equal(read_repeated(client_id, units[i], CLIENT_ID_CHARS_MAX), ERR_NONE);
        assert_int_equal(read_repeated(client_id, units[i], CLIENT_ID_CHARS_MAX + 1),
                         ERR_VALIDATION);
    }
    /* Characters are code points: a family of four is seven of them. */
    assert_int_equal(read_repeated(text, "e\xcc\x81", MESSAGE_CHARS_MAX / 2), ERR_NONE);
    assert_int_equal(read_repeated(text, "e\xcc\x81", MESSAGE_CHARS_MAX / 2 + 1),
                     ERR_MESSAGE_TOO_LONG);
}

static void test_client_id(void **unused)
{
    char text[CLIENT_ID_CHARS_MAX + 2];

    (void)unused;
    memset(text, 'x', sizeof(text));
    assert_false(sending_client_id_valid((struct span){NULL, 0}));
    assert_false(sending_client_id_valid(span_of("")));
    assert_true(sending_client_id_valid(span_of("x")));
    assert_true(sending_client_id_valid((struct span){(uint8_t *)text, CLIENT_ID_CHARS_MAX}));
    assert_false(sending_client_id_valid((struct span){(uint8_t *)text, CLIENT_ID_CHARS_MAX + 1}));
}

/* Publishes, and returns the key. */
static const uint8_t *publish(struct bus_link *link, uint64_t room_id, uint64_t sender_id,
                              const char *client_id)
{
    struct outgoing out = {.text = span_of("hello")};
    unsigned answers = 0;

    if (client_id != NULL)
        out.client_id = span_of(client_id);
    sending_publish(link, room_id, sender_id, "ada", &out, note_answer, &answers);
    assert_int_equal(answers, 1);
    assert_int_equal(link->last.kind, COMMAND_MESSAGE);
    assert_true(link->last.room_id == room_id && link->last.sender_id == sender_id);
    assert_string_equal(link->sender_name, "ada");
    assert_string_equal(link->text, "hello");
    assert_null(link->last.token_hashes.data);
    return link->last.key;
}

static void test_keys(void **unused)
{
    static const struct {
        uint64_t sender_id;
        const char *client_id;
    } others[] = {{2, "x"}, {1, "y"}, {1, "X"}, {1, "x "}, {1, "xx"}, {256, "x"}, {1, "\x01x"}};
    struct bus_link link = {0};
    uint8_t key[DEDUPE_KEY_BYTES];

    (void)unused;
    memcpy(key, publish(&link, 7, 1, "x"), sizeof(key));
    assert_memory_equal(publish(&link, 7, 1, "x"), key, sizeof(key));
    assert_memory_equal(publish(&link, 8, 1, "x"), key, sizeof(key)); /* unique in its room */
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_memory_not_equal(publish(&link, 7, others[i].sender_id, others[i].client_id), key,
                                sizeof(key));
    assert_int_equal(link.keys, 0);
    assert_int_equal(publish(&link, 7, 1, NULL)[0], 1);
    assert_int_equal(publish(&link, 7, 1, NULL)[0], 2);
}

/* The key is stored for ever: a new version must make the same one. */
static void test_key_is_pinned(void **unused)
{
    static const uint8_t pinned[DEDUPE_KEY_BYTES] = {
        0x9e, 0xd3, 0xde, 0x5a, 0x95, 0x5c, 0xf2, 0x31,
        0x0d, 0x8c, 0xb3, 0x92, 0xcf, 0x28, 0xb8, 0x23,
    };
    struct bus_link link = {0};

    (void)unused;
    assert_memory_equal(publish(&link, 7, 1, "b4c2f0de-1"), pinned, sizeof(pinned));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects),       cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_client_id),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_is_pinned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
