// needs: common/loop common/map common/digest common/metrics common/clock common/log common/mem common/check gateway/shares gateway/tally
/* auth_waits: who waits, for how long, and how many may. The clients are places in an array: nobody
 * looks at them. */
#include "gateway/auth_waits.h"

#include "common/clock.h"
#include "common/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WAIT_MS     40
#define PATIENCE_MS UINT64_C(20000)

static char places[SOCKETS_WITHOUT_TOKEN_MAX + 1];
static struct loop *loop;
static struct auth_waits *waits;
static struct chat_client *late[8];
static size_t late_count;
static size_t pushed_out; /* clients 0, 1, 2 … */

static struct chat_client *client(size_t i)
{
    return (struct chat_client *)(void *)&places[i];
}

static void over(struct chat_client *who, bool is_late)
{
    assert_false(auth_waits_take(waits, who, NULL)); /* taken out already */
    if (is_late) {
        assert_true(late_count < ARRAY_LEN(late));
        late[late_count++] = who;
    } else {
        assert_ptr_equal(who, client(pushed_out++));
    }
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_create();
    waits = auth_waits_create(loop, WAIT_MS, over);
    late_count = 0;
    pushed_out = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    auth_waits_destroy(&waits);
    assert_null(waits);
    loop_destroy(&loop);
    return 0;
}

static bool add_from(size_t i, uint64_t address)
{
    struct chat_request request = {.room_id = i, .has_since = true, .since = i + 1};

    return auth_waits_add(waits, client(i), address, &request);
}

static bool add(size_t i)
{
    return add_from(i, 0);
}

static void turn_until_late(size_t count)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    while (late_count < count) {
        assert_true(clock_mono_ms() < until_ms);
        loop_turn(loop, 5);
    }
}

static void test_take(void **state)
{
    struct chat_request request;

    (void)state;
    assert_false(auth_waits_take(waits, client(1), &request));
    assert_true(add(1));
    assert_true(add(2));
    assert_true(auth_waits_take(waits, client(1), &request));
    assert_true(request.room_id == 1 && request.has_since && request.since == 2);
    assert_false(auth_waits_take(waits, client(1), &request));
    assert_true(auth_waits_take(waits, client(2), NULL));
    assert_true(add(1));
    assert_true(auth_waits_take(waits, client(1), NULL));
}

static void test_late(void **state)
{
    uint64_t began_ms = clock_mono_ms();

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_true(add(i));
    assert_true(auth_waits_take(waits, client(0), NULL)); /* the first, whom the timer was for */
    assert_true(auth_waits_take(waits, client(2), NULL));
    turn_until_late(2);
    assert_true(clock_mono_ms() - began_ms >= WAIT_MS);
    assert_ptr_equal(late[0], client(1));
    assert_ptr_equal(late[1], client(3));
    /* And again, after there was nobody. */
    assert_true(add(5));
    turn_until_late(3);
    assert_ptr_equal(late[2], client(5));
}

/* Nobody is turned away for others' sake: who waits longest goes. */
static void test_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < SOCKETS_WITHOUT_TOKEN_MAX; i++)
        assert_true(add_from(i, 1 + i / SOCKETS_WITHOUT_TOKEN_PER_ADDRESS_MAX));
    assert_int_equal(pushed_out, 0);
    assert_true(add_from(SOCKETS_WITHOUT_TOKEN_MAX, 1000));
    assert_int_equal(pushed_out, 1);
    /* A place that is free is taken first. */
    assert_true(auth_waits_take(waits, client(7), NULL));
    assert_true(add_from(7, 1));
    assert_int_equal(pushed_out, 1);
    for (size_t i = 0; i <= SOCKETS_WITHOUT_TOKEN_MAX; i++)
        assert_true(auth_waits_take(waits, client(i), NULL) == (i != 0));
}

static void test_share_of_an_address(void **state)
{
    size_t most = SOCKETS_WITHOUT_TOKEN_PER_ADDRESS_MAX;

    (void)state;
    for (size_t i = 0; i < most; i++)
        assert_true(add_from(i, 7));
    assert_false(add_from(most, 7));
    assert_true(add_from(most, 8));
    assert_true(auth_waits_take(waits, client(3), NULL));
    assert_true(add_from(3, 7));
    assert_false(add_from(most + 1, 7));
    for (size_t i = 0; i <= most; i++)
        assert_true(auth_waits_take(waits, client(i), NULL));
    assert_int_equal(pushed_out, 0);
}

/* Whoever has a /64 may have the /48 around it: all of it together has half of the places. */
static void test_share_of_a_site(void **state)
{
    static const uint8_t site[8] = {0x20, 1, 0xd, 0xb8, 0, 1};
    size_t most = SOCKETS_WITHOUT_TOKEN_PER_ADDRESS_MAX;
    size_t waiting = 0;

    (void)state;
    assert_int_equal(most * SITE_SHARES * 2, SOCKETS_WITHOUT_TOKEN_MAX);
    for (uint8_t network = 0; network < 2 * SITE_SHARES; network++) {
        uint8_t bytes[8];
        uint64_t address;

        memcpy(bytes, site, sizeof(bytes));
        bytes[7] = network;
        memcpy(&address, bytes, sizeof(address));
        for (size_t i = 0; i < most && add_from(waiting, address); i++)
            waiting++;
    }
    assert_int_equal(waiting, most * SITE_SHARES);
    assert_true(add_from(waiting++, 7)); /* somebody else */
    for (size_t i = 0; i < waiting; i++)
        assert_true(auth_waits_take(waits, client(i), NULL));
    assert_int_equal(pushed_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_share_of_an_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_share_of_a_site, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
