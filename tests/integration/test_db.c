// needs: common/pool common/loop common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check

/* One connection against a real server: values both ways, errors, transactions, bulk inserts. */
#include "common/db.h"

#include "common/clock.h"
#include "common/digest.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/pool.h"
#include "database.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct db *db = database_connect(database_server());

    database_script(
        db, "DROP TABLE IF EXISTS test_db; CREATE TABLE test_db ("
            "id BIGINT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(64) NULL, data BLOB NULL, "
            "count BIGINT UNSIGNED NULL, UNIQUE KEY name (name)) "
            "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin");
    *state = db;
    return 0;
}

static int teardown(void **state)
{
    struct db *db = *state;

    database_script(db, "DROP TABLE IF EXISTS test_db");
    db_destroy(&db);
    assert_null(db);
    return 0;
}

static void insert(struct db *db, uint64_t id, const char *name)
{
    assert_int_equal(
        DB_RUN(db, "INSERT INTO test_db (id, name) VALUES (?, ?)", db_u64(id), db_text(name)),
        ERR_NONE);
}

static uint64_t count_rows(struct db *db)
{
    uint64_t count;

    assert_int_equal(db_run(db, "SELECT COUNT(*) FROM test_db", NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    count = db_col_u64(db, 0);
    assert_false(db_next(db));
    return count;
}

static uint64_t connection_id(struct db *db)
{
    uint64_t id;

    assert_int_equal(db_run(db, "SELECT CONNECTION_ID()", NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    id = db_col_u64(db, 0);
    assert_false(db_next(db));
    return id;
}

/* Ends another connection's session, and waits until it is gone from the list. */
static void kill_connection(struct db *killer, uint64_t id)
{
    assert_int_equal(DB_RUN(killer, "KILL ?", db_u64(id)), ERR_NONE);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(DB_RUN(killer,
                                "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?",
                                db_u64(id)),
                         ERR_NONE);
        assert_true(db_next(killer));
        if (db_col_u64(killer, 0) == 0)
            return;
    }
    fail_msg("the session does not end");
}

static void assert_span(struct span span, const void *data, size_t len)
{
    assert_non_null(span.data);
    assert_int_equal(span.len, len);
    assert_memory_equal(span.data, data, len);
}

static void test_values_both_ways(void **state)
{
    struct db *db = *state;
    uint8_t blob[300];
    const char *name = "Zo\xc3\xab \xf0\x9f\x98\x80 ' \\ \"";

    for (size_t i = 0; i < sizeof(blob); i++)
        blob[i] = (uint8_t)(i * 7);
    assert_int_equal(DB_RUN(db, "INSERT INTO test_db (id, name, data, count) VALUES (?, ?, ?, ?)",
                            db_u64(UINT64_MAX), db_text(name), db_bytes(blob, sizeof(blob)),
                            db_null()),
                     ERR_NONE);
    assert_int_equal(db_affected(db), 1);
    assert_int_equal(
        DB_RUN(db, "SELECT id, name, data, count, '' FROM test_db WHERE name = ?", db_text(name)),
        ERR_NONE);
    assert_true(db_next(db));
    assert_true(db_col_u64(db, 0) == UINT64_MAX);
    assert_span(db_col_bytes(db, 1), name, strlen(name));
    assert_span(db_col_bytes(db, 2), blob, sizeof(blob));
    assert_true(db_col_is_null(db, 3));
    assert_int_equal(db_col_u64(db, 3), 0);
    assert_span(db_col_bytes(db, 4), "", 0);
    assert_false(db_next(db));
    assert_false(db_next(db));
}

/* Long and short values in turn, so that the buffers grow in the middle of a result. */
static void test_values_of_all_lengths(void **state)
{
    static const char sql[] = "INSERT INTO test_db (id, data) VALUES (?, ?)";
    static const size_t lengths[] = {0, 1, 255, 256, 257, 5, 60000, 3, 256, 65535, 0};
    struct db *db = *state;
    uint8_t *data = mem_alloc(70000);

    digest_random(data, 70000);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        assert_int_equal(DB_RUN(db, sql, db_u64(i), db_bytes(data, lengths[i])), ERR_NONE);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(db_run(db, "SELECT data, id FROM test_db ORDER BY id", NULL, 0), ERR_NONE);
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            assert_true(db_next(db));
            assert_span(db_col_bytes(db, 0), data, lengths[i]);
            assert_int_equal(db_col_u64(db, 1), i);
        }
        assert_false(db_next(db));
    }
    mem_free(data);
}

static void test_a_result_may_be_left_unread(void **state)
{
    struct db *db = *state;

    insert(db, 1, "a");
    insert(db, 2, "b");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_run(db, "SELECT id FROM test_db ORDER BY id", NULL, 0), ERR_NONE);
        assert_true(db_next(db));
        assert_int_equal(db_col_u64(db, 0), 1);
    }
    assert_int_equal(count_rows(db), 2);
}

