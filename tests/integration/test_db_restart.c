// needs: common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check

/* A connection whose server is killed and comes back. The server is this program's own: others use
 * the one of BANTER_TEST_DATABASE_URL at the same time. Runs from the top of the repository. */
#include "common/clock.h"
#include "database.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 30000

static char folder[64];

static void mariadb(const char *verb)
{
    char *command = mem_printf("sh deploy/mariadb.sh %s %s", verb, folder);

    assert_int_equal(system(command), 0);
    mem_free(command);
}

static void kill_server(void)
{
    char *path = mem_printf("%s/mariadb.pid", folder);
    FILE *file = fopen(path, "r");
    struct pollfd fd = {-1, POLLIN, 0};
    int pid = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    mem_free(path);
    assert_true(pid > 1);
    /* Readable when every thread is gone, and with the last of them its sockets. */
    fd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(fd.fd >= 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    close(fd.fd);
}

static int setup(void **state)
{
    char *url;
    struct db *db;

    snprintf(folder, sizeof(folder), "/tmp/banter-restart.XXXXXX");
    assert_non_null(mkdtemp(folder));
    mariadb("start");
    url = mem_printf("mysql://banter@/banter?socket=%s/mariadb.sock", folder);
    db = database_connect(url);
    mem_free(url);
    database_script(db, "CREATE TABLE kept (id BIGINT UNSIGNED NOT NULL PRIMARY KEY)");
    *state = db;
    return 0;
}

static int teardown(void **state)
{
    struct db *db = *state;
    char *command = mem_printf("rm -rf %s", folder);

    db_destroy(&db);
    mariadb("stop");
    assert_int_equal(system(command), 0);
    mem_free(command);
    return 0;
}

static enum err insert(struct db *db, uint64_t id)
{
    return DB_RUN(db, "INSERT INTO kept VALUES (?)", db_u64(id));
}

static enum err count(struct db *db, uint64_t *count_out)
{
    enum err err = db_run(db, "SELECT COUNT(*) FROM kept", NULL, 0);

    if (err == ERR_NONE && db_next(db))
        *count_out = db_col_u64(db, 0);
    return err;
}

static void insert_soon(struct db *db, uint64_t id)
{
    uint64_t deadline = clock_mono_ms() + PATIENCE_MS;
    const struct timespec pause = {0, 10000000};
    enum err err;

    while ((err = insert(db, id)) == ERR_DATABASE_UNAVAILABLE && clock_mono_ms() < deadline)
        nanosleep(&pause, NULL);
    assert_int_equal(err, ERR_NONE);
}

static void test_killed_while_idle(void **state)
{
    struct db *db = *state;
    uint64_t rows = 0;
    uint64_t started_ms;

    assert_int_equal(insert(db, 1), ERR_NONE);
    assert_int_equal(count(db, &rows), ERR_NONE);
    kill_server();
    started_ms = clock_mono_ms();
    /* Not uncertain: nothing was sent. And none of them waits. */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(insert(db, 2), ERR_DATABASE_UNAVAILABLE);
        assert_int_equal(count(db, &rows), ERR_DATABASE_UNAVAILABLE);
        assert_int_equal(db_begin(db), ERR_DATABASE_UNAVAILABLE);
    }
    assert_true(clock_mono_ms() - started_ms < 1000);
    mariadb("start");
    /* The same statements, prepared anew. */
    insert_soon(db, 3);
    assert_int_equal(count(db, &rows), ERR_NONE);
    assert_int_equal(rows, 2);
}

static void test_killed_in_a_transaction(void **state)
{
    struct db *db = *state;
    uint64_t before = 0;
    uint64_t after = 0;

    assert_int_equal(count(db, &before), ERR_NONE);
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(insert(db, 10), ERR_NONE);
    kill_server();
    assert_int_equal(insert(db, 11), ERR_DATABASE_UNAVAILABLE);
    mariadb("start");
    /* A new connection does not go on in the middle of what the old one lost. */
    assert_int_equal(insert(db, 12), ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(db_commit(db), ERR_DATABASE_UNAVAILABLE);
    db_rollback(db);
    insert_soon(db, 13);
    assert_int_equal(count(db, &after), ERR_NONE);
    assert_int_equal(after, before + 1);
}

static void test_killed_before_the_commit(void **state)
{
    struct db *db = *state;
    uint64_t before = 0;
    uint64_t after = 0;

    assert_int_equal(count(db, &before), ERR_NONE);
    assert_int_equal(db_begin(db), ERR_NONE);
    assert_int_equal(insert(db, 20), ERR_NONE);
    kill_server();
    assert_int_equal(db_commit(db), ERR_DB_UNCERTAIN);
    db_rollback(db);
    assert_int_equal(db_begin(db), ERR_DATABASE_UNAVAILABLE);
    mariadb("start");
    insert_soon(db, 21);
    assert_int_equal(count(db, &after), ERR_NONE);
    assert_int_equal(after, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_while_idle),
        cmocka_unit_test(test_killed_in_a_transaction),
        cmocka_unit_test(test_killed_before_the_commit),
    };
    int failed;

    db_library_init();
    failed = cmocka_run_group_tests(tests, setup, teardown);
    db_library_fini();
    return failed;
}
