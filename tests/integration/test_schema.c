// needs: common/schema common/schema_lease gen/migrations common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check

/* Migrations: once each, by whoever comes first, and never over what does not fit. */
#include "common/schema.h"

#include "common/clock.h"
#include "common/log.h"
#include "database.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DATABASE   "banter_test_schema"
#define TEXT(text) (const unsigned char *)(text), sizeof(text) - 1

static char *url;

static int setup(void **state ATTR_UNUSED)
{
    database_make(DATABASE);
    return 0;
}

static int teardown(void **state ATTR_UNUSED)
{
    database_drop(DATABASE);
    return 0;
}

static void migrate_ok(const struct schema_migration *migrations, size_t count)
{
    char error[512];

    if (schema_migrate_list(url, migrations, count, 60000, error, sizeof(error)) != ERR_NONE)
        fail_msg("%s", error);
}

static void migrate_refused(const struct schema_migration *migrations, size_t count,
                            const char *says)
{
    char error[512] = "";

    enum err err = schema_migrate_list(url, migrations, count, 60000, error, sizeof(error));

    assert_true(err != ERR_NONE && err != ERR_DATABASE_UNAVAILABLE);
    if (strstr(error, says) == NULL)
        fail_msg("'%s' does not say '%s'", error, says);
}

static uint64_t number(const char *sql)
{
    struct db *db = database_connect(url);
    uint64_t result = database_number(db, sql);

    db_destroy(&db);
    return result;
}

static void script(const char *text)
{
    struct db *db = database_connect(url);

    database_script(db, text);
    db_destroy(&db);
}

static void test_the_real_schema(void **state ATTR_UNUSED)
{
    uint64_t epoch;

    assert_true(schema_version_known() >= 1);
    assert_int_equal(schema_version_known(), schema_migration_count);
    migrate_ok(schema_migrations, schema_migration_count);
    epoch = number("SELECT value FROM meta WHERE name = 'epoch'");
    assert_true(epoch > 0 && epoch < UINT64_C(1) << 53);
    migrate_ok(schema_migrations, schema_migration_count);
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations"), schema_migration_count);
    assert_int_equal(number("SELECT value FROM meta WHERE name = 'epoch'"), epoch);
    assert_int_equal(number("SELECT COUNT(*) FROM information_schema.tables "
                            "WHERE table_schema = DATABASE() AND table_name IN "
                            "('meta', 'users', 'sessions', 'rooms', 'room_members', 'events', "
                            "'broker_leases')"),
                     7);
}

/* What a crash in the middle leaves behind: every part of it may run again. */
static void test_the_real_schema_may_run_twice(void **state ATTR_UNUSED)
{
    uint64_t epoch;

    migrate_ok(schema_migrations, schema_migration_count);
    epoch = number("SELECT value FROM meta WHERE name = 'epoch'");
    script("DELETE FROM schema_migrations; DROP TABLE events; DROP TABLE broker_leases");
    migrate_ok(schema_migrations, schema_migration_count);
    assert_int_equal(number("SELECT COUNT(*) FROM events"), 0);
    assert_int_equal(number("SELECT value FROM meta WHERE name = 'epoch'"), epoch);
}

static const struct schema_migration slow[] = {
    {1, "one",
     TEXT("CREATE TABLE IF NOT EXISTS runs (version INT NOT NULL) ENGINE=InnoDB;"
          "INSERT INTO runs VALUES (1); SELECT SLEEP(0.4);")},
    {2, "two", TEXT("INSERT INTO runs VALUES (2); DO SLEEP(0.4)")},
    {3, "three", TEXT("-- a comment at the end\nINSERT INTO runs VALUES (3);\n-- so\n")},
};

static pid_t start_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        char error[512] = "";
        enum err err = schema_migrate_list(url, slow, ARRAY_LEN(slow), 60000, error, sizeof(error));

        if (err != ERR_NONE)
            fprintf(stderr, "%s\n", error);
        _exit(err == ERR_NONE ? 0 : 1);
    }
    assert_true(pid > 0);
    return pid;
}

static void test_four_processes_at_once(void **state ATTR_UNUSED)
{
    pid_t children[4];
    int status;

    for (size_t i = 0; i < ARRAY_LEN(children); i++)
        children[i] = start_child();
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(number("SELECT COUNT(*) FROM runs"), 3);
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations"), 3);
}