static void test_duplicates_name_their_key(void **state)
{
    static const char sql[] = "INSERT INTO test_db (id, name) VALUES (?, ?)";
    struct db *db = *state;

    insert(db, 1, "it's for key 'PRIMARY'");
    assert_int_equal(DB_RUN(db, sql, db_u64(1), db_text("x")), ERR_DB_DUPLICATE);
    assert_true(db_duplicate_key(db, "PRIMARY"));
    assert_false(db_duplicate_key(db, "name"));
    assert_int_equal(DB_RUN(db, sql, db_u64(2), db_text("it's for key 'PRIMARY'")),
                     ERR_DB_DUPLICATE);
    assert_true(db_duplicate_key(db, "name"));
    assert_false(db_duplicate_key(db, "PRIMARY"));
    assert_false(db_duplicate_key(db, "ame"));
}

static void test_affected_counts_matches(void **state)
{
    struct db *db = *state;

    insert(db, 1, "a");
    assert_int_equal(db_run(db, "UPDATE test_db SET name = 'a' WHERE id = 1", NULL, 0), ERR_NONE);
    assert_int_equal(db_affected(db), 1);
    assert_int_equal(db_run(db, "UPDATE test_db SET name = 'a' WHERE id = 2", NULL, 0), ERR_NONE);
    assert_int_equal(db_affected(db), 0);
}

static void test_transactions(void **state)
{
    struct db *db = *state;

    assert_int_equal(db_begin(db), ERR_NONE);
    insert(db, 1, "a");
    db_rollback(db);
    db_rollback(db);
    assert_int_equal(count_rows(db), 0);
    assert_int_equal(db_begin(db), ERR_NONE);
    insert(db, 1, "a");
    /* A duplicate leaves the rest of the transaction as it is. */
    assert_int_equal(db_run(db, "INSERT INTO test_db (id) VALUES (1)", NULL, 0), ERR_DB_DUPLICATE);
    insert(db, 2, "b");
    assert_int_equal(db_commit(db), ERR_NONE);
    assert_int_equal(count_rows(db), 2);
}

/* A fence must see what others committed meanwhile. */
static void test_transactions_read_what_is_committed(void **state)
{
    struct db *db = *state;
    struct db *other = database_connect(database_server());

    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(count_rows(db), 0);
    insert(other, 1, "a");
    assert_int_equal(count_rows(db), 1);
    assert_int_equal(db_commit(db), ERR_NONE);
    assert_int_equal(
        db_run(db, "SELECT @@time_zone, @@innodb_lock_wait_timeout, @@autocommit", NULL, 0),
        ERR_NONE);
    assert_true(db_next(db));
    assert_span(db_col_bytes(db, 0), "+00:00", 6);
    assert_int_equal(db_col_u64(db, 1), 5);
    assert_int_equal(db_col_u64(db, 2), 1);
    db_destroy(&other);
}

static void test_a_failure_ends_the_transaction(void **state)
{
    struct db *db = *state;

    assert_int_equal(db_begin(db), ERR_NONE);
    insert(db, 1, "a");
    assert_int_equal(db_run(db, "INSERT INTO no_such_table VALUES (1)", NULL, 0), ERR_DB_FAILED);
    assert_int_equal(db_run(db, "SELECT 1", NULL, 0), ERR_DB_FAILED);
    assert_int_equal(db_commit(db), ERR_DB_FAILED);
    db_rollback(db);
    assert_int_equal(count_rows(db), 0);
}

static void test_too_long_is_an_error_not_a_cut(void **state)
{
    struct db *db = *state;
    char name[66];

    memset(name, 'x', sizeof(name) - 1);
    name[65] = '\0';
    assert_int_equal(DB_RUN(db, "INSERT INTO test_db (id, name) VALUES (1, ?)", db_text(name)),
                     ERR_DB_FAILED);
    assert_int_equal(count_rows(db), 0);
}

