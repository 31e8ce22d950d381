// needs: common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check
/* Results with more rows than memory, against a real server. */
#include "database.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Rows that stay at the server: all come, long ones, too; the end is told from a break. */
static void test_stream(void **unused)
{
    static const char sql[] = "SELECT seq, REPEAT('x', seq) FROM seq_1_to_3000";
    struct db *db = database_connect(database_server());
    uint64_t rows = 0;

    (void)unused;
    assert_int_equal(db_stream(db, sql, NULL, 0), ERR_NONE);
    while (db_next(db)) {
        rows++;
        assert_int_equal(db_col_u64(db, 0), rows);
        assert_int_equal(db_col_bytes(db, 1).len, rows);
    }
    assert_int_equal(rows, 3000);
    assert_int_equal(db_stream_err(db), ERR_NONE);
    /* One that is left in the middle is no hindrance. */
    assert_int_equal(db_stream(db, sql, NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    assert_int_equal(db_run(db, "SELECT 7", NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    assert_int_equal(db_col_u64(db, 0), 7);
    assert_int_equal(db_stream(db, sql, NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    assert_int_equal(db_col_u64(db, 0), 1);
    db_destroy(&db);
}

static void test_stream_that_breaks(void **unused)
{
    static const char sql[] = "SELECT seq, REPEAT('x', 10000) FROM seq_1_to_30000";
    struct db *db = database_connect(database_server());
    struct db *other = database_connect(database_server());
    uint64_t rows = 0;
    char kill[64];
    char error[256] = "";

    (void)unused;
    assert_int_equal(db_run(db, "SELECT CONNECTION_ID()", NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    snprintf(kill, sizeof(kill), "KILL %llu", (unsigned long long)db_col_u64(db, 0));
    assert_int_equal(db_stream(db, sql, NULL, 0), ERR_NONE);
    assert_true(db_next(db));
    if (db_script(other, kill, strlen(kill), error, sizeof(error)) != ERR_NONE)
        fail_msg("%s", error);
    while (db_next(db))
        rows++;
    assert_true(rows < 30000 - 1);
    assert_int_equal(db_stream_err(db), ERR_DATABASE_UNAVAILABLE);
    db_destroy(&other);
    db_destroy(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_that_breaks),
    };

    return DATABASE_RUN(tests, NULL, NULL);
}
