// needs: common/loop common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check

#include "common/pool.h"

#include "common/clock.h"
#include "common/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

struct job {
    struct pool_job base;
    struct board *board;
    unsigned number;
    bool ran;
};

/* What the jobs of a test leave behind. Those that done writes are the loop's. */
struct board {
    struct pool *pool;
    pthread_mutex_t gate;
    pthread_t loop_thread;
    unsigned done;
    unsigned done_unrun;
    unsigned resubmit;
    atomic_uint started;
    atomic_uint order_errors;
    atomic_uint last;
    bool wrong_thread;
};

static struct board *board_create(void)
{
    struct board *board = mem_alloc(sizeof(*board));

    pthread_mutex_init(&board->gate, NULL);
    board->loop_thread = pthread_self();
    return board;
}

static void board_destroy(struct board *board)
{
    pthread_mutex_destroy(&board->gate);
    mem_free(board);
}

static void run_count(struct pool_job *base, struct db *db)
{
    struct job *job = CONTAINER_OF(base, struct job, base);
    struct board *board = job->board;

    assert_null(db);
    /* With one thread the numbers come in the order of submission. */
    if (atomic_exchange(&board->last, job->number) > job->number)
        atomic_fetch_add(&board->order_errors, 1);
    atomic_fetch_add(&board->started, 1);
    pthread_mutex_lock(&board->gate);
    pthread_mutex_unlock(&board->gate);
    job->ran = true;
}

static void done_count(struct pool_job *base);

static bool submit(struct board *board, unsigned number)
{
    struct job *job = mem_alloc(sizeof(*job));

    job->base.run = run_count;
    job->base.done = done_count;
    job->board = board;
    job->number = number;
    if (pool_submit(board->pool, &job->base))
        return true;
    mem_free(job);
    return false;
}

static void done_count(struct pool_job *base)
{
    struct job *job = CONTAINER_OF(base, struct job, base);
    struct board *board = job->board;

    if (!pthread_equal(pthread_self(), board->loop_thread))
        board->wrong_thread = true;
    board->done++;
    board->done_unrun += job->ran ? 0 : 1;
    mem_free(job);
    if (board->resubmit > 0) {
        board->resubmit--;
        assert_true(submit(board, UINT32_MAX));
    }
}

static void turn_until_done(struct loop *loop, struct board *board, unsigned count)
{
    uint64_t deadline = clock_mono_ms() + PATIENCE_MS;

    while (board->done < count && clock_mono_ms() < deadline)
        loop_turn(loop, 100);
    assert_int_equal(board->done, count);
}

static void wait_until_started(struct board *board, unsigned count)
{
    uint64_t deadline = clock_mono_ms() + PATIENCE_MS;

    while (atomic_load(&board->started) < count && clock_mono_ms() < deadline)
        sched_yield();
    assert_int_equal(atomic_load(&board->started), count);
}

static void test_runs_everything_in_order(void **state ATTR_UNUSED)
{
    struct loop *loop = loop_create();
    struct board *board = board_create();
    const struct pool_options options = {"order", 1, 1000, NULL, NULL};

    board->pool = pool_create(loop, &options);
    for (unsigned i = 1; i <= 500; i++)
        assert_true(submit(board, i));
    turn_until_done(loop, board, 500);
    assert_int_equal(atomic_load(&board->order_errors), 0);
    assert_int_equal(board->done_unrun, 0);
    assert_false(board->wrong_thread);
    assert_int_equal(pool_waiting(board->pool), 0);
    pool_destroy(&board->pool);
    assert_null(board->pool);
    loop_destroy(&loop);
    board_destroy(board);
}

static atomic_uint waits_told;
static _Atomic uint64_t longest_wait_us;

static void count_wait(uint64_t wait_us)
{
    atomic_fetch_add(&waits_told, 1);
    if (wait_us > atomic_load(&longest_wait_us))
        atomic_store(&longest_wait_us, wait_us);
}

