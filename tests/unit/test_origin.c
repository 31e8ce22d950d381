// needs: gateway/client_address common/networks common/mem common/check
#include "gateway/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_format(void **state ATTR_UNUSED)
{
    struct origin origin = {.conn = origin_first_conn(0, 0) + 0x1a2b};
    char text[ORIGIN_TEXT_SIZE];

    assert_string_equal(origin_format(&origin, text), "conn=w0-1a2b client=-");
    origin.conn = origin_first_conn(255, UINT32_MAX) + 1;
    memset(&origin.client, 0xff, sizeof(origin.client));
    assert_string_equal(
        origin_format(&origin, text),
        "conn=w255-100000000 client=[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    /* The longest there can be. */
    origin.conn = UINT64_MAX;
    assert_true(strlen(origin_format(&origin, text)) < ORIGIN_TEXT_SIZE - 1);
}

static void test_request_ids(void **state ATTR_UNUSED)
{
    static const char *const good[] = {
        "a",
        "0",
        "A-b_c.9",
        "---",
        "5f0c1d6e-8f6b-4a7e-9d1c-0123456789ab",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {
        "",
        " ",
        "a b",
        "a\"",
        "a\r\nX: y",
        "a=b",
        "a\xc3\xa9",
        "a\x7f",
        "a,b",
        "<a>",
        "a/b",
        "a:b",
        "01234567890123456789012345678901234567890123456789012345678901234"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(request_id_valid(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(request_id_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_request_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
