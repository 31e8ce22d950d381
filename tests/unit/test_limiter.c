// needs: gateway/shares gateway/tally gateway/rates gateway/login_delay gateway/slot_cache common/networks common/map common/mem common/check common/digest common/metrics common/clock common/log common/strbuf
/*
 * limiter: whose share is counted: an IPv4 address, an IPv6 /64, and the /48 that it is in; and
 * what nobody gets.
 */
#include "gateway/limiter.h"

#include "common/limits.h"
#include "common/settings.h"
#include "gateway/login_delay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PER_ADDRESS 4
#define HANDSHAKES  10

/* In place of the settings' own reader: the same rate for all. */
struct rate settings_rate(const struct settings *settings, enum rate_class kind)
{
    (void)settings;
    (void)kind;
    return (struct rate){PER_ADDRESS, 3600};
}

static int begin(void **state)
{
    static struct settings settings;
    static struct limiter_memory memory;
    static char proxies[] = "10.0.0.0/8";

    settings.trusted_proxies = proxies;
    settings.http_connections_per_address = PER_ADDRESS;
    settings.sockets_per_address = PER_ADDRESS;
    settings.sockets_per_user = PER_ADDRESS;
    settings.handshakes_max = HANDSHAKES;
    settings.login_delay_ms = 60000;
    settings.login_delay_max_ms = 600000;
    if (memory.rates == NULL)
        limiter_memory_create(&memory);
    *state = limiter_create(&settings, &memory);
    return 0;
}

static int end(void **state)
{
    struct limiter *limiter = *state;

    limiter_destroy(&limiter);
    return 0;
}

static uint64_t number_of(const struct limiter *limiter, const char *text)
{
    struct client_address address = {.port = 1};
    struct span span = {(const uint8_t *)text, strlen(text)};

    assert_true(ip_address_parse(span, &address.ip));
    return limiter_address(limiter, &address);
}

/* The n-th /64 of 2001:db8:SITE::/48. */
static uint64_t network(const struct limiter *limiter, unsigned site, unsigned n)
{
    char text[64];

    snprintf(text, sizeof(text), "2001:db8:%x:%x::1", site, n);
    return number_of(limiter, text);
}

static void test_numbers(void **state)
{
    const struct limiter *limiter = *state;

    assert_int_equal(number_of(limiter, "10.1.2.3"), 0);
    assert_true(number_of(limiter, "192.0.2.1") != number_of(limiter, "192.0.2.2"));
    assert_true(number_of(limiter, "2001:db8::1") == number_of(limiter, "2001:db8::ffff"));
    assert_true(network(limiter, 1, 1) != network(limiter, 1, 2));
}

static void test_connections_of_a_site(void **state)
{
    struct limiter *limiter = *state;
    unsigned taken = 0;

    for (unsigned n = 0; n < 100; n++)
        while (limiter_connected(limiter, network(limiter, 1, n)) == ERR_NONE)
            taken++;
    assert_int_equal(taken, SITE_SHARES * PER_ADDRESS);
    /* Others are no part of it: the next site, IPv4. */
    assert_int_equal(limiter_connected(limiter, network(limiter, 2, 0)), ERR_NONE);
    assert_int_equal(limiter_connected(limiter, number_of(limiter, "192.0.2.1")), ERR_NONE);
    /* One that goes makes room for another of the site. */
    limiter_disconnected(limiter, network(limiter, 1, 0));
    assert_int_equal(limiter_connected(limiter, network(limiter, 1, 50)), ERR_NONE);
    assert_int_equal(limiter_connected(limiter, network(limiter, 1, 51)), ERR_RATE_LIMITED);
    limiter_disconnected(limiter, network(limiter, 1, 50));
    for (unsigned n = 0; n < SITE_SHARES; n++)
        for (unsigned i = n == 0 ? 1 : 0; i < PER_ADDRESS; i++)
            limiter_disconnected(limiter, network(limiter, 1, n));
    limiter_disconnected(limiter, network(limiter, 2, 0));
    limiter_disconnected(limiter, number_of(limiter, "192.0.2.1"));
}

static void test_sockets_of_a_site(void **state)
{
    struct limiter *limiter = *state;
    unsigned taken = 0;

    for (unsigned n = 0; n < 100; n++)
        for (; limiter_may_open(limiter, network(limiter, 1, n), 0) == ERR_NONE; taken++)
            limiter_opened(limiter, network(limiter, 1, n));
    assert_int_equal(taken, SITE_SHARES * PER_ADDRESS);
    assert_int_equal(limiter_may_open(limiter, network(limiter, 2, 0), 0), ERR_NONE);
    for (unsigned n = 0; n < SITE_SHARES; n++)
        for (unsigned i = 0; i < PER_ADDRESS; i++)
            limiter_closed(limiter, network(limiter, 1, n));
}

