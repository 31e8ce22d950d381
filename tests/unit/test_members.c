// needs: common/map common/mem common/check

/* What is known is bounded, and what is in use stays. */
#include "broker/members.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KNOWN 100

static void who_was_added_is_known_until_removed(void **state)
{
    struct members *members = members_create(KNOWN);

    (void)state;
    assert_false(members_has(members, 1, 2));
    members_add(members, 1, 2);
    members_add(members, 1, 2);
    assert_true(members_has(members, 1, 2));
    assert_false(members_has(members, 2, 1));
    assert_false(members_has(members, 1, 3));
    members_remove(members, 1, 2);
    members_remove(members, 1, 2);
    assert_false(members_has(members, 1, 2));
    members_destroy(&members);
    assert_null(members);
}

static void many_are_bounded_and_those_in_use_stay(void **state)
{
    struct members *members = members_create(KNOWN);
    unsigned known = 0;

    (void)state;
    for (uint64_t user = 1; user <= 10 * KNOWN; user++) {
        members_add(members, 1, user);
        assert_true(members_has(members, 1, user));
        assert_true(user == 1 || members_has(members, 1, 1)); /* asked for again and again */
    }
    for (uint64_t user = 1; user <= 10 * KNOWN; user++)
        known += members_has(members, 1, user);
    assert_in_range(known, KNOWN / 2, KNOWN);
    members_destroy(&members);
}

/* Who left is not found again in the other half. */
static void a_removal_holds_in_both_halves(void **state)
{
    (void)state;
    for (uint64_t others = 0; others < 2 * KNOWN; others++) {
        struct members *members = members_create(KNOWN);

        members_add(members, 1, 1);
        for (uint64_t user = 2; user < 2 + others; user++)
            members_add(members, 1, user);
        members_add(members, 1, 1);
        members_remove(members, 1, 1);
        assert_false(members_has(members, 1, 1));
        members_destroy(&members);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_added_is_known_until_removed),
        cmocka_unit_test(many_are_bounded_and_those_in_use_stay),
        cmocka_unit_test(a_removal_holds_in_both_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
