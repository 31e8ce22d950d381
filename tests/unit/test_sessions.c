// needs: common/loop common/map common/metrics common/clock common/log common/strbuf common/mem common/check common/digest
/*
 * sessions: who hears that a login ended: by the bus, by its time, and by the database when both
 * said nothing. Pool and database are stubs: jobs run when a test says so.
 */
#include "gateway/sessions.h"

#include "common/clock.h"
#include "common/store_admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define JOBS_MAX    64
#define MEMBERS_MAX 640
#define CHECK_MS    16 /* a look at one session every millisecond */

struct fixture {
    struct loop *loop;
    struct sessions *sessions;
};

/* In place of the pool and the database. */
static struct pool_job *jobs[JOBS_MAX];
static size_t job_count;
static bool pool_full;
static enum err database_says;
static int gone; /* a token that the database does not know, whatever it says; -1: none */
static unsigned lookups;
static uint8_t looked_up[DIGEST_SHA256_SIZE];

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
    for (size_t i = 0; i < count; i++) {
        assert_false(asked[i]->wants_room);
        lookups++;
        memcpy(looked_up, asked[i]->token_hash, sizeof(looked_up));
        asked[i]->err = looked_up[0] == gone ? ERR_NO_ROW : database_says;
    }
}

/* What waits for the pool gets its turn; a pool that stops calls done only. */
static void run_jobs(bool run)
{
    size_t count = job_count;

    job_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (run)
            jobs[i]->run(jobs[i], NULL);
        jobs[i]->done(jobs[i]);
    }
}

struct member {
    struct session_member base;
    unsigned ended;
};

static void on_ended(struct session_member *base)
{
    LIST_ITEM(base, struct member, base)->ended++;
}

static struct member members[MEMBERS_MAX];

static int begin(void **state)
{
    static struct fixture fixture;

    memset(members, 0, sizeof(members));
    for (size_t i = 0; i < MEMBERS_MAX; i++)
        members[i].base.on_ended = on_ended;
    job_count = 0;
    lookups = 0;
    pool_full = false;
    database_says = ERR_NONE;
    gone = -1;
    fixture.loop = loop_create();
    fixture.sessions = sessions_create(fixture.loop, NULL, CHECK_MS);
    *state = &fixture;
    return 0;
}

/* Everybody leaves; a sanitizer sees what stays behind. */
static int end(void **state)
{
    struct fixture *f = *state;

    run_jobs(false);
    for (size_t i = 0; i < MEMBERS_MAX; i++)
        sessions_detach(f->sessions, &members[i].base);
    sessions_destroy(&f->sessions);
    assert_null(f->sessions);
    sessions_destroy(&f->sessions);
    loop_destroy(&f->loop);
    return 0;
}

/* The token whose hash begins with these bytes. */
static const uint8_t *hash_of(uint16_t token)
{
    static uint8_t hash[DIGEST_SHA256_SIZE];

    memset(hash, 0xaa, sizeof(hash));
    hash[0] = (uint8_t)token;
    hash[1] = (uint8_t)(token >> 8);
    return hash;
}

static void attach_after(struct fixture *f, size_t member, uint16_t token, uint64_t user_id,
                         uint64_t lasts_us, uint64_t revoked_before)
{
    struct store_session found = {
        .user_id = user_id, .expires_at_us = clock_wall_us() + lasts_us, .username = "ada"};

    sessions_attach(f->sessions, &members[member].base, hash_of(token), &found, revoked_before);
}

static void attach(struct fixture *f, size_t member, uint16_t token, uint64_t user_id,
                   uint64_t lasts_us)
{
    attach_after(f, member, token, user_id, lasts_us, SESSIONS_UNKNOWN);
}

#define LONG UINT64_C(3600000000)

static void revoke(struct fixture *f, uint64_t user_id, int token)
{
    struct bus_revoke message = {.user_id = user_id};

    if (token >= 0)
        message.token_hashes = (struct span){hash_of((uint16_t)token), DIGEST_SHA256_SIZE};
    sessions_on_revoke(f->sessions, &message);
}

/* "1020": how often each of the first four members was told. */
static void expect_ended(const char *expected)
{
    char got[9] = "";

    assert_true(strlen(expected) < sizeof(got));
    for (size_t i = 0; i < strlen(expected); i++)
        got[i] = (char)('0' + members[i].ended);
    assert_string_equal(got, expected);
}

static void turn_for(struct fixture *f, uint64_t ms)
{
    uint64_t until = clock_mono_ms() + ms;

    for (uint64_t turns = 0; turns < ms || clock_mono_ms() < until; turns++)
        loop_turn(f->loop, 1);
}

static void test_shared_by_a_login(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 1, 10, LONG);
    attach(f, 2, 2, 10, LONG);
    assert_ptr_equal(members[0].base.session, members[1].base.session);
    assert_ptr_not_equal(members[0].base.session, members[2].base.session);
    assert_true(members[0].base.session->user_id == 10);
    assert_string_equal(members[0].base.session->username, "ada");
    assert_memory_equal(members[2].base.session->token_hash, hash_of(2), DIGEST_SHA256_SIZE);
}

