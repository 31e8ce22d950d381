// needs: common/check
/* clock: time's text at known instants, and what the two clocks promise. */
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)

static const struct {
    uint64_t wall_us;
    const char *text;
} instants[] = {
    {0, "1970-01-01T00:00:00.000000Z"},
    {1, "1970-01-01T00:00:00.000001Z"},
    {SECOND - 1, "1970-01-01T00:00:00.999999Z"},
    {SECOND, "1970-01-01T00:00:01.000000Z"},
    {86400 * SECOND - 1, "1970-01-01T23:59:59.999999Z"},
    {86400 * SECOND, "1970-01-02T00:00:00.000000Z"},
    /* Leap years: 2000 is one, 2100 is none. */
    {951782400 * SECOND, "2000-02-29T00:00:00.000000Z"},
    {951868800 * SECOND, "2000-03-01T00:00:00.000000Z"},
    {4107542399 * SECOND, "2100-02-28T23:59:59.000000Z"},
    {4107542400 * SECOND, "2100-03-01T00:00:00.000000Z"},
    {1709164800 * SECOND, "2024-02-29T00:00:00.000000Z"},
    {1000000000 * SECOND, "2001-09-09T01:46:40.000000Z"},
    {1767323045678901, "2026-01-02T03:04:05.678901Z"},
    /* Beyond 31 and 32 bits of seconds. */
    {2147483647 * SECOND, "2038-01-19T03:14:07.000000Z"},
    {2147483648 * SECOND, "2038-01-19T03:14:08.000000Z"},
    {4294967296 * SECOND, "2106-02-07T06:28:16.000000Z"},
    {253402300799 * SECOND + 999999, "9999-12-31T23:59:59.999999Z"},
};

static void test_instants(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(instants); i++) {
        char text[CLOCK_ISO_SIZE];

        assert_ptr_equal(clock_format_iso(instants[i].wall_us, text), text);
        assert_string_equal(text, instants[i].text);
    }
}

/* Nonsense from outside stays within its room. */
static void test_far_future(void **unused)
{
    char text[CLOCK_ISO_SIZE];

    (void)unused;
    assert_int_equal(strlen(clock_format_iso(UINT64_MAX, text)), 27);
    assert_int_equal(strlen(clock_format_iso(INT64_MAX, text)), 27);
}

/* The text sorts as the time does. */
static void test_order(void **unused)
{
    char before[CLOCK_ISO_SIZE] = "";

    (void)unused;
    for (uint64_t at = 0; at < 253402300800 * SECOND; at += 12345678901234567) {
        char text[CLOCK_ISO_SIZE];

        assert_true(strcmp(before, clock_format_iso(at, text)) < 0);
        memcpy(before, text, sizeof(before));
    }
}

static void test_monotonic(void **unused)
{
    uint64_t begin_ms = clock_mono_ms();
    uint64_t begin_us = clock_mono_us();
    uint64_t last = begin_us;

    (void)unused;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_us();

        assert_true(now >= last);
        last = now;
    }
    usleep(5000);
    assert_true(clock_mono_us() - begin_us >= 5000);
    assert_true(clock_mono_ms() - begin_ms >= 4);
    assert_in_range(clock_mono_ms(), begin_us / 1000, clock_mono_us() / 1000 + 1);
}

static void test_wall(void **unused)
{
    uint64_t now = clock_wall_us();

    (void)unused;
    assert_true(now > 1767225600 * SECOND); /* when this was written */
    assert_true(now < 253402300800 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instants), cmocka_unit_test(test_far_future),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_wall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
