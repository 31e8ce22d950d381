// needs: gateway/frame gateway/ws_deflate gateway/ws_frame common/loop common/map common/metrics common/clock common/log common/strbuf common/mem common/check common/digest
/*
 * page_reads: how many pages are read at a time, and whose are next. Pool, database and subscribers
 * are stubs: a waiter is one that wants the first page of a room of its own.
 */
#include "gateway/page_reads.h"

#include "common/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WAITERS_MAX 512
#define JOBS_MAX    512

struct waiter {
    struct list_node node;
    struct page_source room;
    uint64_t user_id;
    unsigned pages; /* that it wants yet */
};

static struct waiter waiters[WAITERS_MAX];
static size_t waiter_count;
static struct page_reads *reads;
static struct loop *loop;
static struct pool_job *jobs[JOBS_MAX];
static size_t job_first;
static size_t job_count;
static uint64_t served[WAITERS_MAX * 2]; /* the users', in their order */
static size_t served_count;

bool pool_submit(struct pool *pool, struct pool_job *job)
{
    (void)pool;
    assert_true(job_count < JOBS_MAX);
    jobs[job_count++] = job;
    return true;
}

/* In place of log_reader.c. */
void log_read_init(struct log_read *read, uint64_t room_id, uint64_t after, uint64_t limit,
                   void (*done)(struct pool_job *job))
{
    memset(read, 0, sizeof(*read));
    read->job.done = done;
    read->room_id = room_id;
    read->after = after;
    read->limit = limit;
}

void log_read_fini(struct log_read *read)
{
    (void)read;
}

static void want(struct waiter *waiter)
{
    page_reads_want(reads, &waiter->room, 0, waiter->user_id, &waiter->node);
}

static void on_page(void *context, struct page_source *source, const struct log_read *read)
{
    (void)context;
    assert_int_equal(source->room_id, read->room_id);
}

static void on_serve(void *context, struct list_node *node, const struct log_read *read)
{
    struct waiter *waiter = LIST_ITEM(node, struct waiter, node);

    (void)context;
    (void)read;
    served[served_count++] = waiter->user_id;
    if (--waiter->pages > 0)
        want(waiter);
}

static void on_again(void *context, struct list_node *node)
{
    (void)context;
    want(LIST_ITEM(node, struct waiter, node));
}

static const struct page_reads_ops ops = {on_page, on_serve, on_again};

static struct waiter *add(uint64_t user_id, unsigned pages)
{
    struct waiter *waiter = &waiters[waiter_count++];

    assert_true(waiter_count <= WAITERS_MAX);
    page_source_init(&waiter->room, waiter_count);
    waiter->user_id = user_id;
    waiter->pages = pages;
    want(waiter);
    return waiter;
}

static size_t under_way(void)
{
    return job_count - job_first;
}

static void finish(enum err err)
{
    struct pool_job *job = jobs[job_first++];

    CONTAINER_OF(job, struct log_read, job)->err = err;
    job->done(job);
}

static int begin(void **state)
{
    (void)state;
    memset(waiters, 0, sizeof(waiters));
    waiter_count = job_first = job_count = served_count = 0;
    loop = loop_create();
    reads = page_reads_create(loop, NULL, 100, &ops, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (under_way() > 0)
        finish(ERR_NONE);
    for (size_t i = 0; i < waiter_count; i++)
        list_remove(&waiters[i].node);
    page_reads_destroy(&reads);
    assert_null(reads);
    loop_destroy(&loop);
    return 0;
}

static void test_few_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < 300; i++)
        add(1, 1);
    while (under_way() > 0) {
        assert_int_equal(under_way(), MIN((size_t)PAGE_READS_MAX, 300 - served_count));
        finish(ERR_NONE);
    }
    assert_int_equal(served_count, 300);
}

/* Somebody with one room behind a user with hundreds has the next turn but one. */
static void test_users_have_turns(void **state)
{
    (void)state;
    for (size_t i = 0; i < 300; i++)
        add(1, 1);
    add(2, 1);
    add(3, 1);
    for (size_t i = 0; i < PAGE_READS_MAX + 4; i++)
        finish(ERR_NONE);
    assert_int_equal(served[PAGE_READS_MAX], 1);
    assert_int_equal(served[PAGE_READS_MAX + 1], 2);
    assert_int_equal(served[PAGE_READS_MAX + 2], 3);
    assert_int_equal(served[PAGE_READS_MAX + 3], 1);
}

/* Who has a long log to read does not keep his place while others wait. */
static void test_who_reads_on_waits_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAGE_READS_MAX; i++)
        add(1, 4);
    add(2, 1);
    for (size_t i = 0; i < PAGE_READS_MAX + 1; i++)
        finish(ERR_NONE);
    assert_int_equal(served[PAGE_READS_MAX], 2);
    while (under_way() > 0)
        finish(ERR_NONE);
    assert_int_equal(served_count, 4 * PAGE_READS_MAX + 1);
}

static void test_who_goes_meanwhile(void **state)
{
    struct waiter *gone;

    (void)state;
    for (size_t i = 0; i < PAGE_READS_MAX; i++)
        add(1, 1);
    gone = add(2, 1);
    add(3, 1);
    list_remove(&gone->node);
    while (under_way() > 0)
        finish(ERR_NONE);
    assert_int_equal(served_count, PAGE_READS_MAX + 1);
    assert_int_equal(served[PAGE_READS_MAX], 3);
}

/* The database is away: all wait for the timer, none for a turn that nobody gives. */
static void test_failing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 300; i++)
        add(i % 7, 1);
    while (under_way() > 0)
        finish(ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(served_count, 0);
    assert_true(job_count < 300);
    while (served_count < 300) {
        loop_turn(loop, 1000);
        while (under_way() > 0)
            finish(ERR_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_few_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(test_users_have_turns, begin, end),
        cmocka_unit_test_setup_teardown(test_who_reads_on_waits_again, begin, end),
        cmocka_unit_test_setup_teardown(test_who_goes_meanwhile, begin, end),
        cmocka_unit_test_setup_teardown(test_failing, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
