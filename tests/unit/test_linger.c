// needs: common/loop common/clock common/metrics common/strbuf common/mem common/check
/* linger: who waits after a flush, for how long, and who never does. */
#include "gateway/linger.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PATIENT_MS 60000

static struct room_linger *due;

static void on_due(void *context, struct room_linger *linger)
{
    assert_ptr_equal(context, &due);
    due = linger;
}

/* Stands for the sockets' flush: it takes some milliseconds. */
static void be_slow(void *context)
{
    uint64_t until_us = clock_mono_us() + *(const uint64_t *)context;

    while (clock_mono_us() < until_us)
        ;
}

static void flush_for(struct loop *loop, struct lingers *lingers, struct room_linger *linger,
                      uint64_t us)
{
    struct loop_deferred sockets = {.fn = be_slow, .context = &us};

    loop_defer(loop, &sockets);
    linger_flush(lingers, linger);
    loop_no_wait(loop);
    loop_turn(loop, 0);
    assert_int_not_equal(linger->ended_us, 0);
}

static void test_waits_after_a_flush(void **unused)
{
    struct loop *loop = loop_create();
    struct lingers *lingers = lingers_create(loop, PATIENT_MS, on_due, &due);
    struct room_linger room = {0};

    (void)unused;
    due = NULL;
    assert_false(linger_wait(lingers, &room, true)); /* it was never flushed */
    flush_for(loop, lingers, &room, 5000);
    assert_false(linger_wait(lingers, &room, false)); /* nothing is under way */
    assert_true(linger_wait(lingers, &room, true));
    assert_true(linger_wait(lingers, &room, true)); /* and more came meanwhile */
    assert_true(room.until_us - room.ended_us >= 5000);
    while (due == NULL)
        loop_turn(loop, 1000);
    assert_ptr_equal(due, &room);
    assert_true(clock_mono_us() >= room.until_us);
    assert_false(linger_wait(lingers, &room, true)); /* once only */
    flush_for(loop, lingers, &room, 5000);
    assert_true(linger_wait(lingers, &room, true));
    assert_false(linger_wait(lingers, &room, false)); /* all are there: it need not wait */
    linger_flush(lingers, &room);
    linger_drop(&room);
    lingers_destroy(&lingers);
    loop_destroy(&loop);
}

static void test_no_longer_than_the_flush(void **unused)
{
    struct loop *loop = loop_create();
    struct lingers *lingers = lingers_create(loop, PATIENT_MS, on_due, &due);
    struct room_linger room = {0};
    uint64_t before_us;

    (void)unused;
    flush_for(loop, lingers, &room, 2000);
    before_us = clock_mono_us();
    assert_true(linger_wait(lingers, &room, true));
    assert_true(room.until_us >= before_us + 2000);
    assert_true(room.until_us <= clock_mono_us() + (room.ended_us - room.began_us));
    linger_drop(&room); /* the room goes away while it waits */
    lingers_destroy(&lingers);
    loop_destroy(&loop);
}

static void test_the_first_that_is_over_is_due(void **unused)
{
    struct loop *loop = loop_create();
    struct lingers *lingers = lingers_create(loop, PATIENT_MS, on_due, &due);
    struct room_linger slow = {0};
    struct room_linger quick = {0};

    (void)unused;
    due = NULL;
    flush_for(loop, lingers, &slow, 1000);
    flush_for(loop, lingers, &quick, 1000);
    slow.began_us -= 30000000; /* as if it had taken half a minute */
    assert_true(linger_wait(lingers, &slow, true));
    assert_true(linger_wait(lingers, &quick, true));
    while (due == NULL)
        loop_turn(loop, 1000);
    assert_ptr_equal(due, &quick);
    linger_drop(&slow);
    linger_drop(&quick);
    lingers_destroy(&lingers);
    loop_destroy(&loop);
}

static void test_off_and_long_ago(void **unused)
{
    struct loop *loop = loop_create();
    struct lingers *off = lingers_create(loop, 0, on_due, &due);
    struct lingers *on = lingers_create(loop, 1, on_due, &due);
    struct room_linger room = {0};
    uint64_t pause_us = 3000;

    (void)unused;
    flush_for(loop, off, &room, 3000);
    assert_false(linger_wait(off, &room, true));
    flush_for(loop, on, &room, 3000);
    be_slow(&pause_us);
    assert_false(linger_wait(on, &room, true));
    lingers_destroy(&off);
    lingers_destroy(&on);
    loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_after_a_flush),
        cmocka_unit_test(test_no_longer_than_the_flush),
        cmocka_unit_test(test_the_first_that_is_over_is_due),
        cmocka_unit_test(test_off_and_long_ago),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
