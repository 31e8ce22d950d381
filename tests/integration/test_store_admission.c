// needs: common/store_admission common/store_users common/store_admin common/schema common/schema_lease gen/migrations common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/strbuf common/check

/* Who may hear a room, and from where on: one statement, whatever the log's length; and whose login
 * makes a session. */
#include "common/store_admin.h"
#include "common/store_admission.h"
#include "schema_database.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATABASE   "banter_test_store_admission"
#define ANNA       1
#define BERT       2
#define CARL       3
#define ROOM       5
#define REMOVED    6
#define EMPTY_ROOM 7
#define EVENTS     5000

static char *url;
static const uint8_t annas[DIGEST_SHA256_SIZE] = {1};
static const uint8_t berts[DIGEST_SHA256_SIZE] = {2};

static int make_schema(void **state)
{
    struct db *db;

    schema_database_make(DATABASE, url);
    db = database_connect(url);
    database_script(
        db, "SET max_recursive_iterations = 10000;"
            "INSERT INTO users (id, username, password_hash, created_at_us) "
            "VALUES (1, 'Anna', 'hash', 1), (2, 'Bert', 'hash', 1);"
            "INSERT INTO rooms (id, name, creator_id, member_count, create_key, created_at_us, "
            "removed_at_us) VALUES (5, 'a', 1, 1, 'a', 1, NULL), (6, 'b', 1, 1, 'b', 1, 9), "
            "(7, 'c', 1, 1, 'c', 1, NULL);"
            "INSERT INTO room_members (room_id, user_id, joined_seq) "
            "VALUES (5, 1, 1), (6, 1, 1), (7, 1, 1);"
            "INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key) "
            "WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 5000) "
            "SELECT 5, seq, 1, 1, 1, UNHEX(LPAD(HEX(seq), 32, '0')) FROM n");
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM events"), EVENTS);
    assert_int_equal(store_session_create(db, annas, ANNA, "hash", 600), ERR_NONE);
    assert_int_equal(store_session_create(db, berts, BERT, "hash", 600), ERR_NONE);
    *state = db;
    return 0;
}

static int drop_schema(void **state)
{
    struct db *db = *state;

    db_destroy(&db);
    database_drop(DATABASE);
    return 0;
}

static void test_a_member(void **state)
{
    struct store_session session;
    uint64_t head = 0;

    assert_int_equal(store_admit_session(*state, annas, ROOM, &session, &head), ERR_NONE);
    assert_true(head == EVENTS);
    assert_true(session.user_id == ANNA);
    assert_string_equal(session.username, "Anna");
    assert_true(session.expires_at_us > 0);
    head = 0;
    assert_int_equal(store_admit_user(*state, ANNA, ROOM, &head), ERR_NONE);
    assert_true(head == EVENTS);
}

