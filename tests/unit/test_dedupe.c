// needs: common/map common/mem common/check

/* A repeat joins what is under way, and gets the answer of what is done. */
#include "broker/dedupe.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static struct dedupe *dedupe;

static int set_up(void **state)
{
    (void)state;
    dedupe = dedupe_create(3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dedupe_destroy(&dedupe);
    return 0;
}

static struct dedupe_pending pending_of(uint64_t room_id, uint8_t key, struct waiter first)
{
    struct dedupe_pending pending = {.room_id = room_id, .first = first};

    memset(pending.key, key, sizeof(pending.key));
    return pending;
}

static enum dedupe_verdict check(const struct dedupe_pending *pending, struct waiter waiter,
                                 struct dedupe_answer *answer_out)
{
    return dedupe_check(dedupe, pending->room_id, pending->key, waiter, answer_out);
}

static const struct waiter first = {10, 1};
static const struct waiter other = {10, 2};
static const struct waiter elsewhere = {11, 1};

static void a_repeat_joins_what_is_under_way(void **state)
{
    struct dedupe_pending pending = pending_of(5, 1, first);
    struct dedupe_answer answer;

    (void)state;
    assert_int_equal(check(&pending, first, &answer), DEDUPE_NEW);
    dedupe_begin(dedupe, &pending);
    assert_int_equal(dedupe_pending_count(dedupe), 1);
    assert_int_equal(check(&pending, first, &answer), DEDUPE_ATTACHED);
    assert_int_equal(pending.more_count, 0); /* it waits already */
    assert_int_equal(check(&pending, other, &answer), DEDUPE_ATTACHED);
    assert_int_equal(check(&pending, elsewhere, &answer), DEDUPE_ATTACHED);
    assert_int_equal(check(&pending, other, &answer), DEDUPE_ATTACHED);
    assert_int_equal(pending.more_count, 2);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(check(&pending, (struct waiter){12, i}, &answer), DEDUPE_ATTACHED);
    assert_int_equal(pending.more_count, DEDUPE_WAITERS_MAX);
    dedupe_end(dedupe, &pending, NULL);
    assert_int_equal(dedupe_pending_count(dedupe), 0);
    assert_int_equal(check(&pending, first, &answer), DEDUPE_NEW); /* it had failed */
    dedupe_pending_fini(&pending);
}

static void the_same_key_in_another_room_is_another_command(void **state)
{
    struct dedupe_pending pending = pending_of(5, 1, first);
    struct dedupe_pending another = pending_of(6, 1, first);
    struct dedupe_answer answer;

    (void)state;
    dedupe_begin(dedupe, &pending);
    assert_int_equal(check(&another, first, &answer), DEDUPE_NEW);
    dedupe_end(dedupe, &pending, NULL);
}

static void an_answer_is_remembered(void **state)
{
    struct dedupe_pending pending = pending_of(0, 1, first);
    const struct dedupe_answer given = {
        .room_id = 5, .seq = 42, .created_at_us = 7, .text = "a room"};
    struct dedupe_answer answer;

    (void)state;
    dedupe_begin(dedupe, &pending);
    dedupe_end(dedupe, &pending, &given);
    assert_int_equal(check(&pending, first, &answer), DEDUPE_ANSWERED);
    assert_false(answer.duplicate);
    assert_int_equal(answer.room_id, 5);
    assert_int_equal(answer.seq, 42);
    assert_int_equal(answer.created_at_us, 7);
    assert_string_equal(answer.text, "a room");
    assert_int_equal(check(&pending, elsewhere, &answer), DEDUPE_ANSWERED);
    assert_true(answer.duplicate);
}

static void a_duplicate_stays_one(void **state)
{
    struct dedupe_pending pending = pending_of(5, 1, first);
    const struct dedupe_answer given = {.room_id = 5, .seq = 42, .duplicate = true};
    struct dedupe_answer answer;

    (void)state;
    dedupe_begin(dedupe, &pending);
    dedupe_end(dedupe, &pending, &given);
    assert_int_equal(check(&pending, first, &answer), DEDUPE_ANSWERED);
    assert_true(answer.duplicate);
    assert_null(answer.text);
}

static void the_window_forgets_the_oldest(void **state)
{
    const struct dedupe_answer given = {.room_id = 5, .seq = 1, .text = "x"};
    struct dedupe_answer answer;

    (void)state;
    for (uint8_t key = 1; key <= 5; key++) {
        struct dedupe_pending pending = pending_of(5, key, first);

        dedupe_begin(dedupe, &pending);
        dedupe_end(dedupe, &pending, &given);
    }
    for (uint8_t key = 1; key <= 5; key++) {
        struct dedupe_pending pending = pending_of(5, key, first);

        assert_int_equal(check(&pending, first, &answer), key <= 2 ? DEDUPE_NEW : DEDUPE_ANSWERED);
    }
}

static void no_window_remembers_nothing(void **state)
{
    struct dedupe_pending pending = pending_of(5, 1, first);
    const struct dedupe_answer given = {.room_id = 5, .seq = 1};
    struct dedupe_answer answer;
    struct dedupe *none = dedupe_create(0);

    (void)state;
    dedupe_begin(none, &pending);
    dedupe_end(none, &pending, &given);
    assert_int_equal(dedupe_check(none, 5, pending.key, first, &answer), DEDUPE_NEW);
    dedupe_destroy(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_repeat_joins_what_is_under_way),
        TEST(the_same_key_in_another_room_is_another_command),
        TEST(an_answer_is_remembered),
        TEST(a_duplicate_stays_one),
        TEST(the_window_forgets_the_oldest),
        TEST(no_window_remembers_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