static void test_detach(void **state)
{
    struct fixture *f = *state;

    sessions_detach(f->sessions, &members[0].base); /* has none */
    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 1, 10, LONG);
    sessions_detach(f->sessions, &members[0].base);
    assert_null(members[0].base.session);
    sessions_detach(f->sessions, &members[0].base);
    revoke(f, 10, 1);
    expect_ended("01");
    sessions_detach(f->sessions, &members[1].base);
    revoke(f, 10, 1);
    revoke(f, 10, -1);
    expect_ended("01");
    attach(f, 0, 1, 10, LONG); /* the same token again is a session of its own */
    revoke(f, 10, 1);
    expect_ended("11");
}

static void test_logout_ends_one_login(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 1, 10, LONG);
    attach(f, 2, 2, 10, LONG);
    attach(f, 3, 3, 11, LONG);
    revoke(f, 10, 9); /* one that has no socket here */
    expect_ended("0000");
    revoke(f, 10, 1);
    expect_ended("1100");
}

static void test_deletion_ends_every_login(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 1, 10, LONG);
    attach(f, 2, 2, 10, LONG);
    attach(f, 3, 3, 11, LONG);
    revoke(f, 12, -1);
    expect_ended("0000");
    revoke(f, 10, -1);
    expect_ended("1110");
}

/* Who is told leaves at the end of the turn, as sockets do. */
static void test_leaving_after_the_end(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 2, 10, LONG);
    run_jobs(true);
    revoke(f, 10, -1);
    sessions_detach(f->sessions, &members[0].base);
    sessions_detach(f->sessions, &members[1].base);
    expect_ended("11");
    turn_for(f, 5);
    assert_int_equal(job_count, 0);
    expect_ended("11");
}

static void test_expiry(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, 20000);
    attach(f, 1, 2, 11, LONG);
    expect_ended("00");
    for (unsigned i = 0; i < 500 && members[0].ended == 0; i++) {
        assert_int_equal(members[1].ended, 0);
        loop_turn(f->loop, 1);
        run_jobs(true);
    }
    assert_true(members[0].ended > 0);
    assert_int_equal(members[1].ended, 0);
    assert_true(lookups > 0); /* the other one was asked for */
    assert_memory_equal(looked_up, hash_of(2), DIGEST_SHA256_SIZE);
}

/* A login is looked up once more as soon as it is here: it may have ended just before. */
static void test_first_look(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 1, 10, LONG);
    assert_int_equal(job_count, 1);
    attach(f, 2, 2, 10, LONG);
    assert_int_equal(job_count, 2);
    run_jobs(true);
    assert_int_equal(lookups, 2);
    expect_ended("000");
    attach(f, 3, 3, 10, LONG);
    database_says = ERR_NO_ROW;
    run_jobs(true);
    expect_ended("0001");
}

/* Once more, if anything was revoked while the database was asked; else what it said holds. */
static void test_second_look_after_a_revocation_only(void **state)
{
    struct fixture *f = *state;
    uint64_t before = sessions_revoked(f->sessions);

    attach_after(f, 0, 1, 10, LONG, before);
    assert_int_equal(job_count, 0);
    revoke(f, 12, -1);
    attach_after(f, 1, 2, 11, LONG, before);
    assert_int_equal(job_count, 1);
    attach_after(f, 2, 3, 12, LONG, sessions_revoked(f->sessions));
    assert_int_equal(job_count, 1);
    database_says = ERR_NO_ROW;
    run_jobs(true);
    expect_ended("010");
}

/* Who joins a session that has ended is looked up after that: an answer that was on its way is of
 * before. */
static void test_an_older_answer_is_not_enough(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    assert_int_equal(job_count, 1);
    revoke(f, 10, 1);
    attach(f, 1, 1, 10, LONG);
    assert_int_equal(job_count, 1);
    run_jobs(true); /* what it says is of before the revocation */
    assert_int_equal(members[1].ended, 0);
    assert_int_equal(job_count, 1);
    database_says = ERR_NO_ROW;
    run_jobs(true);
    assert_int_equal(members[1].ended, 1);
    assert_int_equal(job_count, 0);
}

/* What a full pool did not take is asked once it has room: with this interval a round gets to the
 * first session after four seconds. */
static void test_a_full_pool_is_asked_again(void **state)
{
    struct fixture *f = *state;
    uint64_t until = clock_mono_ms() + 2000;
    uint64_t before;

    sessions_destroy(&f->sessions);
    f->sessions = sessions_create(f->loop, NULL, 64000);
    before = sessions_revoked(f->sessions);
    revoke(f, 10, 1);
    attach_after(f, 0, 9, 12, LONG, sessions_revoked(f->sessions));
    pool_full = true;
    attach_after(f, 1, 1, 10, LONG, before);
    attach_after(f, 2, 2, 11, LONG, before);
    assert_int_equal(job_count, 0);
    pool_full = false;
    database_says = ERR_NO_ROW;
    while (job_count < 2 && clock_mono_ms() < until)
        loop_turn(f->loop, 1);
    run_jobs(true);
    expect_ended("011");
}

