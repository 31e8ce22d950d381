// needs: common/json_flat common/utf8 common/mem common/check common/errors
/* json: what a client may send, what it may not, and what its members are. */
#include "common/json.h"

#include "common/limits.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define J(literal) literal, sizeof(literal) - 1

static const struct {
    const char *name;
    const char *text;
    size_t len;
    enum err expected;
} documents[] = {
    {"an empty object", J("{}"), ERR_NONE},
    {"space around", J(" \t\r\n{ }\n"), ERR_NONE},
    {"members", J("{\"a\":1,\"b\":[true,null,{\"c\":-1.5e3}]}"), ERR_NONE},
    {"an empty name", J("{\"\":1}"), ERR_NONE},
    {"escapes", J("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\"}"), ERR_NONE},
    {"a surrogate pair", J("{\"a\":\"\\ud83d\\ude00\"}"), ERR_NONE},
    {"UTF-8", J("{\"gr\xc3\xbc\xc3\x9f\":\"\xf0\x9f\x98\x80\"}"), ERR_NONE},
    {"the same name at two depths", J("{\"a\":{\"a\":1}}"), ERR_NONE},
    {"brackets in a string", J("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[{{{{{{{{{{\"}"), ERR_NONE},
    {"an escaped quote, then brackets", J("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"}"), ERR_NONE},
    {"an array", J("[]"), ERR_VALIDATION},
    {"a string", J("\"{}\""), ERR_VALIDATION},
    {"a number", J("0"), ERR_VALIDATION},
    {"true", J("true"), ERR_VALIDATION},
    {"null", J("null"), ERR_VALIDATION},
    {"nothing", J(""), ERR_MALFORMED_JSON},
    {"space only", J(" \n"), ERR_MALFORMED_JSON},
    {"no end", J("{"), ERR_MALFORMED_JSON},
    {"no beginning", J("}"), ERR_MALFORMED_JSON},
    {"the wrong end", J("{]"), ERR_MALFORMED_JSON},
    {"half a member", J("{\"a\""), ERR_MALFORMED_JSON},
    {"no value", J("{\"a\":}"), ERR_MALFORMED_JSON},
    {"no name", J("{:1}"), ERR_MALFORMED_JSON},
    {"a trailing comma", J("{\"a\":1,}"), ERR_MALFORMED_JSON},
    {"no comma", J("{\"a\":1 \"b\":2}"), ERR_MALFORMED_JSON},
    {"a name without quotes", J("{a:1}"), ERR_MALFORMED_JSON},
    {"single quotes", J("{'a':1}"), ERR_MALFORMED_JSON},
    {"a comment", J("{}/**/"), ERR_MALFORMED_JSON},
    {"two objects", J("{}{}"), ERR_MALFORMED_JSON},
    {"a word behind", J("{} x"), ERR_MALFORMED_JSON},
    {"a NUL behind", J("{}\0"), ERR_MALFORMED_JSON},
    {"a NUL before", J("\0{}"), ERR_MALFORMED_JSON},
    {"a NUL in a string", J("{\"a\":\"b\0c\"}"), ERR_MALFORMED_JSON},
    {"an escaped NUL", J("{\"a\":\"b\\u0000c\"}"), ERR_MALFORMED_JSON},
    {"an escaped NUL in a name", J("{\"a\\u0000b\":1}"), ERR_MALFORMED_JSON},
    {"a line break in a string", J("{\"a\":\"\n\"}"), ERR_MALFORMED_JSON},
    {"an unknown escape", J("{\"a\":\"\\x\"}"), ERR_MALFORMED_JSON},
    {"a short escape", J("{\"a\":\"\\u12\"}"), ERR_MALFORMED_JSON},
    {"half a surrogate pair", J("{\"a\":\"\\ud83d\"}"), ERR_MALFORMED_JSON},
    {"the other half", J("{\"a\":\"\\ude00\"}"), ERR_MALFORMED_JSON},
    {"a surrogate pair the wrong way round", J("{\"a\":\"\\ude00\\ud83d\"}"), ERR_MALFORMED_JSON},
    {"a byte that is no UTF-8", J("{\"a\":\"\xff\"}"), ERR_MALFORMED_JSON},
    {"an overlong character", J("{\"a\":\"\xc0\xaf\"}"), ERR_MALFORMED_JSON},
    {"a surrogate in UTF-8", J("{\"a\":\"\xed\xa0\x80\"}"), ERR_MALFORMED_JSON},
    {"half a character", J("{\"a\":\"\xe2\x82\"}"), ERR_MALFORMED_JSON},
    {"a byte order mark", J("\xef\xbb\xbf{}"), ERR_MALFORMED_JSON},
    {"UTF-16", J("{\0}\0"), ERR_MALFORMED_JSON},
    {"the same name twice", J("{\"a\":1,\"a\":1}"), ERR_MALFORMED_JSON},
    {"the same name twice, once escaped", J("{\"a\":1,\"\\u0061\":2}"), ERR_MALFORMED_JSON},
    {"the same name twice, inside", J("{\"x\":{\"a\":1,\"a\":2}}"), ERR_MALFORMED_JSON},
    {"a leading zero", J("{\"a\":01}"), ERR_MALFORMED_JSON},
    {"a plus", J("{\"a\":+1}"), ERR_MALFORMED_JSON},
    {"a bare point", J("{\"a\":1.}"), ERR_MALFORMED_JSON},
    {"hexadecimal", J("{\"a\":0x1}"), ERR_MALFORMED_JSON},
    {"not a number", J("{\"a\":NaN}"), ERR_MALFORMED_JSON},
    {"an upper-case literal", J("{\"a\":True}"), ERR_MALFORMED_JSON},
};

static void test_documents(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        char *copy = mem_dup(documents[i].text, documents[i].len);
        struct json_doc *doc = NULL;
        enum err err = json_parse_object(copy, documents[i].len, &doc);

        mem_free(copy);
        if (err != documents[i].expected)
            fail_msg("%s: %s", documents[i].name, err_code(err));
        assert_int_equal(doc != NULL, err == ERR_NONE);
        json_doc_destroy(&doc);
        assert_null(doc);
    }
}

