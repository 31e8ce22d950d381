// needs: common/map common/mem common/check common/digest
#include "gateway/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_counts_and_bounds(void **state ATTR_UNUSED)
{
    struct tally *tally = tally_create(3);

    for (uint64_t who = 1; who <= 1000; who++)
        for (int i = 0; i < 3; i++)
            assert_true(tally_add(tally, who));
    for (uint64_t who = 1; who <= 1000; who++) {
        assert_false(tally_add(tally, who));
        assert_int_equal(tally_of(tally, who), 3);
        tally_remove(tally, who);
        assert_true(tally_add(tally, who));
        for (int i = 0; i < 3; i++)
            tally_remove(tally, who);
        assert_int_equal(tally_of(tally, who), 0);
    }
    tally_destroy(&tally); /* which checks that nothing is left */
    assert_null(tally);
    tally_destroy(&tally);
}

static void test_nobody_and_no_bound(void **state ATTR_UNUSED)
{
    struct tally *bounded = tally_create(1);
    struct tally *open = tally_create(0);

    for (int i = 0; i < 10; i++) {
        assert_true(tally_add(bounded, 0));
        assert_true(tally_add(open, 7));
    }
    assert_int_equal(tally_of(open, 7), 0);
    for (int i = 0; i < 10; i++) {
        tally_remove(bounded, 0);
        tally_remove(open, 7);
    }
    tally_destroy(&bounded);
    tally_destroy(&open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_bounds),
        cmocka_unit_test(test_nobody_and_no_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
