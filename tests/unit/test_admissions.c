// needs: common/mem common/check
/*
 * admissions: one at once, many together, and nobody forgotten when the pool takes no more or
 * stops. The pool and the database are the test's own.
 */
#include "gateway/admissions.h"

#include "common/store_log.h"
#include "common/store_tickets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY         1000
#define JOBS_MAX     16
#define WAIT_MAX     900
#define REQUESTS_MAX 90

static struct pool_job *jobs[JOBS_MAX];
static size_t job_count;
static bool pool_full;
static size_t largest;
static unsigned epochs_read;

static struct asker {
    struct admission admission;
    unsigned answers;
    unsigned alone;
} askers[MANY];
static struct admissions *admissions;

bool pool_submit(struct pool *pool, struct pool_job *job)
{
    assert_null(pool);
    if (pool_full || job_count == JOBS_MAX)
        return false;
    jobs[job_count++] = job;
    return true;
}

void store_admit(struct db *db, struct store_admission *const *asked, size_t count)
{
    assert_null(db);
    assert_true(count > 0 && count <= STORE_ADMISSIONS_MAX);
    largest = MAX(largest, count);
    for (size_t i = 0; i < count; i++) {
        asked[i]->err = ERR_NONE;
        asked[i]->head = asked[i]->room_id;
    }
}

/* Tickets that begin with 1 are good, once. */
enum err store_ticket_use(struct db *db, const uint8_t ticket_hash[DIGEST_SHA256_SIZE],
                          uint8_t token_hash_out[DIGEST_SHA256_SIZE])
{
    assert_null(db);
    if (ticket_hash[0] != 1)
        return ERR_NO_ROW;
    memset(token_hash_out, 9, DIGEST_SHA256_SIZE);
    return ERR_NONE;
}

enum err store_log_epoch(struct db *db, uint64_t *epoch_out)
{
    assert_null(db);
    epochs_read++;
    *epoch_out = 7;
    return ERR_NONE;
}

static void run_jobs(bool run)
{
    struct pool_job *taken[JOBS_MAX];
    size_t count = job_count;

    for (size_t i = 0; i < count; i++)
        taken[i] = jobs[i];
    job_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (run)
            taken[i]->run(taken[i], NULL);
        taken[i]->done(taken[i]);
    }
}

static void on_done(struct admission *admission)
{
    CONTAINER_OF(admission, struct asker, admission)->answers++;
}

static void on_alone(struct admission *admission, struct db *db)
{
    assert_null(db);
    admission->ask.err = ERR_NONE;
    CONTAINER_OF(admission, struct asker, admission)->alone++;
}

static bool ask_alone(size_t i)
{
    askers[i] = (struct asker){.admission = {.alone = on_alone, .done = on_done}};
    askers[i].admission.ask.room_id = i;
    return admissions_submit(admissions, &askers[i].admission);
}

static bool ask(size_t i, bool room)
{
    askers[i] = (struct asker){.admission = {.done = on_done}};
    askers[i].admission.ask.wants_room = room;
    askers[i].admission.wants_epoch = !room;
    askers[i].admission.ask.room_id = i;
    return admissions_submit(admissions, &askers[i].admission);
}

static int begin(void **state)
{
    (void)state;
    job_count = largest = epochs_read = 0;
    pool_full = false;
    admissions = admissions_create(NULL, (const size_t[]){WAIT_MAX, REQUESTS_MAX});
    return 0;
}

static int end(void **state)
{
    (void)state;
    admissions_destroy(&admissions);
    assert_null(admissions);
    return 0;
}

static void expect(size_t from, size_t to, enum err err)
{
    for (size_t i = from; i < to; i++) {
        assert_int_equal(askers[i].answers, 1);
        assert_int_equal(askers[i].admission.ask.err, err);
        if (err == ERR_NONE)
            assert_true(askers[i].admission.ask.head == i);
    }
}

static void test_one_alone(void **state)
{
    (void)state;
    assert_true(ask(0, true));
    assert_int_equal(job_count, 1);
    assert_int_equal(askers[0].answers, 0);
    run_jobs(true);
    expect(0, 1, ERR_NONE);
    assert_int_equal(epochs_read, 0);
}

static void test_many_go_together(void **state)
{
    unsigned rounds = 0;

    (void)state;
    for (size_t i = 0; i < 500; i++)
        assert_true(ask(i, true));
    assert_int_equal(job_count, 2);
    for (; job_count > 0; rounds++)
        run_jobs(true);
    expect(0, 500, ERR_NONE);
    assert_int_equal(largest, STORE_ADMISSIONS_MAX);
    assert_true(rounds < 12);
}

static void test_the_epoch_is_read_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++)
        assert_true(ask(i, i % 2 == 0));
    while (job_count > 0)
        run_jobs(true);
    expect(0, 20, ERR_NONE);
    assert_true(askers[3].admission.epoch == 7 && askers[4].admission.epoch == 0);
    assert_true(epochs_read <= 3);
}

