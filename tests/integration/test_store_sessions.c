// needs: common/store_users common/schema common/schema_lease gen/migrations common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/strbuf common/check

/* Logins in the table: their life, and how many an account has. */
#include "common/clock.h"
#include "common/store_users.h"
#include "schema_database.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATABASE "banter_test_store_sessions"
#define HASH     "$s0$e0801$c2FsdA==$aGFzaA=="

static char *url;

static int make_schema(void **state ATTR_UNUSED)
{
    schema_database_make(DATABASE, url);
    return 0;
}

static int drop_schema(void **state ATTR_UNUSED)
{
    database_drop(DATABASE);
    return 0;
}

static int setup(void **state)
{
    struct db *db = database_connect(url);

    database_script(db, "TRUNCATE users; TRUNCATE sessions");
    *state = db;
    return 0;
}

static uint64_t add_user(struct db *db, const char *name)
{
    struct span text = {(const uint8_t *)name, strlen(name)};
    uint64_t id = 0;

    assert_int_equal(store_user_create(db, text, text, HASH, &id), ERR_NONE);
    assert_true(id > 0);
    return id;
}

static void test_sessions(void **state)
{
    struct db *db = *state;
    uint64_t id = add_user(db, "Anna");
    struct store_session session;
    uint8_t token[DIGEST_SHA256_SIZE];
    uint8_t other[DIGEST_SHA256_SIZE];
    uint64_t now_us = clock_wall_us();

    digest_random(token, sizeof(token));
    digest_random(other, sizeof(other));
    assert_int_equal(store_session_create(db, token, id, HASH, 60), ERR_NONE);
    assert_int_equal(store_session_create(db, token, id, HASH, 60), ERR_NONE);
    assert_int_equal(store_session_find(db, token, &session), ERR_NONE);
    assert_true(session.user_id == id);
    assert_string_equal(session.username, "Anna");
    assert_true(session.expires_at_us >= now_us + 60 * UINT64_C(1000000));
    assert_true(session.expires_at_us < now_us + 90 * UINT64_C(1000000));
    assert_int_equal(store_session_find(db, other, &session), ERR_NO_ROW);
    assert_int_equal(store_session_delete(db, token), ERR_NONE);
    assert_int_equal(store_session_delete(db, token), ERR_NONE);
    assert_int_equal(store_session_find(db, token, &session), ERR_NO_ROW);
}

/* The last bytes tell them apart: the smaller, the older. */
static void add_sessions(struct db *db, uint64_t user_id, unsigned count)
{
    assert_int_equal(DB_RUN(db,
                            "INSERT INTO sessions SELECT UNHEX(LPAD(HEX(seq), 64, '0')), ?, seq, ? "
                            "FROM seq_1_to_100000 WHERE seq <= ?",
                            db_u64(user_id), db_u64(clock_wall_us() + UINT64_C(1000000000)),
                            db_u64(count)),
                     ERR_NONE);
}

static uint8_t (*hash_of_session(unsigned number))[DIGEST_SHA256_SIZE]
{
    static uint8_t hash[DIGEST_SHA256_SIZE];

    hash[DIGEST_SHA256_SIZE - 1] = (uint8_t)number;
    hash[DIGEST_SHA256_SIZE - 2] = (uint8_t)(number >> 8);
    return &hash;
}

static void test_the_oldest_sessions(void **state)
{
    struct db *db = *state;
    uint64_t id = add_user(db, "Anna");
    static const unsigned left[] = {150, 50, 10, 10};
    struct strbuf ended = STRBUF_EMPTY;

    add_sessions(db, id, 5);
    /* As many as may. */
    assert_int_equal(store_session_trim(db, id, 5, *hash_of_session(5), &ended), ERR_NONE);
    assert_int_equal(ended.len, 0);
    /* The kept one is the oldest: it counts, and stays. */
    assert_int_equal(store_session_trim(db, id, 3, *hash_of_session(1), &ended), ERR_NONE);
    assert_int_equal(ended.len, 2 * DIGEST_SHA256_SIZE);
    assert_memory_equal(ended.data, hash_of_session(3), DIGEST_SHA256_SIZE);
    assert_memory_equal(ended.data + DIGEST_SHA256_SIZE, hash_of_session(2), DIGEST_SHA256_SIZE);
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions WHERE created_at_us "
                                         "IN (1, 4, 5)"),
                     3);
    assert_int_equal(store_session_trim(db, id, 1, *hash_of_session(4), &ended), ERR_NONE);
    assert_int_equal(database_number(db, "SELECT MIN(created_at_us) FROM sessions"), 4);
    /* Of very many a hundred at a time. */
    assert_int_equal(store_session_delete(db, *hash_of_session(4)), ERR_NONE);
    add_sessions(db, id, 250);
    strbuf_reset(&ended);
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        assert_int_equal(store_session_trim(db, id, 10, *hash_of_session(250), &ended), ERR_NONE);
        assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions"), left[i]);
    }
    assert_int_equal(ended.len, 240 * DIGEST_SHA256_SIZE);
    strbuf_fini(&ended);
}

