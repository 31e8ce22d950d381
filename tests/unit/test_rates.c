// needs: gateway/slot_cache common/map common/mem common/check common/digest
#include "gateway/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)

static struct rates rates;

static int setup(void **state ATTR_UNUSED)
{
    rates = (struct rates){.cache = slot_cache_create(4096)};
    rates.limits[RATE_SEND] = (struct rate){10, 60};
    rates.limits[RATE_LOGIN] = (struct rate){1, 1};
    return 0;
}

static int teardown(void **state ATTR_UNUSED)
{
    slot_cache_destroy(&rates.cache);
    return 0;
}

static bool take(enum rate_class kind, uint64_t who, uint64_t now_us)
{
    uint64_t wait_us;

    return rates_take(&rates, kind, who, now_us, &wait_us);
}

static void test_bucket(void **state ATTR_UNUSED)
{
    uint64_t now = 1000 * SECOND;
    uint64_t wait_us = 99;

    for (int i = 0; i < 10; i++) {
        assert_true(rates_take(&rates, RATE_SEND, 1, now, &wait_us));
        assert_int_equal(wait_us, 0);
    }
    assert_false(rates_take(&rates, RATE_SEND, 1, now, &wait_us));
    assert_int_equal(wait_us, 6 * SECOND);
    /* Asking again costs nothing. */
    for (int i = 0; i < 100; i++)
        assert_false(take(RATE_SEND, 1, now));
    assert_false(rates_take(&rates, RATE_SEND, 1, now + 2 * SECOND, &wait_us));
    assert_int_equal(wait_us, 4 * SECOND);
    assert_true(take(RATE_SEND, 1, now + 6 * SECOND));
    assert_false(take(RATE_SEND, 1, now + 6 * SECOND));
    /* Half a minute gives half of them, an hour no more than all. */
    for (int i = 0; i < 5; i++)
        assert_true(take(RATE_SEND, 1, now + 36 * SECOND));
    assert_false(take(RATE_SEND, 1, now + 36 * SECOND));
    for (int i = 0; i < 10; i++)
        assert_true(take(RATE_SEND, 1, now + 3600 * SECOND));
    assert_false(take(RATE_SEND, 1, now + 3600 * SECOND));
}

static void test_rate_in_the_long_run(void **state ATTR_UNUSED)
{
    unsigned taken = 0;

    for (uint64_t ms = 0; ms < 600 * 1000; ms += 7)
        taken += take(RATE_SEND, 1, (1000 * 1000 + ms) * 1000);
    assert_in_range(taken, 109, 110); /* 10 at once, and 10 a minute */
}

static void test_everybody_has_his_own(void **state ATTR_UNUSED)
{
    uint64_t now = 1000 * SECOND;

    for (uint64_t who = 1; who <= 100; who++)
        for (int i = 0; i < 10; i++)
            assert_true(take(RATE_SEND, who, now));
    for (uint64_t who = 1; who <= 100; who++) {
        assert_false(take(RATE_SEND, who, now));
        assert_true(take(RATE_LOGIN, who, now));
        assert_false(take(RATE_LOGIN, who, now));
    }
}

static void test_off(void **state ATTR_UNUSED)
{
    for (int i = 0; i < 1000; i++)
        assert_true(take(RATE_HISTORY, 1, SECOND));
}

/* A flood of addresses takes no memory, and frees nobody who is out of tokens. */
static void test_many_strangers(void **state ATTR_UNUSED)
{
    uint64_t now = 1000 * SECOND;

    for (int i = 0; i < 10; i++)
        assert_true(take(RATE_SEND, 1, now));
    for (uint64_t who = 1000; who < 201000; who++)
        assert_true(take(RATE_SEND, who, now));
    assert_false(take(RATE_SEND, 1, now));
}

/* The settings were read again, and buckets outlive them. */
static void test_another_rate(void **state ATTR_UNUSED)
{
    uint64_t now = 1000 * SECOND;
    uint64_t wait_us;

    rates.limits[RATE_SEND] = (struct rate){1, 3600};
    assert_true(take(RATE_SEND, 1, now));
    assert_false(rates_take(&rates, RATE_SEND, 1, now, &wait_us));
    assert_int_equal(wait_us, 3600 * SECOND);
    rates.limits[RATE_SEND] = (struct rate){10, 60};
    assert_false(rates_take(&rates, RATE_SEND, 1, now, &wait_us));
    assert_int_equal(wait_us, 6 * SECOND);
    assert_true(take(RATE_SEND, 1, now + 6 * SECOND));
    assert_false(rates_take(&rates, RATE_SEND, 1, now + 6 * SECOND, &wait_us));
    assert_int_equal(wait_us, 6 * SECOND);
    /* One that is full stays full. */
    rates.limits[RATE_SEND] = (struct rate){1, 3600};
    assert_true(take(RATE_SEND, 1, now + 3600 * SECOND));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bucket), TEST(test_rate_in_the_long_run), TEST(test_everybody_has_his_own),
        TEST(test_off),    TEST(test_many_strangers),       TEST(test_another_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
