// needs: gateway/frame gateway/ws_frame gateway/ws_deflate common/loop common/metrics common/clock common/strbuf common/mem common/check
/* notes: the first leaves at once, the next wait for each other, and too many are refused. */
#include "gateway/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct bus_ephemeral joined = {
    .room_id = 1, .kind = EPHEMERAL_PRESENCE, .json = {(const uint8_t *)"{}", 2}};

static struct notes *due;

static void on_due(void *context, struct notes *notes)
{
    assert_ptr_equal(context, &due);
    due = notes;
}

static void test_pace(void **unused)
{
    struct loop *loop = loop_create();
    struct notes_pace *pace = notes_pace_create(loop, on_due, &due);
    struct notes busy = {0};
    struct notes other = {0};

    (void)unused;
    assert_false(notes_may_leave(pace, &busy));
    assert_true(notes_add(&busy, &joined));
    assert_true(notes_may_leave(pace, &busy));
    notes_clear(&busy);
    for (int i = 0; i < 3; i++) {
        assert_true(notes_add(&busy, &joined));
        assert_false(notes_may_leave(pace, &busy));
    }
    assert_true(notes_add(&other, &joined));
    assert_true(notes_may_leave(pace, &other)); /* another room's own first */
    notes_clear(&other);
    while (due == NULL)
        loop_turn(loop, 1000);
    assert_ptr_equal(due, &busy);
    assert_true(notes_may_leave(pace, &busy));
    assert_int_equal(busy.count, 3);
    notes_clear(&busy);
    assert_true(notes_add(&busy, &joined));
    assert_false(notes_may_leave(pace, &busy));
    notes_clear(&busy); /* the room goes away while they wait */
    notes_pace_destroy(&pace);
    loop_destroy(&loop);
}

static void test_bound(void **unused)
{
    struct notes notes = {0};

    (void)unused;
    for (int i = 0; i < NOTES_MAX; i++)
        assert_true(notes_add(&notes, &joined));
    assert_false(notes_add(&notes, &joined));
    notes_clear(&notes);
    assert_true(notes_add(&notes, &joined));
    notes_clear(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