static void test_a_session_and_its_membership(void **state)
{
    static const uint8_t nobodys[DIGEST_SHA256_SIZE] = {3};
    struct store_session session = {0};

    assert_int_equal(store_session_check_member(*state, annas, ROOM, &session), ERR_NONE);
    assert_true(session.user_id == ANNA);
    assert_string_equal(session.username, "Anna");
    assert_true(session.expires_at_us > 0);
    assert_int_equal(store_session_check_member(*state, nobodys, ROOM, &session), ERR_NO_ROW);
    assert_int_equal(store_session_check_member(*state, nobodys, 12345, &session), ERR_NO_ROW);
    assert_int_equal(store_session_check_member(*state, berts, ROOM, &session), ERR_NOT_A_MEMBER);
    assert_true(session.user_id == BERT);
    assert_int_equal(store_session_check_member(*state, annas, REMOVED, &session),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(store_session_check_member(*state, annas, 12345, &session),
                     ERR_ROOM_NOT_FOUND);
}

static void test_an_empty_log(void **state)
{
    struct store_session session;
    uint64_t head = 99;

    assert_int_equal(store_admit_session(*state, annas, EMPTY_ROOM, &session, &head), ERR_NONE);
    assert_true(head == 0);
    head = 99;
    assert_int_equal(store_admit_user(*state, ANNA, EMPTY_ROOM, &head), ERR_NONE);
    assert_true(head == 0);
}

static void test_others(void **state)
{
    static const uint8_t nobodys[DIGEST_SHA256_SIZE] = {3};
    struct store_session session;
    uint64_t head = 0;

    assert_int_equal(store_admit_session(*state, nobodys, ROOM, &session, &head), ERR_NO_ROW);
    assert_int_equal(store_admit_session(*state, berts, ROOM, &session, &head), ERR_NOT_A_MEMBER);
    assert_true(session.user_id == BERT);
    assert_int_equal(store_admit_session(*state, annas, REMOVED, &session, &head),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(store_admit_session(*state, annas, 12345, &session, &head),
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(store_admit_user(*state, BERT, ROOM, &head), ERR_NOT_A_MEMBER);
    assert_int_equal(store_admit_user(*state, ANNA, REMOVED, &head), ERR_ROOM_NOT_FOUND);
    assert_int_equal(store_admit_user(*state, ANNA, 12345, &head), ERR_ROOM_NOT_FOUND);
}

static uint64_t rows_walked(struct db *db)
{
    return database_number(
        db, "SELECT CAST(SUM(VARIABLE_VALUE) AS UNSIGNED) FROM information_schema.SESSION_STATUS "
            "WHERE VARIABLE_NAME IN ('HANDLER_READ_NEXT', 'HANDLER_READ_PREV')");
}

/* The head is the end of an index; a plan that walks the log would be slow in long rooms only. */
static void test_a_long_log_costs_nothing(void **state)
{
    struct store_session session;
    uint64_t head, before = rows_walked(*state);

    assert_int_equal(store_admit_session(*state, annas, ROOM, &session, &head), ERR_NONE);
    assert_int_equal(store_admit_user(*state, ANNA, ROOM, &head), ERR_NONE);
    assert_true(rows_walked(*state) - before < 100);
}

/* ---- many at once ---- */

#define MANY STORE_ADMISSIONS_MAX

static const uint8_t nobodys_token[DIGEST_SHA256_SIZE] = {3};

/* Any question: of a token or a user, of a room that there is or is not, or of none. */
static struct store_admission any_question(unsigned *seed)
{
    static const uint8_t *const tokens[] = {NULL, annas, berts, nobodys_token};
    static const uint64_t rooms[] = {ROOM, REMOVED, EMPTY_ROOM, 12345, 0};
    struct store_admission asked = {.token_hash = tokens[rand_r(seed) % 4],
                                    .room_id = rooms[rand_r(seed) % 5]};

    asked.wants_room = asked.token_hash == NULL || rand_r(seed) % 4 > 0;
    asked.wants_head = rand_r(seed) % 2 == 0;
    if (asked.token_hash == NULL)
        asked.user_id = rand_r(seed) % 2 == 0 ? ANNA : BERT;
    return asked;
}

/* A batch says of each what it is told alone. */
static void test_many_are_as_one(void **state)
{
    struct store_admission many[MANY], alone;
    struct store_admission *asked[MANY], *one = &alone;
    unsigned seed = 3;

    for (size_t round = 0; round < 200; round++) {
        size_t count = 1 + (size_t)rand_r(&seed) % MANY;

        for (size_t i = 0; i < count; i++) {
            many[i] = any_question(&seed);
            asked[i] = &many[i];
        }
        store_admit(*state, asked, count);
        for (size_t i = 0; i < count; i++) {
            alone = (struct store_admission){.token_hash = many[i].token_hash,
                                             .user_id = many[i].user_id,
                                             .wants_room = many[i].wants_room,
                                             .wants_head = many[i].wants_head,
                                             .room_id = many[i].room_id};
            store_admit(*state, &one, 1);
            assert_int_equal(many[i].err, alone.err);
            if (alone.err == ERR_NONE && many[i].wants_head)
                assert_true(many[i].head == alone.head);
            if (alone.err == ERR_NONE && alone.token_hash != NULL) {
                assert_true(many[i].session.user_id == alone.session.user_id);
                assert_true(many[i].session.expires_at_us == alone.session.expires_at_us);
                assert_string_equal(many[i].session.username, alone.session.username);
            }
        }
    }
}

static void test_many_in_a_long_log_cost_a_row_each(void **state)
{
    struct store_admission many[MANY];
    struct store_admission *asked[MANY];
    uint64_t before = rows_walked(*state);

    for (size_t i = 0; i < MANY; i++) {
        many[i] = (struct store_admission){.token_hash = i % 2 == 0 ? annas : berts,
                                           .wants_room = true,
                                           .room_id = ROOM,
                                           .wants_head = true};
        asked[i] = &many[i];
    }
    store_admit(*state, asked, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(many[i].err, i % 2 == 0 ? ERR_NONE : ERR_NOT_A_MEMBER);
    assert_true(rows_walked(*state) - before < 200);
}

static void test_after_the_session(void **state)
{
    struct store_session session;
    uint64_t head;

    assert_int_equal(store_user_delete(*state, ANNA), ERR_NONE);
    assert_int_equal(store_admit_session(*state, annas, ROOM, &session, &head), ERR_NO_ROW);
    assert_int_equal(store_session_check_member(*state, annas, ROOM, &session), ERR_NO_ROW);
    assert_int_equal(store_session_delete(*state, berts), ERR_NONE);
    assert_int_equal(store_admit_session(*state, berts, ROOM, &session, &head), ERR_NO_ROW);
}

static const char carl[] = "REPLACE INTO users (id, username, password_hash, created_at_us) "
                           "VALUES (3, 'Carl', 'hash', 1)";

/* A login whose password is being checked while an operator shuts the account, or changes the
 * password: what it proved does not hold any more. */
static void test_a_login_that_was_overtaken(void **state)
{
    struct db *db = *state;
    const uint64_t id = CARL;
    struct store_session session;
    uint8_t token[DIGEST_SHA256_SIZE] = {1};

    database_script(db, carl);
    assert_int_equal(store_admin_disable(db, id), ERR_NONE);
    assert_int_equal(store_session_create(db, token, id, "hash", 60), ERR_NO_ROW);
    assert_int_equal(store_admin_enable(db, id), ERR_NONE);
    assert_int_equal(store_session_find(db, token, &session), ERR_NO_ROW);
    assert_int_equal(store_admin_set_password(db, id, "another"), ERR_NONE);
    assert_int_equal(store_session_create(db, token, id, "hash", 60), ERR_NO_ROW);
    assert_int_equal(store_session_find(db, token, &session), ERR_NO_ROW);
    assert_int_equal(store_session_create(db, token, id, "another", 60), ERR_NONE);
    assert_int_equal(store_session_find(db, token, &session), ERR_NONE);
}

/* The operator's transaction has deleted the sessions, and is not over: the login must wait for its
 * end instead of going by the row as it was. */
static void test_a_login_in_the_middle_of_a_change(void **state)
{
    struct db *db = *state;
    const uint64_t id = CARL;
    struct db *login = database_connect(url);
    uint8_t token[DIGEST_SHA256_SIZE] = {1};

    database_script(db, carl);
    assert_int_equal(db_run(login, "SET SESSION innodb_lock_wait_timeout = 0", NULL, 0), ERR_NONE);
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(DB_RUN(db, "UPDATE users SET disabled_at_us = 1 WHERE id = ?", db_u64(id)),
                     ERR_NONE);
    assert_int_equal(store_session_create(login, token, id, "hash", 60), ERR_DB_RETRY);
    assert_int_equal(db_commit(db), ERR_NONE);
    assert_int_equal(store_session_create(login, token, id, "hash", 60), ERR_NO_ROW);
    db_destroy(&login);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member),
        cmocka_unit_test(test_a_session_and_its_membership),
        cmocka_unit_test(test_an_empty_log),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_a_long_log_costs_nothing),
        cmocka_unit_test(test_many_are_as_one),
        cmocka_unit_test(test_many_in_a_long_log_cost_a_row_each),
        cmocka_unit_test(test_after_the_session),
        cmocka_unit_test(test_a_login_that_was_overtaken),
        cmocka_unit_test(test_a_login_in_the_middle_of_a_change),
    };
    int failed;

    url = database_url_of(DATABASE);
    failed = DATABASE_RUN(tests, make_schema, drop_schema);
    mem_free(url);
    return failed;
}
