// needs: common/loop common/map common/digest common/metrics common/clock common/log common/mem common/check
/* auth_waits: who waits, for how long, and how many may. The clients are places in an array: nobody
 * looks at them. */
#include "gateway/auth_waits.h"

#include "common/clock.h"
#include "common/limits.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WAIT_MS     40
#define PATIENCE_MS UINT64_C(20000)

static char places[SOCKETS_WITHOUT_TOKEN_MAX + 1];
static struct loop *loop;
static struct auth_waits *waits;
static struct chat_client *late[8];
static size_t late_count;

static struct chat_client *client(size_t i)
{
    return (struct chat_client *)(void *)&places[i];
}

static void on_late(struct chat_client *who)
{
    assert_true(late_count < ARRAY_LEN(late));
    assert_false(auth_waits_take(waits, who, NULL)); /* taken out already */
    late[late_count++] = who;
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_create();
    waits = auth_waits_create(loop, WAIT_MS, on_late);
    late_count = 0;
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

static bool add(size_t i)
{
    struct chat_request request = {.room_id = i, .has_since = true, .since = i + 1};

    return auth_waits_add(waits, client(i), &request);
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

static void test_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < SOCKETS_WITHOUT_TOKEN_MAX; i++)
        assert_true(add(i));
    assert_false(add(SOCKETS_WITHOUT_TOKEN_MAX));
    assert_true(auth_waits_take(waits, client(7), NULL));
    assert_true(add(SOCKETS_WITHOUT_TOKEN_MAX));
    for (size_t i = 0; i <= SOCKETS_WITHOUT_TOKEN_MAX; i++)
        assert_true(auth_waits_take(waits, client(i), NULL) == (i != 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
