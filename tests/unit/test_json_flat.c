// needs: common/utf8 common/mem common/check
/* json_flat: what it takes and how it reads it, and what it leaves to jansson. */
#include "common/json_flat.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The heap copy ends where the text does, so that a sanitizer sees what reads on. */
static bool parse(struct json_flat *flat, uint8_t **bytes, const char *text)
{
    *bytes = mem_dup(text, strlen(text));
    return json_flat_parse(flat, *bytes, strlen(text));
}

static void assert_text(const struct json_flat *flat, const char *name, const char *text)
{
    const struct json_flat_member *member = json_flat_find(flat, name);

    assert_non_null(member);
    assert_int_equal(member->kind, JSON_FLAT_TEXT);
    assert_int_equal(member->text.len, strlen(text));
    assert_string_equal((const char *)member->text.data, text); /* with its NUL */
}

static void test_a_message(void **state ATTR_UNUSED)
{
    struct json_flat flat;
    uint8_t *bytes;

    assert_true(parse(
        &flat, &bytes,
        " {\"type\":\"message\", \"room_id\" : 12,\n\"text\":\"a \\\"b\\\"\\n\\t\\\\ \xc3\xa4\","
        "\"client_id\":\"\",\"x\":null,\"y\":true,\"z\":-3,\"f\":false}\r\n"));
    assert_int_equal(flat.count, 8);
    assert_text(&flat, "type", "message");
    assert_text(&flat, "text", "a \"b\"\n\t\\ \xc3\xa4");
    assert_text(&flat, "client_id", "");
    assert_int_equal(json_flat_find(&flat, "room_id")->integer, 12);
    assert_false(json_flat_find(&flat, "room_id")->negative);
    assert_int_equal(json_flat_find(&flat, "z")->integer, 3);
    assert_true(json_flat_find(&flat, "z")->negative);
    assert_int_equal(json_flat_find(&flat, "x")->kind, JSON_FLAT_NULL);
    assert_int_equal(json_flat_find(&flat, "y")->kind, JSON_FLAT_BOOLEAN);
    assert_int_equal(json_flat_find(&flat, "f")->kind, JSON_FLAT_BOOLEAN);
    assert_null(json_flat_find(&flat, "tex"));
    assert_null(json_flat_find(&flat, "texts"));
    mem_free(bytes);
}

static void test_edges(void **state ATTR_UNUSED)
{
    static const char *const taken[] = {
        "{}",
        " { } ",
        "{\"\":0}",
        "{\"a\":-0}",
        "{\"a\":999999999999999999}",
        "{\"a\\nb\":1}",
        "{\"a\":\"\x7f\"}",
        "{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8}",
    };

    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        struct json_flat flat;
        uint8_t *bytes;

        if (!parse(&flat, &bytes, taken[i]))
            fail_msg("%s", taken[i]);
        mem_free(bytes);
    }
}

static void test_left_to_jansson(void **state ATTR_UNUSED)
{
    static const char *const left[] = {
        "",
        " ",
        "[]",
        "1",
        "{",
        "{}}",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{}}",
        "{\"a\":[]}",
        "{\"a\":1.0}",
        "{\"a\":1e3}",
        "{\"a\":1E3}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":-01}",
        "{\"a\":+1}",
        "{\"a\":1000000000000000000}",
        "{\"a\":nul}",
        "{\"a\":True}",
        "{\"a\":truex}",
        "{\"a\":\"b}",
        "{\"a\":\"b\\\"}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\x1f\"}",
        "{\"a\":\"\xff\"}",
        "{\"\xc3\":1}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{'a':1}",
        "{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9}",
    };

    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        struct json_flat flat;
        uint8_t *bytes;

        if (parse(&flat, &bytes, left[i]))
            fail_msg("%s", left[i]);
        mem_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_left_to_jansson),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