static unsigned tokens(struct limiter *limiter, enum rate_class kind, uint64_t who)
{
    unsigned taken = 0;
    uint64_t wait_ms;

    while (taken < 1000 && limiter_take(limiter, kind, who, &wait_ms))
        taken++;
    return taken;
}

static void test_rates_of_a_site(void **state)
{
    struct limiter *limiter = *state;
    unsigned taken = 0;
    uint64_t user = network(limiter, 4, 0); /* as if a user's id looked like one */

    assert_int_equal(tokens(limiter, RATE_LOGIN, network(limiter, 3, 0)), PER_ADDRESS);
    for (unsigned n = 1; n < 100; n++)
        taken += tokens(limiter, RATE_LOGIN, network(limiter, 3, n));
    assert_int_equal(taken, (SITE_SHARES - 1) * PER_ADDRESS);
    assert_int_equal(tokens(limiter, RATE_LOGIN, network(limiter, 5, 0)), PER_ADDRESS);
    assert_int_equal(tokens(limiter, RATE_LOGIN, number_of(limiter, "192.0.2.3")), PER_ADDRESS);
    /* Users have no site. */
    for (unsigned n = 0; n < 2 * SITE_SHARES; n++)
        assert_int_equal(tokens(limiter, RATE_SEND, user + n), PER_ADDRESS);
}

/* How many logins may fail before one has to wait. */
static unsigned guesses(struct limiter *limiter, const char *name, uint64_t address)
{
    struct limiter_login login =
        limiter_login_of((struct span){(const uint8_t *)name, strlen(name)}, address);
    unsigned taken = 0;

    while (taken < 1000 && limiter_login_left(limiter, &login) == 0 &&
           limiter_login_begin(limiter, &login) == 0)
        taken++;
    return taken;
}

static void test_logins_of_a_site(void **state)
{
    struct limiter *limiter = *state;
    struct limiter_login login;
    unsigned taken = 0;

    assert_int_equal(guesses(limiter, "bob", network(limiter, 6, 0)), LOGIN_FAILURES_FREE);
    for (unsigned n = 1; n < 100; n++)
        taken += guesses(limiter, "bob", network(limiter, 6, n));
    assert_int_equal(taken, LOGIN_FAILURES_FREE * (SITE_SHARES - 1));
    /* Neither another account's nor other sites'. */
    assert_int_equal(guesses(limiter, "ada", network(limiter, 6, 0)), LOGIN_FAILURES_FREE);
    assert_int_equal(guesses(limiter, "bob", network(limiter, 7, 0)), LOGIN_FAILURES_FREE);
    for (unsigned n = 0; n < 2 * SITE_SHARES; n++) {
        char text[32];

        snprintf(text, sizeof(text), "192.0.2.%u", 100 + n);
        assert_int_equal(guesses(limiter, "bob", number_of(limiter, text)), LOGIN_FAILURES_FREE);
    }
    /* Who gets in makes it as if nothing had been. */
    login = limiter_login_of((struct span){(const uint8_t *)"bob", 3}, network(limiter, 6, 3));
    limiter_login_clear(limiter, &login);
    assert_int_equal(guesses(limiter, "bob", network(limiter, 6, 3)), LOGIN_FAILURES_FREE);
}

static void test_handshakes_and_memory(void **state)
{
    struct limiter *limiter = *state;
    uint64_t address = number_of(limiter, "192.0.2.9");

    for (unsigned i = 0; i < HANDSHAKES; i++) {
        assert_int_equal(limiter_may_open(limiter, address, 0), ERR_NONE);
        limiter_handshake_begins(limiter);
    }
    assert_int_equal(limiter_may_open(limiter, 0, 0), ERR_OVERLOADED);
    assert_int_equal(limiter_connected(limiter, address), ERR_NONE); /* not of the API */
    limiter_disconnected(limiter, address);
    for (unsigned i = 0; i < HANDSHAKES; i++)
        limiter_handshake_ended(limiter);
    assert_int_equal(limiter_may_open(limiter, 0, 0), ERR_NONE);
    limiter_set_full(limiter, true);
    assert_int_equal(limiter_may_open(limiter, 0, 0), ERR_OVERLOADED);
    assert_int_equal(limiter_connected(limiter, address), ERR_OVERLOADED);
    limiter_set_full(limiter, false);
    assert_int_equal(limiter_may_open(limiter, address, 0), ERR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers, begin, end),
        cmocka_unit_test_setup_teardown(test_connections_of_a_site, begin, end),
        cmocka_unit_test_setup_teardown(test_sockets_of_a_site, begin, end),
        cmocka_unit_test_setup_teardown(test_rates_of_a_site, begin, end),
        cmocka_unit_test_setup_teardown(test_logins_of_a_site, begin, end),
        cmocka_unit_test_setup_teardown(test_handshakes_and_memory, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