static void test_destroy_twice(void **unused)
{
    struct json_doc *doc = NULL;

    (void)unused;
    json_doc_destroy(&doc);
    assert_int_equal(json_parse_object("{}", 2, &doc), ERR_NONE);
    json_doc_destroy(&doc);
    json_doc_destroy(&doc);
    assert_null(doc);
}

/* An object around depth - 1 arrays or objects. */
static enum err parse_nested(unsigned depth, bool objects)
{
    size_t size = 16 + (size_t)depth * 8;
    char *text = mem_alloc(size);
    struct json_doc *doc = NULL;
    size_t len = 0;
    enum err err;

    for (unsigned i = 0; i < depth; i++)
        len += (size_t)snprintf(text + len, size - len, "%s",
                                i + 1 == depth      ? (objects || depth == 1 ? "{" : "[")
                                : i == 0 || objects ? "{\"a\":"
                                                    : "[");
    for (unsigned i = depth; i-- > 0;)
        text[len++] = objects || i == 0 ? '}' : ']';
    err = json_parse_object(text, len, &doc);
    json_doc_destroy(&doc);
    mem_free(text);
    return err;
}

static void test_depth(void **unused)
{
    (void)unused;
    for (unsigned depth = 1; depth <= JSON_DEPTH_MAX; depth++) {
        assert_int_equal(parse_nested(depth, true), ERR_NONE);
        assert_int_equal(parse_nested(depth, false), ERR_NONE);
    }
    assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1, true), ERR_MALFORMED_JSON);
    assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1, false), ERR_MALFORMED_JSON);
    assert_int_equal(parse_nested(100000, true), ERR_MALFORMED_JSON);
    assert_int_equal(parse_nested(100000, false), ERR_MALFORMED_JSON);
}