static void test_deadlock_may_be_repeated(void **state)
{
    static const char lock[] = "UPDATE test_db SET count = 1 WHERE id = ?";
    struct db *db = *state;
    struct db *other = database_connect(database_server());

    insert(db, 1, "a");
    assert_int_equal(db_run(other, "SET innodb_lock_wait_timeout = 0", NULL, 0), ERR_NONE);
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(DB_RUN(db, lock, db_u64(1)), ERR_NONE);
    assert_int_equal(db_begin(other), ERR_NONE);
    assert_int_equal(DB_RUN(other, lock, db_u64(1)), ERR_DB_RETRY);
    assert_int_equal(db_commit(other), ERR_DB_RETRY);
    db_rollback(other);
    assert_int_equal(db_commit(db), ERR_NONE);
    db_destroy(&other);
}

/* An idle connection that is gone costs nobody anything. */
static void test_idle_loss_is_not_noticed(void **state)
{
    struct db *db = *state;
    struct db *killer = database_connect(database_server());
    uint64_t id = connection_id(db);

    insert(db, 1, "a");
    kill_connection(killer, id);
    insert(db, 2, "b");
    assert_true(connection_id(db) != id);
    kill_connection(killer, connection_id(db));
    assert_int_equal(db_begin(db), ERR_NONE);
    insert(db, 3, "c");
    assert_int_equal(db_commit(db), ERR_NONE);
    assert_int_equal(count_rows(db), 3);
    db_destroy(&killer);
}

static void test_loss_inside_a_transaction_changed_nothing(void **state)
{
    struct db *db = *state;
    struct db *killer = database_connect(database_server());

    assert_int_equal(db_begin(db), ERR_NONE);
    insert(db, 1, "a");
    kill_connection(killer, connection_id(db));
    assert_int_equal(db_run(db, "INSERT INTO test_db (id) VALUES (2)", NULL, 0),
                     ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(db_commit(db), ERR_DATABASE_UNAVAILABLE);
    db_rollback(db);
    assert_int_equal(count_rows(db), 0);
    db_destroy(&killer);
}

static void test_loss_at_commit_is_uncertain(void **state)
{
    struct db *db = *state;
    struct db *killer = database_connect(database_server());

    assert_int_equal(db_begin(db), ERR_NONE);
    insert(db, 1, "a");
    kill_connection(killer, connection_id(db));
    assert_int_equal(db_commit(db), ERR_DB_UNCERTAIN);
    db_rollback(db);
    assert_int_equal(count_rows(db), 0);
    db_destroy(&killer);
}

/* A change that is cut off while it runs. */
static void test_loss_of_a_change_is_uncertain(void **state)
{
    struct db *db = *state;

    assert_int_equal(db_run(db, "KILL CONNECTION_ID()", NULL, 0), ERR_DB_UNCERTAIN);
    assert_int_equal(count_rows(db), 0);
}

static void test_bulk(void **state)
{
    enum { ROWS = 1000 };
    static const char sql[] = "INSERT INTO test_db (id, name, data, count) VALUES (?, ?, ?, ?)";
    struct db *db = *state;
    static uint64_t ids[ROWS], counts[ROWS];
    static struct span names[ROWS], data[ROWS];
    static bool nulls[ROWS];
    static char texts[ROWS][16];
    uint8_t *large = mem_alloc(9000);
    const struct db_column columns[] = {
        {.type = DB_U64, .numbers = ids},
        {.type = DB_BYTES, .bytes = names},
        {.type = DB_BYTES, .bytes = data, .nulls = nulls},
        {.type = DB_U64, .numbers = counts, .nulls = nulls},
    };

    digest_random(large, 9000);
    for (size_t i = 0; i < ROWS; i++) {
        ids[i] = UINT64_MAX - i;
        counts[i] = i * i;
        names[i] = (struct span){(uint8_t *)texts[i], (size_t)snprintf(texts[i], sizeof(texts[i]),
                                                                       "\xf0\x9f\x98\x80%zu", i)};
        nulls[i] = i % 3 == 0;
        /* Nine megabytes in all: several pieces. */
        data[i] = (struct span){large, i % 9001};
    }
    data[1] = (struct span){NULL, 0};
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(db_bulk(db, sql, columns, ARRAY_LEN(columns), ROWS), ERR_NONE);
    assert_int_equal(db_affected(db), ROWS);
    assert_int_equal(db_commit(db), ERR_NONE);
    assert_int_equal(
        db_run(db, "SELECT id, name, data, count FROM test_db ORDER BY id DESC", NULL, 0),
        ERR_NONE);
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(db_next(db));
        assert_true(db_col_u64(db, 0) == ids[i]);
        assert_span(db_col_bytes(db, 1), texts[i], strlen(texts[i]));
        assert_int_equal(db_col_is_null(db, 2), nulls[i]);
        assert_int_equal(db_col_is_null(db, 3), nulls[i]);
        if (nulls[i])
            continue;
        assert_span(db_col_bytes(db, 2), large, data[i].len);
        assert_int_equal(db_col_u64(db, 3), counts[i]);
    }
    assert_false(db_next(db));
    /* The same statement again, with a repeat in the middle: nothing stays. */
    for (size_t i = 0; i < ROWS; i++) {
        ids[i] = i;
        snprintf(texts[i], sizeof(texts[i]), "x%07zu", i);
        names[i].len = 8;
    }
    ids[700] = UINT64_MAX;
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(db_bulk(db, sql, columns, ARRAY_LEN(columns), ROWS), ERR_DB_DUPLICATE);
    assert_true(db_duplicate_key(db, "PRIMARY"));
    db_rollback(db);
    assert_int_equal(count_rows(db), ROWS);
    /* One row at a time through the same statement. */
    assert_int_equal(DB_RUN(db, sql, db_u64(5), db_null(), db_text("x"), db_u64(7)), ERR_NONE);
    assert_int_equal(db_bulk(db, sql, columns, ARRAY_LEN(columns), 0), ERR_NONE);
    assert_int_equal(count_rows(db), ROWS + 1);
    mem_free(large);
}

