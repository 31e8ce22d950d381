// needs: gateway/room_log gateway/frame gateway/ws_deflate gateway/ws_frame common/utf8 common/strbuf common/mem common/check
/*
 * cursor: where a subscriber starts and what it gets next; and that none of them ever misses or
 * repeats an event, whatever the bus does.
 */
#include "gateway/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EPOCH 77

static struct frame *frame_of(uint64_t seq)
{
    struct bus_event event = {7, seq, EVENT_MESSAGE, 3, 0, {(const uint8_t *)"{}", 2}, 0, 0, 0};

    return frame_create_event(&event);
}

static void hear(struct room_log *log, uint64_t seq)
{
    struct frame *frame = frame_of(seq);

    room_log_on_event(log, frame);
    frame_unref(frame);
}

/* A live log at head whose ring holds the last count events. */
static void make_log(struct room_log *log, uint64_t head, uint64_t count)
{
    room_log_init(log, NULL);
    room_log_on_head(log, head - count, EPOCH);
    for (uint64_t seq = head - count + 1; seq <= head; seq++)
        hear(log, seq);
}

static void advance(struct cursor *cursor, uint64_t seq)
{
    struct frame *frame = frame_of(seq);

    cursor_advance(cursor, frame);
    frame_unref(frame);
}

static void expect_event(const struct cursor *cursor, const struct room_log *log, uint64_t seq)
{
    struct frame *frame = NULL;

    assert_int_equal(cursor_step(cursor, log, &frame), CURSOR_EVENT);
    assert_true(frame->seq == seq);
}

static const struct {
    const char *name;
    uint64_t head; /* of the database */
    uint64_t log_head;
    uint64_t since;
    uint64_t epoch;
    enum cursor_resume resume;
    uint64_t next;
    uint64_t caught_up;
    enum cursor_step step; /* with the last 3 events in the ring */
} resumes[] = {
    {"nothing missed", 10, 10, 10, EPOCH, CURSOR_RESUMED, 11, 11, CURSOR_CAUGHT_UP},
    {"one missed", 10, 10, 9, EPOCH, CURSOR_RESUMED, 10, 11, CURSOR_EVENT},
    {"what the ring holds", 10, 10, 7, EPOCH, CURSOR_RESUMED, 8, 11, CURSOR_EVENT},
    {"one before the ring", 10, 10, 6, EPOCH, CURSOR_RESUMED, 7, 11, CURSOR_READ_LOG},
    {"everything", 10, 10, 0, EPOCH, CURSOR_RESUMED, 1, 11, CURSOR_READ_LOG},
    {"no epoch said", 10, 10, 9, 0, CURSOR_RESUMED, 10, 11, CURSOR_EVENT},
    {"beyond the head", 10, 10, 11, EPOCH, CURSOR_BEYOND_HEAD, 11, 0, CURSOR_LIVE},
    {"beyond the head, no epoch", 10, 10, 11, 0, CURSOR_BEYOND_HEAD, 11, 0, CURSOR_LIVE},
    {"far beyond the head", 10, 10, UINT64_MAX, 0, CURSOR_BEYOND_HEAD, 11, 0, CURSOR_LIVE},
    {"another epoch", 10, 10, 9, EPOCH + 1, CURSOR_OTHER_EPOCH, 11, 0, CURSOR_LIVE},
    {"another epoch and beyond", 10, 10, 99, EPOCH + 1, CURSOR_OTHER_EPOCH, 11, 0, CURSOR_LIVE},
    /* The bus is ahead: events came between the query and now. */
    {"the log is ahead", 10, 12, 10, EPOCH, CURSOR_RESUMED, 11, 13, CURSOR_EVENT},
    {"the log is ahead, much missed", 10, 12, 4, EPOCH, CURSOR_RESUMED, 5, 13, CURSOR_READ_LOG},
    /* The bus lags: the client came from a worker that had heard more. */
    {"the log lags, nothing missed", 10, 7, 10, EPOCH, CURSOR_RESUMED, 11, 11, CURSOR_CAUGHT_UP},
    {"the log lags behind since", 10, 7, 9, EPOCH, CURSOR_RESUMED, 10, 11, CURSOR_LIVE},
    {"the log lags at since", 10, 7, 7, EPOCH, CURSOR_RESUMED, 8, 11, CURSOR_LIVE},
    {"the log lags before since", 10, 7, 5, EPOCH, CURSOR_RESUMED, 6, 11, CURSOR_EVENT},
    {"the log lags, beyond the head", 10, 7, 11, EPOCH, CURSOR_BEYOND_HEAD, 11, 0, CURSOR_LIVE},
};

static void test_resume(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(resumes); i++) {
        struct frame *frame = NULL;
        struct room_log log;
        struct cursor cursor;
        enum cursor_resume resume;

        make_log(&log, resumes[i].log_head, 3);
        resume =
            cursor_start_since(&cursor, &log, resumes[i].head, resumes[i].since, resumes[i].epoch);
        if (resume != resumes[i].resume || cursor.next != resumes[i].next ||
            cursor.caught_up != resumes[i].caught_up ||
            cursor_step(&cursor, &log, &frame) != resumes[i].step)
            fail_msg("%s: %d", resumes[i].name, resume);
        if (resumes[i].step == CURSOR_EVENT)
            assert_true(frame->seq == cursor.next);
        else
            assert_null(frame);
        room_log_fini(&log);
    }
}

/* The log's epoch is not known before a head was heard: then it says nothing against since. */
static void test_resume_before_the_head(void **unused)
{
    struct room_log log;
    struct cursor cursor;
    struct frame *frame;

    (void)unused;
    room_log_init(&log, NULL);
    assert_int_equal(cursor_start_since(&cursor, &log, 10, 8, EPOCH), CURSOR_RESUMED);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    assert_int_equal(cursor_start_since(&cursor, &log, 0, 0, 0), CURSOR_RESUMED);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_CAUGHT_UP);
    room_log_fini(&log);
}