static void test_a_kept_session_that_has_ended(void **state)
{
    struct db *db = *state;
    uint64_t id = add_user(db, "Anna");
    struct strbuf ended = STRBUF_EMPTY;

    /* Another login's trim was faster: what it left is as many as may be. */
    add_sessions(db, id, 3);
    assert_int_equal(store_session_trim(db, id, 3, *hash_of_session(4), &ended), ERR_NONE);
    assert_int_equal(ended.len, 0);
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions"), 3);
    strbuf_fini(&ended);
}

enum { LOGINS = 8, LEFT = 3, ROUNDS = 25 };

struct login {
    pthread_barrier_t *begin;
    struct db *db;
    uint64_t user_id;
    unsigned number;
    size_t ended;
};

static void *trim(void *argument)
{
    struct login *login = argument;
    uint8_t kept[DIGEST_SHA256_SIZE] = {0};
    struct strbuf ended = STRBUF_EMPTY;

    kept[sizeof(kept) - 1] = (uint8_t)login->number;
    pthread_barrier_wait(login->begin);
    assert_int_equal(store_session_trim(login->db, login->user_id, LEFT, kept, &ended), ERR_NONE);
    login->ended = ended.len / DIGEST_SHA256_SIZE;
    strbuf_fini(&ended);
    return NULL;
}

/* All sessions are there, and the login of each ends what is too much. Returns how many they say
 * that they have ended. */
static size_t trim_at_once(struct login *logins)
{
    pthread_barrier_t begin;
    pthread_t threads[LOGINS];
    size_t ended = 0;

    assert_int_equal(pthread_barrier_init(&begin, NULL, LOGINS), 0);
    for (size_t i = 0; i < LOGINS; i++) {
        logins[i].begin = &begin;
        assert_int_equal(pthread_create(&threads[i], NULL, trim, &logins[i]), 0);
    }
    for (size_t i = 0; i < LOGINS; i++) {
        pthread_join(threads[i], NULL);
        ended += logins[i].ended;
    }
    pthread_barrier_destroy(&begin);
    return ended;
}

static void test_logins_at_once(void **state)
{
    struct db *db = *state;
    uint64_t id = add_user(db, "Anna");
    struct login logins[LOGINS];

    for (unsigned i = 0; i < LOGINS; i++)
        logins[i] = (struct login){.db = database_connect(url), .user_id = id, .number = i + 1};
    for (int round = 0; round < ROUNDS; round++) {
        database_script(db, "TRUNCATE sessions");
        add_sessions(db, id, LOGINS);
        assert_int_equal(trim_at_once(logins), LOGINS - LEFT);
        assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions"), LEFT);
    }
    for (size_t i = 0; i < LOGINS; i++)
        db_destroy(&logins[i].db);
}

static void test_expired_sessions(void **state)
{
    struct db *db = *state;
    uint64_t id = add_user(db, "Anna");
    struct store_session session;
    uint8_t old[DIGEST_SHA256_SIZE];
    uint8_t token[DIGEST_SHA256_SIZE];

    digest_random(old, sizeof(old));
    digest_random(token, sizeof(token));
    assert_int_equal(store_session_create(db, old, id, HASH, 0), ERR_NONE);
    assert_int_equal(store_session_find(db, old, &session), ERR_NO_ROW);
    assert_int_equal(store_session_create(db, token, id, HASH, 60), ERR_NONE);
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions"), 1);
    assert_int_equal(store_session_find(db, token, &session), ERR_NONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, schema_database_disconnect)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_sessions),
        CASE(test_the_oldest_sessions),
        CASE(test_a_kept_session_that_has_ended),
        CASE(test_logins_at_once),
        CASE(test_expired_sessions),
    };
    int failed;

    url = database_url_of(DATABASE);
    failed = DATABASE_RUN(tests, make_schema, drop_schema);
    mem_free(url);
    return failed;
}
