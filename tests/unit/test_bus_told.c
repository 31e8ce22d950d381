// needs: common/log common/clock common/mem common/check
/* bus_told: one line for each peer, and few for a crowd that is larger than the memory. */
#include "common/bus_told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_once(void **state ATTR_UNUSED)
{
    static struct bus_told told;
    uint64_t suppressed = 1;

    assert_true(bus_told_allows(&told, "a", &suppressed));
    assert_true(suppressed == 0);
    for (int i = 0; i < 1000; i++)
        assert_false(bus_told_allows(&told, "a", &suppressed));
    assert_true(bus_told_allows(&told, "b", &suppressed));
    assert_false(bus_told_forget(&told, "c"));
    assert_true(bus_told_forget(&told, "a"));
    assert_false(bus_told_forget(&told, "a"));
    assert_true(bus_told_allows(&told, "a", &suppressed));
    assert_false(bus_told_allows(&told, "b", &suppressed));
}

static void test_crowd(void **state ATTR_UNUSED)
{
    static struct bus_told told;
    uint64_t suppressed;
    char name[200];
    unsigned lines = 0;

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "%u%0150u", i, 0u);
        lines += bus_told_allows(&told, name, &suppressed);
    }
    assert_int_equal(lines, BUS_TOLD_PEERS + 1);
    assert_int_equal(told.count, BUS_TOLD_PEERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_once), cmocka_unit_test(test_crowd)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