/* The one who migrates is killed: another goes on when the lease has ended, from the start of the
 * migration that was cut off. */
static void test_takes_over_from_the_dead(void **state ATTR_UNUSED)
{
    pid_t child = start_child();
    uint64_t deadline = clock_mono_ms() + 10000;
    uint64_t started_ms;

    while (number("SELECT COUNT(*) FROM information_schema.tables "
                  "WHERE table_schema = DATABASE() AND table_name = 'runs'") == 0)
        assert_true(clock_mono_ms() < deadline);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    script("UPDATE schema_lock SET expires_at = NOW(6) + INTERVAL 1 SECOND");
    started_ms = clock_mono_ms();
    migrate_ok(slow, ARRAY_LEN(slow));
    assert_true(clock_mono_ms() - started_ms >= 900);
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations"), 3);
    assert_true(number("SELECT COUNT(*) FROM runs WHERE version = 1") >= 1);
    assert_int_equal(number("SELECT COUNT(*) FROM runs WHERE version = 3"), 1);
}

static void test_a_newer_schema_is_refused(void **state ATTR_UNUSED)
{
    migrate_ok(slow, 3);
    migrate_refused(slow, 1, "the database has schema 3, this program knows 1: update the program");
    migrate_ok(slow, 3);
}

static void test_a_changed_migration_is_refused(void **state ATTR_UNUSED)
{
    static const struct schema_migration changed[] = {
        {1, "one", TEXT("SELECT 1")},
        {2, "two", TEXT("SELECT 2")},
    };

    migrate_ok(slow, 1);
    migrate_refused(changed, 2, "migration 1 (one) was applied with another text");
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations"), 1);
}

static void test_a_missing_row_is_refused(void **state ATTR_UNUSED)
{
    migrate_ok(slow, 3);
    script("DELETE FROM schema_migrations WHERE version = 2");
    migrate_refused(slow, 3, "has migration 3 but not 2");
}

static void test_a_failing_migration_names_itself(void **state ATTR_UNUSED)
{
    static const struct schema_migration failing[] = {
        {1, "good", TEXT("CREATE TABLE IF NOT EXISTS runs (version INT NOT NULL)")},
        {2, "bad", TEXT("INSERT INTO runs VALUES (2); INSERT INTO nowhere VALUES (2)")},
    };
    static const struct schema_migration fixed[] = {
        {1, "good", TEXT("CREATE TABLE IF NOT EXISTS runs (version INT NOT NULL)")},
        {2, "bad", TEXT("INSERT INTO runs VALUES (2)")},
    };

    migrate_refused(failing, 2, "migration 2 (bad) failed: Table");
    assert_int_equal(number("SELECT COUNT(*) FROM schema_migrations"), 1);
    /* The lease was given back: no waiting. */
    migrate_refused(failing, 2, "migration 2 (bad) failed: Table");
    migrate_ok(fixed, 2);
    assert_int_equal(number("SELECT COUNT(*) FROM runs"), 3);
}

static void test_a_bad_url_is_refused(void **state ATTR_UNUSED)
{
    char error[512] = "";

    assert_int_equal(schema_migrate("http://nowhere", error, sizeof(error)), ERR_VALIDATION);
    assert_non_null(strstr(error, "mysql://"));
}

/* Whoever wants to may go on waiting, and what went wrong before is not mixed up with it. */
static void test_a_database_that_is_away_is_told_apart(void **state ATTR_UNUSED)
{
    static const char nowhere[] = "mysql://banter@/banter?socket=/nonexistent/mariadb.sock";
    char error[512] = "";

    assert_int_equal(schema_migrate_list(nowhere, slow, ARRAY_LEN(slow), 600, error, sizeof(error)),
                     ERR_DATABASE_UNAVAILABLE);
    assert_string_equal(error, "the database cannot be reached");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_real_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_real_schema_may_run_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_four_processes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_takes_over_from_the_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_newer_schema_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_changed_migration_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_missing_row_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_failing_migration_names_itself, setup, teardown),
        cmocka_unit_test(test_a_bad_url_is_refused),
        cmocka_unit_test(test_a_database_that_is_away_is_told_apart),
    };
    int failed;

    url = database_url_of(DATABASE);
    failed = DATABASE_RUN(tests, NULL, NULL);
    mem_free(url);
    return failed;
}
