// needs: common/check
/*
 * ping_wheel: every connection has one turn in an interval, and few have it together.
 */
#include "gateway/ping_wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CONNS 10000

struct conn {
    struct list_node node;
    unsigned turns;
};

static struct conn conns[CONNS];

/* One whole interval; gives the most that had their turn together. */
static size_t go_round(struct ping_wheel *wheel)
{
    size_t most = 0;

    for (size_t i = 0; i < wheel->count; i++) {
        const struct list *slot = ping_wheel_turn(wheel);
        size_t together = 0;

        LIST_FOREACH (node, slot) {
            LIST_ITEM(node, struct conn, node)->turns++;
            together++;
        }
        most = MAX(most, together);
    }
    return most;
}

static void add(struct ping_wheel *wheel, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        conns[i] = (struct conn){.turns = 0};
        list_node_init(&conns[i].node);
        ping_wheel_add(wheel, &conns[i].node);
    }
}

static void test_each_once_and_few_together(void **unused)
{
    struct ping_wheel wheel;

    (void)unused;
    ping_wheel_init(&wheel, 25000);
    assert_int_equal(wheel.tick_ms, 50);
    assert_int_equal(go_round(&wheel), 0);
    add(&wheel, 0, CONNS);
    for (unsigned round = 1; round <= 3; round++) {
        assert_int_equal(go_round(&wheel), CONNS / PING_WHEEL_SLOTS);
        for (size_t i = 0; i < CONNS; i++)
            assert_int_equal(conns[i].turns, round);
    }
}

/* Whatever the interval, a round takes as long, and no tick is shorter than it has to be. */
static void test_intervals(void **unused)
{
    static const struct {
        uint64_t interval_ms;
        size_t count;
    } rows[] = {{1, 1},    {19, 1},     {20, 1},      {39, 1},      {40, 2},       {100, 5},
                {300, 15}, {9999, 499}, {10000, 500}, {25000, 500}, {3600000, 500}};
    struct ping_wheel wheel;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t round;

        ping_wheel_init(&wheel, rows[i].interval_ms);
        round = wheel.tick_ms * wheel.count;
        assert_int_equal(wheel.count, rows[i].count);
        assert_true(round <= rows[i].interval_ms);
        assert_true(round > rows[i].interval_ms - wheel.count);
        add(&wheel, 0, 7);
        go_round(&wheel);
        for (size_t c = 0; c < 7; c++)
            assert_int_equal(conns[c].turns, 1);
    }
}

/* Who has gone has no turn, and who comes later has one in each round from then on. */
static void test_coming_and_going(void **unused)
{
    struct ping_wheel wheel;

    (void)unused;
    ping_wheel_init(&wheel, 1000);
    add(&wheel, 0, 100);
    for (size_t i = 0; i < 100; i += 2)
        list_remove(&conns[i].node);
    add(&wheel, 100, 160);
    go_round(&wheel);
    for (size_t i = 0; i < 160; i++)
        assert_int_equal(conns[i].turns, i < 100 && i % 2 == 0 ? 0 : 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once_and_few_together),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_coming_and_going),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
