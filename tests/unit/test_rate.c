#include "common/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_good(void **state ATTR_UNUSED)
{
    static const struct {
        const char *text;
        struct rate rate;
    } rows[] = {
        {"0", {0, 0}},           {"1/1s", {1, 1}},         {"10/60s", {10, 60}},
        {"10/1m", {10, 60}},     {"20/1h", {20, 3600}},    {"100000/24h", {100000, 86400}},
        {"5/1440m", {5, 86400}}, {"7/86400s", {7, 86400}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rate rate = {9, 9};

        if (!rate_parse(rows[i].text, &rate))
            fail_msg("%s", rows[i].text);
        assert_int_equal(rate.count, rows[i].rate.count);
        assert_int_equal(rate.period_s, rows[i].rate.period_s);
    }
}

static void test_bad(void **state ATTR_UNUSED)
{
    static const char *const rows[] = {
        "",
        " ",
        "off",
        "00",
        "0/1s",
        "1",
        "10",
        "10/",
        "10/s",
        "10/0s",
        "10/60",
        "10/60ms",
        "10/60S",
        "10/60s ",
        " 10/60s",
        "10 /60s",
        "-1/60s",
        "+1/60s",
        "1/-60s",
        "01/60s",
        "1/01s",
        "1e3/60s",
        "100001/60s",
        "1/86401s",
        "1/1441m",
        "1/25h",
        "1/1d",
        "10/60s/1",
        "1.5/1s",
        "10/60s,",
        "4294967297/1s",
        "1/4294967297s",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rate rate = {9, 9};

        if (rate_parse(rows[i], &rate))
            fail_msg("%s", rows[i]);
        assert_int_equal(rate.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
