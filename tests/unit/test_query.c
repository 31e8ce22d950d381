// needs:
/* query: the parameters of a URI, and numbers in them. */
#include "gateway/query.h"

#include "common/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *query;
    const char *name;
    const char *value; /* NULL: absent */
} parameters[] = {
    {NULL, "a", NULL},
    {"", "a", NULL},
    {"a", "a", NULL},
    {"a=", "a", ""},
    {"a=1", "a", "1"},
    {"a=1", "b", NULL},
    {"a=1&b=2", "a", "1"},
    {"a=1&b=2", "b", "2"},
    {"a=1&a=2", "a", "1"},
    {"a&a=2", "a", "2"},
    {"a=&a=2", "a", ""},
    {"&&a=1&", "a", "1"},
    {"&", "a", NULL},
    {"=1", "a", NULL},
    {"aa=1&a=2", "a", "2"},
    {"ba=1", "a", NULL},
    {"b=a=1", "a", NULL},
    {"a=b=c", "a", "b=c"},
    {"a=%20+x", "a", "%20+x"},
    {"%61=1", "a", NULL},
    {"A=1", "a", NULL},
    {"token=abc&since=41&epoch=9", "since", "41"},
    {"token=abc&since=41&epoch=9", "epoch", "9"},
    {"token=abc;since=41", "since", NULL},
    {"tok=1", "token", NULL},
};

static void test_parameters(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        struct span raw = {NULL, 0};
        bool found = query_get(parameters[i].query, parameters[i].name, &raw);

        if (found != (parameters[i].value != NULL) || (found && !span_is(raw, parameters[i].value)))
            fail_msg("%s in %s", parameters[i].name, parameters[i].query);
    }
}

static const struct {
    const char *text;
    bool good;
    uint64_t number;
} numbers[] = {
    {"0", true, 0},
    {"7", true, 7},
    {"007", true, 7},
    {"500", true, 500},
    {"4294967296", true, UINT64_C(1) << 32},
    {"9007199254740991", true, JSON_INTEGER_MAX},
    {"9007199254740992", false, 0},
    {"9999999999999999", false, 0},
    {"10000000000000000", false, 0},
    {"18446744073709551616", false, 0},
    {"184467440737095516160000000000000007", false, 0},
    {"", false, 0},
    {"-1", false, 0},
    {"+1", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"1.0", false, 0},
    {"1e3", false, 0},
    {"0x1", false, 0},
    {"1_000", false, 0},
    {"%31", false, 0},
    {"\xd9\xa1", false, 0}, /* an Arabic digit */
    {"ten", false, 0},
};

static void test_numbers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct span text = {(const uint8_t *)numbers[i].text, strlen(numbers[i].text)};
        char query[80];
        uint64_t number = 0;

        assert_int_equal(query_parse_u64(text, &number), numbers[i].good);
        if (numbers[i].good)
            assert_true(number == numbers[i].number);
        snprintf(query, sizeof(query), "x=1&limit=%s&y=2", numbers[i].text);
        number = 0;
        assert_int_equal(query_get_u64(query, "limit", &number),
                         numbers[i].good ? QUERY_NUMBER : QUERY_BAD);
        if (numbers[i].good)
            assert_true(number == numbers[i].number);
    }
}

static void test_absent_number(void **unused)
{
    uint64_t number = 100;

    (void)unused;
    assert_int_equal(query_get_u64(NULL, "limit", &number), QUERY_ABSENT);
    assert_int_equal(query_get_u64("", "limit", &number), QUERY_ABSENT);
    assert_int_equal(query_get_u64("limits=3", "limit", &number), QUERY_ABSENT);
    assert_int_equal(query_get_u64("limit", "limit", &number), QUERY_ABSENT);
    assert_true(number == 100); /* the default stays */
}

static void test_a_part_of_a_path(void **unused)
{
    uint64_t number = 0;

    (void)unused;
    assert_true(query_parse_u64((struct span){(const uint8_t *)"123/users", 3}, &number));
    assert_true(number == 123);
    assert_false(query_parse_u64((struct span){(const uint8_t *)"123\0", 4}, &number));
    assert_false(query_parse_u64((struct span){NULL, 0}, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_absent_number),
        cmocka_unit_test(test_a_part_of_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
