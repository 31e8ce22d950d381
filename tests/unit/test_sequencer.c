// needs: broker/members common/map common/mem common/check

/* Numbers count once they are committed, and a failed batch leaves no hole. */
#include "broker/sequencer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sequencer *sequencer;

static int set_up(void **state)
{
    (void)state;
    sequencer = sequencer_create(4);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sequencer_destroy(&sequencer);
    return 0;
}

static uint64_t next(struct sequencer_room *room, uint64_t now_us)
{
    uint64_t created_at_us;

    return sequencer_next(sequencer, room, now_us, &created_at_us);
}

static void committed_numbers_go_on(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 41, 100);

    (void)state;
    assert_null(sequencer_find(sequencer, 8));
    assert_int_equal(next(room, 200), 42);
    assert_int_equal(next(room, 200), 43);
    assert_int_equal(sequencer_head(room), 41);
    sequencer_commit(sequencer);
    assert_int_equal(sequencer_head(sequencer_find(sequencer, 7)), 43);
    assert_int_equal(next(room, 200), 44);
    sequencer_commit(sequencer);
}

static void a_failed_batch_leaves_no_hole(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 0, 0);

    (void)state;
    assert_int_equal(next(room, 200), 1);
    assert_int_equal(next(room, 200), 2);
    sequencer_rollback(sequencer);
    assert_int_equal(sequencer_head(room), 0);
    assert_int_equal(next(room, 200), 1);
    sequencer_commit(sequencer);
}

static void times_never_step_back(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 3, 1000);
    uint64_t created_at_us;

    (void)state;
    sequencer_next(sequencer, room, 900, &created_at_us);
    assert_int_equal(created_at_us, 1000);
    sequencer_next(sequencer, room, 2000, &created_at_us);
    assert_int_equal(created_at_us, 2000);
    sequencer_rollback(sequencer);
    sequencer_next(sequencer, room, 1500, &created_at_us);
    assert_int_equal(created_at_us, 1500);
    sequencer_commit(sequencer);
}

static enum membership of(struct sequencer_room *room, uint64_t user_id)
{
    return sequencer_membership(sequencer, room, user_id);
}

static void members_are_known_from_the_commit_on(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 3, 0);

    (void)state;
    assert_int_equal(of(room, 1), MEMBERSHIP_UNKNOWN);
    sequencer_set_member(sequencer, room, 1, true);
    assert_int_equal(of(room, 1), MEMBERSHIP_YES); /* later in the same batch */
    assert_int_equal(of(room, 2), MEMBERSHIP_UNKNOWN);
    sequencer_rollback(sequencer);
    assert_int_equal(of(room, 1), MEMBERSHIP_UNKNOWN);
    sequencer_set_member(sequencer, room, 1, true);
    sequencer_commit(sequencer);
    assert_int_equal(of(room, 1), MEMBERSHIP_YES);
    sequencer_set_member(sequencer, room, 1, false);
    assert_int_equal(of(room, 1), MEMBERSHIP_NO);
    sequencer_rollback(sequencer);
    assert_int_equal(of(room, 1), MEMBERSHIP_YES);
    sequencer_set_member(sequencer, room, 1, false);
    sequencer_set_member(sequencer, room, 2, true);
    sequencer_commit(sequencer);
    assert_int_equal(of(room, 1), MEMBERSHIP_UNKNOWN);
    assert_int_equal(of(room, 2), MEMBERSHIP_YES);
}

/* Whoever was found, and then leaves in the same batch, is gone with it. */
static void a_member_who_was_found_may_leave(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 3, 0);

    (void)state;
    sequencer_found_member(sequencer, room, 1);
    sequencer_found_member(sequencer, room, 2);
    assert_int_equal(of(room, 1), MEMBERSHIP_YES);
    sequencer_set_member(sequencer, room, 1, false);
    sequencer_rollback(sequencer);
    assert_int_equal(of(room, 1), MEMBERSHIP_YES);
    sequencer_set_member(sequencer, room, 1, false);
    assert_int_equal(of(room, 1), MEMBERSHIP_NO);
    sequencer_commit(sequencer);
    assert_int_equal(of(room, 1), MEMBERSHIP_UNKNOWN);
    assert_int_equal(of(room, 2), MEMBERSHIP_YES);
}

/* Another broker may have written to it. */
static void what_was_known_goes_with_the_room(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 3, 0);

    (void)state;
    sequencer_found_member(sequencer, room, 1);
    sequencer_drop(sequencer, 7);
    room = sequencer_put(sequencer, 7, 3, 0);
    assert_int_equal(of(room, 1), MEMBERSHIP_UNKNOWN);
    sequencer_found_member(sequencer, room, 1);
    assert_int_equal(of(sequencer_put(sequencer, 8, 0, 0), 1), MEMBERSHIP_UNKNOWN);
    room = sequencer_put(sequencer, 7, 4, 0); /* its head was read once more */
    assert_int_equal(of(room, 1), MEMBERSHIP_UNKNOWN);
}

static void a_removed_room_is_forgotten_at_the_commit(void **state)
{
    struct sequencer_room *room = sequencer_put(sequencer, 7, 3, 0);

    (void)state;
    sequencer_set_removed(sequencer, room);
    assert_true(sequencer_is_removed(room));
    sequencer_rollback(sequencer);
    assert_false(sequencer_is_removed(room));
    next(room, 1);
    sequencer_set_removed(sequencer, room);
    sequencer_commit(sequencer);
    assert_null(sequencer_find(sequencer, 7));
}

static void rooms_can_be_dropped(void **state)
{
    (void)state;
    sequencer_put(sequencer, 1, 1, 0);
    sequencer_put(sequencer, 65, 1, 0); /* the same shard */
    sequencer_put(sequencer, 2, 1, 0);
    sequencer_drop_shards(sequencer, UINT64_C(1) << 1);
    assert_null(sequencer_find(sequencer, 1));
    assert_null(sequencer_find(sequencer, 65));
    assert_non_null(sequencer_find(sequencer, 2));
    sequencer_drop(sequencer, 2);
    sequencer_drop(sequencer, 2);
    assert_int_equal(sequencer_count(sequencer), 0);
}

static void the_least_lately_used_go_first(void **state)
{
    (void)state;
    for (uint64_t room_id = 1; room_id <= 6; room_id++)
        sequencer_put(sequencer, room_id, 1, 0);
    assert_non_null(sequencer_find(sequencer, 1));
    sequencer_trim(sequencer);
    assert_int_equal(sequencer_count(sequencer), 4);
    assert_non_null(sequencer_find(sequencer, 1));
    assert_null(sequencer_find(sequencer, 2));
    assert_null(sequencer_find(sequencer, 3));
    assert_non_null(sequencer_find(sequencer, 6));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(committed_numbers_go_on),
        TEST(a_failed_batch_leaves_no_hole),
        TEST(times_never_step_back),
        TEST(members_are_known_from_the_commit_on),
        TEST(a_member_who_was_found_may_leave),
        TEST(what_was_known_goes_with_the_room),
        TEST(a_removed_room_is_forgotten_at_the_commit),
        TEST(rooms_can_be_dropped),
        TEST(the_least_lately_used_go_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