static void test_tickets(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(ask(i, true));
    for (size_t i = 0; i < 3; i++)
        askers[i].admission.by = i == 0 ? ADMISSION_BY_TOKEN : ADMISSION_BY_TICKET;
    askers[1].admission.hash[0] = 1;
    while (job_count > 0)
        run_jobs(true);
    expect(0, 2, ERR_NONE);
    expect(2, 3, ERR_NO_ROW);
    assert_ptr_equal(askers[0].admission.ask.token_hash, askers[0].admission.hash);
    assert_int_equal(askers[1].admission.hash[0], 9);
}

/* Only who meets nobody does all of it by itself; and what it does holds up no batch. */
static void test_alone(void **state)
{
    struct pool_job *slow;

    (void)state;
    assert_true(ask_alone(0));
    assert_int_equal(job_count, 1);
    slow = jobs[0];
    job_count = 0;
    for (size_t i = 1; i < 10; i++)
        assert_true(ask_alone(i));
    while (job_count > 0)
        run_jobs(true);
    for (size_t i = 1; i < 10; i++)
        assert_int_equal(askers[i].alone, 0);
    expect(1, 10, ERR_NONE);
    assert_int_equal(askers[0].answers, 0);
    slow->run(slow, NULL);
    slow->done(slow);
    assert_int_equal(askers[0].alone, 1);
    expect(0, 1, ERR_NONE);
    assert_true(ask_alone(0));
    run_jobs(true);
    assert_int_equal(askers[0].alone, 1);
}

/* What came while one was alone is not forgotten when the pool is full then. */
static void test_the_pool_is_full_after_one_alone(void **state)
{
    (void)state;
    assert_true(ask_alone(0));
    for (size_t i = 1; i < 6; i++)
        assert_true(ask_alone(i));
    assert_int_equal(admissions_waiting(admissions), 4);
    pool_full = true;
    run_jobs(true);
    expect(0, 2, ERR_NONE);
    expect(2, 6, ERR_OVERLOADED);
    assert_int_equal(admissions_waiting(admissions), 0);
}

static void test_too_many(void **state)
{
    size_t taken = 0;

    (void)state;
    while (taken < MANY && ask(taken, true))
        taken++;
    assert_int_equal(taken, WAIT_MAX + 1 + STORE_ADMISSIONS_MAX);
    while (job_count > 0)
        run_jobs(true);
    expect(0, taken, ERR_NONE);
    assert_int_equal(askers[taken].answers, 0);
}

static bool ask_as_request(size_t i)
{
    askers[i] = (struct asker){.admission = {.line = ADMISSION_OF_REQUEST, .done = on_done}};
    askers[i].admission.ask.room_id = i;
    return admissions_submit(admissions, &askers[i].admission);
}

/* However many sockets wait, what is asked next has a share of the next batch; and the other way.
 */
static void test_lines_have_turns(void **state)
{
    const size_t sockets = WAIT_MAX + 1 + STORE_ADMISSIONS_MAX;

    (void)state;
    for (size_t i = 0; i < sockets; i++)
        assert_true(ask(i, true));
    assert_false(ask(sockets, true));
    for (size_t i = sockets; i < sockets + 8; i++)
        assert_true(ask_as_request(i));
    run_jobs(true); /* those that were under way */
    assert_int_equal(job_count, 2);
    run_jobs(true);
    expect(sockets, sockets + 8, ERR_NONE);
    assert_int_equal(askers[sockets - 1].answers, 0);
    while (job_count > 0)
        run_jobs(true);
    expect(0, sockets, ERR_NONE);
    for (size_t i = 0; i < 1 + STORE_ADMISSIONS_MAX + REQUESTS_MAX; i++)
        assert_true(ask_as_request(i));
    assert_false(ask_as_request(MANY - 1));
    assert_true(ask(MANY - 2, true));
    pool_full = true; /* what is taken comes back to its line */
    run_jobs(true);
    pool_full = false;
    expect(MANY - 2, MANY - 1, ERR_OVERLOADED);
    assert_int_equal(admissions_waiting(admissions), 0);
}

static void test_a_full_pool(void **state)
{
    (void)state;
    pool_full = true;
    assert_false(ask(0, true));
    pool_full = false;
    for (size_t i = 0; i < 5; i++)
        assert_true(ask(i, true));
    pool_full = true; /* one is under way, four wait for it */
    run_jobs(true);
    expect(0, 1, ERR_NONE);
    expect(1, 5, ERR_OVERLOADED);
    pool_full = false;
    assert_true(ask(5, true));
    run_jobs(true);
    expect(5, 6, ERR_NONE);
}

static void test_the_pool_stops(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100; i++)
        assert_true(ask(i, true));
    pool_full = true;
    run_jobs(false);
    expect(0, 100, ERR_OVERLOADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_many_go_together, begin, end),
        cmocka_unit_test_setup_teardown(test_the_epoch_is_read_once, begin, end),
        cmocka_unit_test_setup_teardown(test_tickets, begin, end),
        cmocka_unit_test_setup_teardown(test_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_the_pool_is_full_after_one_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many, begin, end),
        cmocka_unit_test_setup_teardown(test_lines_have_turns, begin, end),
        cmocka_unit_test_setup_teardown(test_a_full_pool, begin, end),
        cmocka_unit_test_setup_teardown(test_the_pool_stops, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
