// needs: bench/load/histogram
/* The load generator's histogram: what a percentile says is true to 1.6 %, over the whole range. */
#include "../../bench/load/load.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct histogram histogram;

static int clear(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof(histogram));
    return 0;
}

static void assert_near(uint64_t got, uint64_t wanted)
{
    uint64_t difference = got > wanted ? got - wanted : wanted - got;

    if (difference > wanted / 60)
        fail_msg("%llu is not near %llu", (unsigned long long)got, (unsigned long long)wanted);
}

static void test_nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
    assert_int_equal(histogram.max, 0);
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 100; value++)
        histogram_add(&histogram, value);
    assert_int_equal(histogram_quantile(&histogram, 0.0), 0);
    assert_int_equal(histogram_quantile(&histogram, 0.5), 50);
    assert_int_equal(histogram_quantile(&histogram, 0.99), 99);
    assert_int_equal(histogram.count, 100);
}

static void test_each_value_comes_back(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 44; value = value * 21 / 20 + 1) {
        clear(NULL);
        histogram_add(&histogram, value);
        histogram_add(&histogram, UINT64_C(1) << 45);
        assert_near(histogram_quantile(&histogram, 0.1), value);
    }
}

static void test_the_tail_is_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 9990; i++)
        histogram_add(&histogram, 1000);
    for (unsigned i = 0; i < 10; i++)
        histogram_add(&histogram, UINT64_C(5000000000));
    assert_near(histogram_quantile(&histogram, 0.5), 1000);
    assert_near(histogram_quantile(&histogram, 0.99), 1000);
    assert_near(histogram_quantile(&histogram, 0.9995), UINT64_C(5000000000));
    assert_int_equal(histogram_quantile(&histogram, 1.0), UINT64_C(5000000000));
}

static void test_the_greatest_number_has_a_place(void **state)
{
    (void)state;
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram.max, UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 0.5) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_is_zero, clear),
        cmocka_unit_test_setup(test_small_values_are_exact, clear),
        cmocka_unit_test_setup(test_each_value_comes_back, clear),
        cmocka_unit_test_setup(test_the_tail_is_kept, clear),
        cmocka_unit_test_setup(test_the_greatest_number_has_a_place, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