/* Siblings do not add up. */
static void test_width(void **unused)
{
    struct json_doc *doc = NULL;
    char *text = mem_alloc(8000);
    size_t len = 0;

    (void)unused;
    len += (size_t)snprintf(text, 8000, "{\"a\":[[]");
    while (len < 7000)
        len += (size_t)snprintf(text + len, 8000 - len, ",[{}]");
    len += (size_t)snprintf(text + len, 8000 - len, "]}");
    assert_int_equal(json_parse_object(text, len, &doc), ERR_NONE);
    json_doc_destroy(&doc);
    mem_free(text);
}

static const struct {
    const char *json;
    enum json_kind as_text;
    enum json_kind as_number;
    const char *text;
    uint64_t number;
} members[] = {
    {"{}", JSON_IS_ABSENT, JSON_IS_ABSENT, NULL, 0},
    {"{\"X\":1}", JSON_IS_ABSENT, JSON_IS_ABSENT, NULL, 0},
    {"{\"a\":{\"x\":1}}", JSON_IS_ABSENT, JSON_IS_ABSENT, NULL, 0},
    {"{\"x\":null}", JSON_IS_NULL, JSON_IS_NULL, NULL, 0},
    {"{\"x\":\"\"}", JSON_IS_TEXT, JSON_IS_OTHER, "", 0},
    {"{\"x\":\"text\"}", JSON_IS_TEXT, JSON_IS_OTHER, "text", 0},
    {"{\"x\":\"12\"}", JSON_IS_TEXT, JSON_IS_OTHER, "12", 0},
    {"{\"x\":\"\\u00fc\\ud83d\\ude00\\n\"}", JSON_IS_TEXT, JSON_IS_OTHER,
     "\xc3\xbc\xf0\x9f\x98\x80\n", 0},
    {"{\"\\u0078\":\"escaped name\"}", JSON_IS_TEXT, JSON_IS_OTHER, "escaped name", 0},
    {"{\"x\":0}", JSON_IS_OTHER, JSON_IS_NUMBER, NULL, 0},
    {"{\"x\":7}", JSON_IS_OTHER, JSON_IS_NUMBER, NULL, 7},
    {"{\"x\":9007199254740991}", JSON_IS_OTHER, JSON_IS_NUMBER, NULL, JSON_INTEGER_MAX},
    {"{\"x\":9007199254740992}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":9223372036854775807}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":-1}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":-9223372036854775808}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":-0}", JSON_IS_OTHER, JSON_IS_NUMBER, NULL, 0},
    {"{\"x\":1.0}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":1e3}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":true}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":false}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":[\"x\"]}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
    {"{\"x\":{}}", JSON_IS_OTHER, JSON_IS_OTHER, NULL, 0},
};

static void test_members(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct span text = {NULL, 0};
        uint64_t number = 0;
        struct json_doc *doc = NULL;

        assert_int_equal(json_parse_object(members[i].json, strlen(members[i].json), &doc),
                         ERR_NONE);
        if (json_get(doc, "x", &text) != members[i].as_text ||
            json_get_u64(doc, "x", &number) != members[i].as_number)
            fail_msg("%s has another kind", members[i].json);
        if (members[i].text != NULL)
            assert_true(span_is(text, members[i].text));
        else
            assert_null(text.data);
        assert_true(number == members[i].number);
        json_doc_destroy(&doc);
    }
}

/* A document of the greatest body that HTTP and WebSocket let in. */
static void test_full_body(void **unused)
{
    struct json_doc *doc = NULL;
    char *text = mem_alloc(BODY_BYTES_MAX);
    struct span value;

    (void)unused;
    memset(text, 'a', BODY_BYTES_MAX);
    memcpy(text, "{\"x\":\"", 6);
    memcpy(text + BODY_BYTES_MAX - 2, "\"}", 2);
    assert_int_equal(json_parse_object(text, BODY_BYTES_MAX, &doc), ERR_NONE);
    assert_int_equal(json_get(doc, "x", &value), JSON_IS_TEXT);
    assert_int_equal(value.len, BODY_BYTES_MAX - 8);
    json_doc_destroy(&doc);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents), cmocka_unit_test(test_destroy_twice),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_width),
        cmocka_unit_test(test_members),   cmocka_unit_test(test_full_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