/* Without a transaction as well, in one exchange with the server and in several. */
static void test_bulk_is_all_or_nothing(void **state)
{
    enum { ROWS = 1000, FEW = 100 };
    static const char sql[] = "INSERT INTO test_db (id, data) VALUES (?, ?)";
    struct db *db = *state;
    static uint64_t ids[ROWS];
    static struct span data[ROWS];
    static uint8_t large[4000];
    const struct db_column columns[] = {{.type = DB_U64, .numbers = ids},
                                        {.type = DB_BYTES, .bytes = data}};

    for (size_t i = 0; i < ROWS; i++) {
        ids[i] = i + 1;
        data[i] = (struct span){large, sizeof(large)};
    }
    ids[FEW - 1] = 1;
    assert_int_equal(db_bulk(db, sql, columns, ARRAY_LEN(columns), FEW), ERR_DB_DUPLICATE);
    assert_int_equal(count_rows(db), 0);
    ids[FEW - 1] = FEW;
    ids[ROWS - 1] = 1;
    assert_int_equal(db_bulk(db, sql, columns, ARRAY_LEN(columns), ROWS), ERR_DB_DUPLICATE);
    assert_int_equal(count_rows(db), 0);
    ids[ROWS - 1] = ROWS;
    assert_int_equal(db_bulk(db, sql, columns, ARRAY_LEN(columns), ROWS), ERR_NONE);
    assert_int_equal(db_affected(db), ROWS);
    assert_int_equal(count_rows(db), ROWS);
}

/* Prints what this machine does; asserts only that every row is there. */
static void test_bulk_rate(void **state)
{
    enum { ROWS = 1000, BATCHES = 30 };
    struct db *db = *state;
    static uint64_t ids[ROWS], zeros[ROWS];
    static struct span data[ROWS];
    const struct db_column columns[] = {{.type = DB_U64, .numbers = ids},
                                        {.type = DB_BYTES, .bytes = data},
                                        {.type = DB_U64, .numbers = zeros}};
    uint64_t started = clock_mono_us();
    uint64_t took;

    for (size_t i = 0; i < ROWS; i++)
        data[i] = (struct span){(const uint8_t *)"0123456789012345678901234567890123456789"
                                                 "012345678901234567890123456789012345678901",
                                80};
    for (uint64_t batch = 0; batch < BATCHES; batch++) {
        for (uint64_t i = 0; i < ROWS; i++)
            ids[i] = batch * ROWS + i;
        assert_int_equal(db_begin(db), ERR_NONE);
        assert_int_equal(db_bulk(db, "INSERT INTO test_db (id, data, count) VALUES (?, ?, ?)",
                                 columns, ARRAY_LEN(columns), ROWS),
                         ERR_NONE);
        assert_int_equal(db_commit(db), ERR_NONE);
    }
    took = clock_mono_us() - started;
    print_message("bulk insert: %llu rows/s, %u a batch\n",
                  (unsigned long long)((uint64_t)ROWS * BATCHES * 1000000 / took), (unsigned)ROWS);
    assert_int_equal(count_rows(db), (uint64_t)ROWS * BATCHES);
}

