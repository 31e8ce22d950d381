// needs: gateway/slot_cache common/map common/mem common/check common/digest
#include "gateway/login_delay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOME   UINT64_C(0x0000ffff7f000001)
#define OFFICE UINT64_C(0x0000ffff7f000002)

static struct login_delay delay;

static int setup(void **state ATTR_UNUSED)
{
    delay = (struct login_delay){slot_cache_create(4096), 1000, 300000, LOGIN_FAILURES_FREE};
    return 0;
}

static int teardown(void **state ATTR_UNUSED)
{
    slot_cache_destroy(&delay.cache);
    return 0;
}

static struct span name(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void fail_freely(uint64_t key, uint64_t now)
{
    for (int i = 0; i < LOGIN_FAILURES_FREE; i++) {
        assert_int_equal(login_delay_left(&delay, key, now), 0);
        assert_int_equal(login_delay_begin(&delay, key, now), 0);
    }
}

static void test_doubles_up_to_a_bound(void **state ATTR_UNUSED)
{
    uint64_t key = login_delay_key(name("bob"), HOME);
    uint64_t now = 5000000;
    uint64_t expected = 1000;

    fail_freely(key, now);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(login_delay_left(&delay, key, now), expected);
        /* An attempt meanwhile is refused, and changes nothing. */
        assert_int_equal(login_delay_begin(&delay, key, now), expected);
        assert_int_equal(login_delay_left(&delay, key, now + expected - 1), 1);
        now += expected;
        assert_int_equal(login_delay_begin(&delay, key, now), 0);
        expected = MIN(expected * 2, 300000);
    }
}

static void test_is_forgotten_and_cleared(void **state ATTR_UNUSED)
{
    uint64_t key = login_delay_key(name("bob"), HOME);
    uint64_t now = 5000000;

    fail_freely(key, now);
    login_delay_clear(&delay, key);
    fail_freely(key, now);
    assert_int_equal(login_delay_left(&delay, key, now), 1000);
    now += 1000 + LOGIN_FORGET_MS;
    fail_freely(key, now);
    assert_int_equal(login_delay_left(&delay, key, now), 1000);
    /* One who fails now and then keeps his count. */
    assert_int_equal(login_delay_begin(&delay, key, now + LOGIN_FORGET_MS), 0);
    assert_int_equal(login_delay_left(&delay, key, now + LOGIN_FORGET_MS), 2000);
}

/* The account is open for everybody else, and the address for all other accounts. */
static void test_concerns_one_account_at_one_address(void **state ATTR_UNUSED)
{
    uint64_t now = 5000000;

    fail_freely(login_delay_key(name("bob"), HOME), now);
    assert_int_equal(login_delay_left(&delay, login_delay_key(name("bob"), HOME), now), 1000);
    assert_int_equal(login_delay_left(&delay, login_delay_key(name("bob"), OFFICE), now), 0);
    assert_int_equal(login_delay_left(&delay, login_delay_key(name("eve"), HOME), now), 0);
    /* Names without an account are delayed alike. */
    fail_freely(login_delay_key(name("nobody"), HOME), now);
    assert_int_equal(login_delay_left(&delay, login_delay_key(name("nobody"), HOME), now), 1000);
    assert_int_equal(login_delay_left(&delay, login_delay_key(name("noone"), HOME), now), 0);
}

static void test_off(void **state ATTR_UNUSED)
{
    uint64_t key = login_delay_key(name("bob"), HOME);

    delay.first_ms = 0;
    for (int i = 0; i < 100; i++)
        assert_int_equal(login_delay_begin(&delay, key, 1), 0);
    assert_int_equal(login_delay_left(&delay, key, 1), 0);
    login_delay_clear(&delay, key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_doubles_up_to_a_bound),
        TEST(test_is_forgotten_and_cleared),
        TEST(test_concerns_one_account_at_one_address),
        TEST(test_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
