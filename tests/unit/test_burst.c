/* When memory is given back: after a crowd, once, and not for those who come and go. */
#include "gateway/burst.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned look(struct burst *burst, size_t connections, unsigned looks)
{
    unsigned over = 0;

    for (unsigned i = 0; i < looks; i++)
        over += burst_is_over(burst, connections);
    return over;
}

static void test_a_crowd(void **state)
{
    struct burst burst = {0};

    (void)state;
    assert_int_equal(look(&burst, 5000, 10), 0);
    assert_int_equal(look(&burst, 3, BURST_CALM_LOOKS - 1), 0);
    assert_int_equal(look(&burst, 3, 1), 1);
    assert_int_equal(look(&burst, 3, 100), 0);
    assert_int_equal(look(&burst, 300, 1), 0);
    assert_int_equal(look(&burst, 3, 100), 1);
}

static void test_it_is_not_over_while_more_come(void **state)
{
    struct burst burst = {0};

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(look(&burst, 1000, 2), 0);
        assert_int_equal(look(&burst, 10, BURST_CALM_LOOKS - 1), 0);
    }
    assert_int_equal(look(&burst, 10, 1), 1);
}

static void test_few_and_steady(void **state)
{
    struct burst burst = {0};

    (void)state;
    assert_int_equal(look(&burst, BURST_CONNECTIONS - 1, 10) + look(&burst, 0, 100), 0);
    assert_int_equal(look(&burst, 4000, 10) + look(&burst, 3000, 100), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crowd),
        cmocka_unit_test(test_it_is_not_over_while_more_come),
        cmocka_unit_test(test_few_and_steady),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
