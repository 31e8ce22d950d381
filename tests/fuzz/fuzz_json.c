// needs: common/event_check common/json_flat common/utf8 common/mem common/check
/*
 * json: any bytes against jansson's own verdict and a slow count of the depth; and what is read out
 * of a document is what the parser has in it. What event_check takes, jansson takes, and wherever
 * it lies. A body or a message is assembled before; http_guard, ws_message and worker_chat cut it.
 */
#include "common/json.h"

#include "common/check.h"
#include "common/event_check.h"
#include "common/limits.h"
#include "common/mem.h"
#include "moved.h"

#include <jansson.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned depth_of(json_t *value)
{
    unsigned deepest = 0;
    const char *name;
    size_t index;
    json_t *child;

    if (!json_is_object(value) && !json_is_array(value))
        return 0;
    json_object_foreach(value, name, child)
    {
        unsigned depth = depth_of(child);

        deepest = MAX(deepest, depth);
    }
    json_array_foreach(value, index, child)
    {
        unsigned depth = depth_of(child);

        deepest = MAX(deepest, depth);
    }
    return deepest + 1;
}

static void compare_member(const struct json_doc *doc, const char *name, json_t *value)
{
    struct span text = {NULL, 0};
    uint64_t number = 0;
    enum json_kind kind = json_get(doc, name, &text);
    enum json_kind as_number = json_get_u64(doc, name, &number);

    CHECK(kind != JSON_IS_ABSENT && kind != JSON_IS_NUMBER);
    CHECK(as_number != JSON_IS_ABSENT && as_number != JSON_IS_TEXT);
    CHECK((kind == JSON_IS_NULL) == json_is_null(value));
    CHECK((as_number == JSON_IS_NULL) == json_is_null(value));
    CHECK((kind == JSON_IS_TEXT) == json_is_string(value));
    if (kind == JSON_IS_TEXT) {
        CHECK(text.len == json_string_length(value));
        CHECK(memcmp(text.data, json_string_value(value), text.len) == 0);
        CHECK(strlen((const char *)text.data) == text.len);
    }
    if (as_number == JSON_IS_NUMBER) {
        CHECK(number <= JSON_INTEGER_MAX);
        CHECK(json_is_integer(value) && (uint64_t)json_integer_value(value) == number);
    }
}

static void compare(const struct json_doc *doc, json_t *expected)
{
    struct span text;
    uint64_t number;
    const char *name;
    json_t *value;

    json_object_foreach(expected, name, value)
    {
        compare_member(doc, name, value);
    }
    if (json_object_get(expected, "text") == NULL) {
        CHECK(json_get(doc, "text", &text) == JSON_IS_ABSENT);
        CHECK(json_get_u64(doc, "text", &number) == JSON_IS_ABSENT);
    }
}

static void check_event(const uint8_t *data, size_t size)
{
    json_t *value;

    /* Jansson has no name with a NUL in it. */
    if (!event_check((struct span){data, size}) || memmem(data, size, "\\u0000", 6) != NULL)
        return;
    value = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    CHECK(json_is_object(value) && depth_of(value) == 1);
    json_decref(value);
}

/* It is read by whole words, whose borders are elsewhere then. */
static void check_event_elsewhere(const uint8_t *data, size_t size)
{
    bool expected = event_check((struct span){data, size});

    for (size_t place = 1; place < 8; place++) {
        struct moved moved = move_by(data, size, place);

        CHECK(event_check((struct span){moved.data, size}) == expected);
        mem_free(moved.block);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_doc *doc = NULL;
    uint8_t *copy = mem_dup(data, size);
    enum err err = json_parse_object(copy, size, &doc);
    json_t *expected =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

    mem_free(copy);
    CHECK((err == ERR_NONE) == (doc != NULL));
    if (expected == NULL)
        CHECK(err == ERR_MALFORMED_JSON);
    else if (depth_of(expected) > JSON_DEPTH_MAX)
        CHECK(err == ERR_MALFORMED_JSON);
    else
        CHECK(err == (json_is_object(expected) ? ERR_NONE : ERR_VALIDATION));
    if (doc != NULL)
        compare(doc, expected);
    json_decref(expected);
    json_doc_destroy(&doc);
    check_event(data, size);
    check_event_elsewhere(data, size);
    return 0;
}