static void test_live(void **unused)
{
    struct room_log log;
    struct cursor cursor;
    struct frame *frame;

    (void)unused;
    make_log(&log, 10, 3);
    cursor_start_live(&cursor, 10);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    hear(&log, 11);
    expect_event(&cursor, &log, 11);
    expect_event(&cursor, &log, 11); /* until it has been delivered */
    advance(&cursor, 11);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    room_log_on_head(&log, 13, EPOCH); /* 12 and 13 were lost */
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_READ_LOG);
    hear(&log, 14);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_READ_LOG);
    advance(&cursor, 12);
    advance(&cursor, 13);
    expect_event(&cursor, &log, 14);
    advance(&cursor, 14);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE); /* and never "caught up" */
    room_log_fini(&log);
}

/* The head of the database was younger than the bus: what lies between is not sent. */
static void test_live_while_the_log_lags(void **unused)
{
    struct room_log log;
    struct cursor cursor;
    struct frame *frame;

    (void)unused;
    make_log(&log, 7, 3);
    cursor_start_live(&cursor, 9);
    for (uint64_t seq = 8; seq <= 9; seq++) {
        assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
        hear(&log, seq);
    }
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    hear(&log, 10);
    expect_event(&cursor, &log, 10);
    room_log_fini(&log);
}

static void test_caught_up_once(void **unused)
{
    struct room_log log;
    struct cursor cursor;
    struct frame *frame;

    (void)unused;
    make_log(&log, 10, 3);
    assert_int_equal(cursor_start_since(&cursor, &log, 10, 8, EPOCH), CURSOR_RESUMED);
    expect_event(&cursor, &log, 9);
    advance(&cursor, 9);
    hear(&log, 11); /* comes after "caught up", which names 10 */
    expect_event(&cursor, &log, 10);
    advance(&cursor, 10);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_CAUGHT_UP);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_CAUGHT_UP);
    cursor_told(&cursor);
    expect_event(&cursor, &log, 11);
    advance(&cursor, 11);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    room_log_fini(&log);
}

/* The log that lagged comes by: the cursor goes through it to where the database was. */
static void test_caught_up_when_the_log_comes(void **unused)
{
    struct room_log log;
    struct cursor cursor;
    struct frame *frame;

    (void)unused;
    make_log(&log, 7, 3);
    assert_int_equal(cursor_start_since(&cursor, &log, 10, 8, EPOCH), CURSOR_RESUMED);
    hear(&log, 8);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    hear(&log, 9);
    expect_event(&cursor, &log, 9);
    advance(&cursor, 9);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_LIVE);
    room_log_on_head(&log, 10, EPOCH);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_READ_LOG);
    advance(&cursor, 10);
    assert_int_equal(cursor_step(&cursor, &log, &frame), CURSOR_CAUGHT_UP);
    room_log_fini(&log);
}

/* One subscriber; deliver() takes what is next until it must wait. */
struct subscriber {
    struct cursor cursor;
    uint64_t last; /* seq of the last that it got */
    unsigned told;
};

static void deliver(struct subscriber *sub, const struct room_log *log, unsigned budget)
{
    while (budget-- > 0) {
        struct frame *frame = NULL;

        switch (cursor_step(&sub->cursor, log, &frame)) {
        case CURSOR_EVENT:
        case CURSOR_READ_LOG: /* the database gives the next one */
            assert_true(frame == NULL || frame->seq == sub->last + 1);
            assert_true(sub->last + 1 <= log->head);
            advance(&sub->cursor, sub->last + 1);
            sub->last++;
            break;
        case CURSOR_CAUGHT_UP:
            cursor_told(&sub->cursor);
            sub->told++;
            break;
        case CURSOR_LIVE:
            assert_true(sub->last >= log->head);
            return;
        }
    }
}

static void bus_turn(struct room_log *log, uint64_t *committed, unsigned *seed)
{
    unsigned dice = (unsigned)rand_r(seed) % 10;

    if (dice < 6)
        (*committed)++;
    if (dice < 4 || dice == 6)
        hear(log, *committed); /* or it is lost, or comes twice */
    else if (dice == 7)
        room_log_on_head(log, *committed, EPOCH);
    else if (dice == 8)
        room_log_trim(log, (size_t)rand_r(seed) % 60);
    else if (dice == 9 && log->head > 2)
        hear(log, log->head - 2);
}

static void test_no_event_is_missed_or_repeated(void **unused)
{
    (void)unused;
    for (unsigned round = 0; round < 300; round++) {
        struct subscriber sub = {{0, 0}, 0, 0};
        unsigned seed = round;
        uint64_t committed = 20;
        struct room_log log;

        make_log(&log, 15 + round % 6, round % 5); /* at or behind the database */
        sub.last = round % 21;
        assert_int_equal(cursor_start_since(&sub.cursor, &log, committed, sub.last, EPOCH),
                         CURSOR_RESUMED);
        for (unsigned i = 0; i < 200; i++) {
            bus_turn(&log, &committed, &seed);
            deliver(&sub, &log, (unsigned)rand_r(&seed) % 8);
        }
        room_log_on_head(&log, committed, EPOCH);
        deliver(&sub, &log, 10000);
        assert_true(sub.last == committed);
        assert_int_equal(sub.told, 1);
        room_log_fini(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_before_the_head),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_live_while_the_log_lags),
        cmocka_unit_test(test_caught_up_once),
        cmocka_unit_test(test_caught_up_when_the_log_comes),
        cmocka_unit_test(test_no_event_is_missed_or_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