/* The revocation was lost: the database tells, each session in its turn. */
static void test_recheck(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    attach(f, 1, 2, 11, LONG);
    turn_for(f, 30);
    assert_int_equal(job_count, 2); /* never two at a time for one */
    run_jobs(true);
    expect_ended("00");
    turn_for(f, 30);
    assert_int_equal(job_count, 2);
    database_says = ERR_NO_ROW;
    run_jobs(true);
    expect_ended("11");
}

/* What is due at a time is asked for together: of 640 sessions forty, 32 of them at once. Of those
 * that the database does not know any more each ends, and nobody else. */
static void test_many_are_one_question(void **state)
{
    struct fixture *f = *state;
    uint64_t before = sessions_revoked(f->sessions);
    unsigned ended = 0;

    for (size_t i = 0; i < MEMBERS_MAX; i++)
        attach_after(f, i, (uint16_t)i, 10 + i, LONG, before);
    assert_int_equal(job_count, 0);
    while (job_count == 0)
        loop_turn(f->loop, 1);
    assert_int_equal(job_count, 2);
    run_jobs(true);
    assert_int_equal(lookups, 40);
    gone = 77; /* of 640 tokens three begin with it */
    while (lookups < 2 * MEMBERS_MAX) {
        loop_turn(f->loop, 1);
        run_jobs(true);
    }
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        assert_true((members[i].ended > 0) == (i % 256 == 77));
        ended += members[i].ended > 0;
    }
    assert_int_equal(ended, 3);
}

/* What the pool does not take is the first to be asked for when it has room. */
static void test_many_wait_for_the_pool(void **state)
{
    struct fixture *f = *state;
    uint64_t before = sessions_revoked(f->sessions);

    pool_full = true;
    revoke(f, 10, -1);
    for (size_t i = 0; i < MEMBERS_MAX; i++)
        attach_after(f, i, (uint16_t)i, 11, LONG, before);
    turn_for(f, 5);
    assert_int_equal(lookups, 0);
    pool_full = false;
    while (job_count == 0)
        loop_turn(f->loop, 1);
    assert_true(job_count >= MEMBERS_MAX / STORE_ADMISSIONS_MAX); /* all of them at once */
    run_jobs(true);
    assert_int_equal(lookups, MEMBERS_MAX);
}

/* A database that is away ends nobody. */
static void test_recheck_without_an_answer(void **state)
{
    static const enum err answers[] = {ERR_DATABASE_UNAVAILABLE, ERR_DB_FAILED, ERR_DB_RETRY};
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        database_says = answers[i];
        turn_for(f, 10);
        assert_int_equal(job_count, 1);
        run_jobs(true);
        expect_ended("0");
    }
    turn_for(f, 10);
    run_jobs(false); /* the pool stops */
    expect_ended("0");
    pool_full = true;
    turn_for(f, 10);
    assert_int_equal(job_count, 0);
    pool_full = false;
    turn_for(f, 10);
    assert_int_equal(job_count, 1);
}

/* The session goes while it is looked up; another one may have taken its place. */
static void test_gone_while_rechecking(void **state)
{
    struct fixture *f = *state;

    attach(f, 0, 1, 10, LONG);
    turn_for(f, 10);
    assert_int_equal(job_count, 1);
    sessions_detach(f->sessions, &members[0].base);
    database_says = ERR_NO_ROW;
    run_jobs(true);
    expect_ended("0");
    attach(f, 0, 1, 10, LONG);
    turn_for(f, 10);
    assert_int_equal(job_count, 1);
    sessions_detach(f->sessions, &members[0].base);
    attach(f, 1, 1, 10, LONG);
    run_jobs(true);
    expect_ended("0");
    assert_true(members[1].ended > 0); /* the token is what was looked up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shared_by_a_login, begin, end),
        cmocka_unit_test_setup_teardown(test_detach, begin, end),
        cmocka_unit_test_setup_teardown(test_logout_ends_one_login, begin, end),
        cmocka_unit_test_setup_teardown(test_deletion_ends_every_login, begin, end),
        cmocka_unit_test_setup_teardown(test_leaving_after_the_end, begin, end),
        cmocka_unit_test_setup_teardown(test_expiry, begin, end),
        cmocka_unit_test_setup_teardown(test_first_look, begin, end),
        cmocka_unit_test_setup_teardown(test_second_look_after_a_revocation_only, begin, end),
        cmocka_unit_test_setup_teardown(test_an_older_answer_is_not_enough, begin, end),
        cmocka_unit_test_setup_teardown(test_a_full_pool_is_asked_again, begin, end),
        cmocka_unit_test_setup_teardown(test_recheck, begin, end),
        cmocka_unit_test_setup_teardown(test_many_are_one_question, begin, end),
        cmocka_unit_test_setup_teardown(test_many_wait_for_the_pool, begin, end),
        cmocka_unit_test_setup_teardown(test_recheck_without_an_answer, begin, end),
        cmocka_unit_test_setup_teardown(test_gone_while_rechecking, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