static void test_many_threads_and_done_that_submits(void **state ATTR_UNUSED)
{
    struct loop *loop = loop_create();
    struct board *board = board_create();
    const struct pool_options options = {"many", 8, 10000, NULL, count_wait};
    uint64_t began_us = clock_mono_us();

    board->pool = pool_create(loop, &options);
    board->resubmit = 3000;
    for (unsigned i = 0; i < 2000; i++)
        assert_true(submit(board, i));
    turn_until_done(loop, board, 5000);
    assert_int_equal(board->done_unrun, 0);
    assert_false(board->wrong_thread);
    assert_int_equal(atomic_load(&waits_told), 5000);
    assert_true(atomic_load(&longest_wait_us) <= clock_mono_us() - began_us);
    pool_destroy(&board->pool);
    loop_destroy(&loop);
    board_destroy(board);
}

static void test_full_queue_refuses(void **state ATTR_UNUSED)
{
    struct loop *loop = loop_create();
    struct board *board = board_create();
    const struct pool_options options = {"full", 2, 3, NULL, NULL};

    board->pool = pool_create(loop, &options);
    pthread_mutex_lock(&board->gate);
    /* Two run (whether their threads have started yet or not) and three wait. */
    for (unsigned i = 0; i < 5; i++)
        assert_true(submit(board, i));
    assert_false(submit(board, 5));
    wait_until_started(board, 2);
    assert_int_equal(pool_waiting(board->pool), 3);
    assert_false(submit(board, 6));
    pthread_mutex_unlock(&board->gate);
    turn_until_done(loop, board, 5);
    assert_true(submit(board, 7));
    turn_until_done(loop, board, 6);
    pool_destroy(&board->pool);
    loop_destroy(&loop);
    board_destroy(board);
}

/* The job that runs is waited for, those that wait are dropped; done is called for each. */
static void test_destroy_drops_what_waits(void **state ATTR_UNUSED)
{
    struct loop *loop = loop_create();
    struct board *board = board_create();
    const struct pool_options options = {"drop", 1, 10, NULL, NULL};

    board->pool = pool_create(loop, &options);
    pthread_mutex_lock(&board->gate);
    for (unsigned i = 0; i < 4; i++)
        assert_true(submit(board, i));
    wait_until_started(board, 1);
    pthread_mutex_unlock(&board->gate);
    pool_destroy(&board->pool);
    assert_int_equal(board->done, 4);
    assert_true(board->done_unrun <= 3);
    assert_false(board->wrong_thread);
    loop_destroy(&loop);
    board_destroy(board);
}

struct look {
    struct pool_job base;
    char name[16];
    bool blocked;
    bool done;
};

static void run_look(struct pool_job *base, struct db *db ATTR_UNUSED)
{
    struct look *look = CONTAINER_OF(base, struct look, base);
    sigset_t mask;

    pthread_getname_np(pthread_self(), look->name, sizeof(look->name));
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    look->blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1 &&
                    sigismember(&mask, SIGHUP) == 1;
}

static void done_look(struct pool_job *base)
{
    CONTAINER_OF(base, struct look, base)->done = true;
}

static void test_threads_have_names_and_no_signals(void **state ATTR_UNUSED)
{
    struct loop *loop = loop_create();
    struct look look = {.base = {.run = run_look, .done = done_look}};
    const struct pool_options options = {"scrypt", 1, 1, NULL, NULL};
    struct pool *pool = pool_create(loop, &options);
    sigset_t mask;

    assert_true(pool_submit(pool, &look.base));
    while (!look.done)
        loop_turn(loop, 100);
    assert_string_equal(look.name, "scrypt.0");
    assert_true(look.blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0);
    pool_destroy(&pool);
    loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_everything_in_order),
        cmocka_unit_test(test_many_threads_and_done_that_submits),
        cmocka_unit_test(test_full_queue_refuses),
        cmocka_unit_test(test_destroy_drops_what_waits),
        cmocka_unit_test(test_threads_have_names_and_no_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