static void test_scripts(void **state)
{
    static const char bad[] = "INSERT INTO test_db (id) VALUES (1); SELECT 1; "
                              "INSERT INTO test_db (id) VALUES (1); "
                              "INSERT INTO test_db (id) VALUES (2)";
    struct db *db = *state;
    char error[256] = "";

    assert_int_equal(db_script(db, bad, sizeof(bad) - 1, error, sizeof(error)), ERR_DB_DUPLICATE);
    assert_non_null(strstr(error, "1062"));
    assert_int_equal(count_rows(db), 1);
    /* Outside of scripts one statement is one statement. */
    assert_int_equal(db_run(db, "SELECT 1; SELECT 2", NULL, 0), ERR_DB_FAILED);
}

static void test_an_absent_server_is_told_at_once(void **state ATTR_UNUSED)
{
    char error[160];
    struct db *db =
        db_create("mysql://nobody@/none?socket=/nonexistent/banter.sock", error, sizeof(error));
    uint64_t started = clock_mono_ms();

    assert_non_null(db);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(db_run(db, "SELECT 1", NULL, 0), ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(db_begin(db), ERR_DATABASE_UNAVAILABLE);
    db_rollback(db);
    assert_true(clock_mono_ms() - started < 1000);
    db_destroy(&db);
}

struct sum_job {
    struct pool_job base;
    uint64_t number;
    uint64_t result;
    unsigned *done;
};

static void run_sum(struct pool_job *base, struct db *db)
{
    struct sum_job *job = CONTAINER_OF(base, struct sum_job, base);

    if (DB_RUN(db, "SELECT CAST(? AS UNSIGNED) + 1", db_u64(job->number)) == ERR_NONE &&
        db_next(db))
        job->result = db_col_u64(db, 0);
}

static void done_sum(struct pool_job *base)
{
    struct sum_job *job = CONTAINER_OF(base, struct sum_job, base);

    ++*job->done;
}

/* Each thread of a pool has a connection of its own. */
static void test_a_pool_of_connections(void **state ATTR_UNUSED)
{
    enum { JOBS = 1000 };
    struct loop *loop = loop_create();
    const struct pool_options options = {"db", 4, JOBS, database_server(), NULL};
    struct pool *pool = pool_create(loop, &options);
    struct sum_job *jobs = mem_alloc_array(JOBS, sizeof(*jobs));
    uint64_t deadline = clock_mono_ms() + 10000;
    unsigned done = 0;

    for (uint64_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct sum_job){.base = {.run = run_sum, .done = done_sum}, .number = i};
        jobs[i].done = &done;
        assert_true(pool_submit(pool, &jobs[i].base));
    }
    while (done < JOBS && clock_mono_ms() < deadline)
        loop_turn(loop, 100);
    assert_int_equal(done, JOBS);
    for (uint64_t i = 0; i < JOBS; i++)
        assert_int_equal(jobs[i].result, i + 1);
    pool_destroy(&pool);
    loop_destroy(&loop);
    mem_free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_of_all_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_result_may_be_left_unread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_duplicates_name_their_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_affected_counts_matches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transactions_read_what_is_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_ends_the_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_long_is_an_error_not_a_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadlock_may_be_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_loss_is_not_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loss_inside_a_transaction_changed_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_loss_at_commit_is_uncertain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loss_of_a_change_is_uncertain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk_is_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scripts, setup, teardown),
        cmocka_unit_test(test_an_absent_server_is_told_at_once),
        cmocka_unit_test(test_a_pool_of_connections),
    };

    return DATABASE_RUN(tests, NULL, NULL);
}
