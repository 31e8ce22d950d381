// needs: common/settings common/settings_file common/settings_check common/web_origins common/strbuf common/bus_sock common/loop common/log common/clock common/mem common/check common/networks common/bus_security common/bus_keys common/bus_monitor common/bus_told common/metrics common/map common/digest common/db_url tests/unit/settings_harness common/rate
/* settings: what comes from files: secrets, numbers, the file that --config names; reading it
 * again. */

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings_harness.h"

/* A file named by BANTER_X_FILE, with this in it. */
static const struct {
    const char *name;
    const char *file; /* its content; NULL: no file is named */
    const char *variable;
    const char *flag;
    const char *expected;
} secrets[] = {
    {"a file", "mysql://a:b@c/d", NULL, NULL, "mysql://a:b@c/d"},
    {"a line break at its end", "mysql://a:b@c/d\n", NULL, NULL, "mysql://a:b@c/d"},
    {"more space at its end", "mysql://a:b@c/d \r\n\n", NULL, NULL, "mysql://a:b@c/d"},
    {"the variable beside it", "mysql://a:b@c/d", "mysql://v@h/n", NULL, "mysql://v@h/n"},
    {"an empty variable beside it", "mysql://a:b@c/d", "", NULL, "mysql://a:b@c/d"},
    {"a flag beside it", "mysql://a:b@c/d", NULL, "--database-url=mysql://f@h/n", "mysql://f@h/n"},
    {"an empty variable alone", NULL, "", "--run-dir=/r",
     "mysql://banter@/banter?socket=/r/mariadb/mariadb.sock"},
};

static void test_secret_files(void **unused)
{
    FILE *file = tmpfile();
    int fd = fileno(file);
    char path[32];

    (void)unused;
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        const char *flags[] = {secrets[i].flag, NULL};
        struct outcome o;

        assert_int_equal(ftruncate(fd, 0), 0);
        if (secrets[i].file != NULL) {
            assert_true(pwrite(fd, secrets[i].file, strlen(secrets[i].file), 0) > 0);
            setenv("BANTER_DATABASE_URL_FILE", path, 1);
        }
        if (secrets[i].variable != NULL)
            setenv("BANTER_DATABASE_URL", secrets[i].variable, 1);
        load(&o, SETTINGS_GATEWAY, flags);
        if (o.result != SETTINGS_RUN || strcmp(o.settings.database_url, secrets[i].expected) != 0)
            fail_msg("%s gave %s", secrets[i].name, o.settings.database_url);
        settings_fini(&o.settings);
        clear(NULL);
    }
    fclose(file);
}

/* A file of settings that can be read by its path. */
static FILE *config_file(const char *content, char path[32])
{
    FILE *file = tmpfile();

    assert_int_equal(fputs(content, file) >= 0 && fflush(file) == 0, true);
    snprintf(path, 32, "/dev/fd/%d", fileno(file));
    return file;
}

/* What is wrong in a file is said with its line. */
static const struct {
    const char *name;
    const char *content;
    const char *says[2]; /* after the file's name */
} bad_files[] = {
    {"an unknown name", "# x\nBANTER_WORKRES=2\n", {":2: BANTER_WORKRES: there is no such"}},
    {"a name without the prefix", "WORKERS=2", {":1: WORKERS: there is no such"}},
    {"a bad number", "\n\nBANTER_WORKERS=two", {":3: BANTER_WORKERS: \"two\"", "from 0 to 256"}},
    {"a bad number for another program", "BANTER_WRITERS=0", {":1: BANTER_WRITERS: \"0\""}},
    {"a bad number that the environment hides", "BANTER_PING_MS=1", {":1: BANTER_PING_MS: \"1\""}},
    {"a bad address",
     "\nBANTER_LISTEN=8000",
     {":2: BANTER_LISTEN: \"8000\" is not usable: host:port"}},
    {"a bad database", "BANTER_DATABASE_URL=x:secret@", {":1: BANTER_DATABASE_URL: mysql://user"}},
    {"no equals sign", "BANTER_WORKERS 2", {":1: NAME=value is needed."}},
    {"no name", "=2", {":1: a name has letters"}},
    {"export", "export BANTER_WORKERS=2", {":1: a name has letters"}},
    {"one quote", "BANTER_RUN_DIR=\"/x", {":1: quotes are needed at both ends"}},
    {"a quote between quotes", "BANTER_RUN_DIR='/x'y'", {":1: quotes are needed"}},
    {"a line that goes on", "BANTER_RUN_DIR=/x\\\n/y", {":1: a value ends with its line"}},
    {"twice", "BANTER_WORKERS=1\nBANTER_WORKERS=2", {":2: BANTER_WORKERS: it is set in line 1"}},
    {"twice, once by a file", "BANTER_WORKERS=1\nBANTER_WORKERS_FILE=/x", {":2:", "in line 1"}},
    {"another file", "BANTER_CONFIG=/x", {":1: BANTER_CONFIG: a file cannot name another"}},
    {"a secret that is not there",
     "BANTER_WORKERS_FILE=/nonexistent",
     {":1: BANTER_WORKERS_FILE: cannot"}},
};

static void test_bad_files(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bad_files); i++) {
        struct outcome o;
        char path[32];
        FILE *file = config_file(bad_files[i].content, path);
        char *end;

        setenv("BANTER_CONFIG", path, 1);
        setenv("BANTER_PING_MS", "1000", 1);
        load(&o, SETTINGS_GATEWAY, NULL);
        if (o.result != SETTINGS_BAD)
            fail_msg("%s was taken", bad_files[i].name);
        end = strchr(o.err, '\n');
        if (end == NULL || end[1] != '\0' || end[-1] != '.' ||
            strncmp(o.err, path, strlen(path)) != 0)
            fail_msg("%s: not one sentence: %s", bad_files[i].name, o.err);
        for (size_t j = 0; j < 2 && bad_files[i].says[j] != NULL; j++)
            if (strstr(o.err, bad_files[i].says[j]) == NULL)
                fail_msg("%s: \"%s\" is not in %s", bad_files[i].name, bad_files[i].says[j], o.err);
        assert_null(strstr(o.err, "secret"));
        settings_fini(&o.settings);
        fclose(file);
        clear(NULL);
    }
}

static void test_no_file(void **unused)
{
    static const char *const flags[] = {"--config", "/nonexistent/banter.conf", NULL};
    static const char *const help[] = {"--config=/nonexistent/banter.conf", "--help", NULL};
    struct outcome o;

    (void)unused;
    load(&o, SETTINGS_BROKER, flags);
    assert_int_equal(o.result, SETTINGS_BAD);
    assert_string_equal(o.err, "BANTER_CONFIG: cannot read \"/nonexistent/banter.conf\": No such "
                               "file or directory.\n");
    settings_fini(&o.settings);
    load(&o, SETTINGS_BROKER, help);
    assert_int_equal(o.result, SETTINGS_EXIT_OK);
    settings_fini(&o.settings);
}

/* Flag, environment, file, default: in this order. */
static void test_file(void **unused)
{
    char path[32];
    FILE *file = config_file("# both programs read this one\r\n"
                             "; and this is a comment, too\n"
                             "BANTER_WORKERS=3\r\n"
                             "  BANTER_RUN_DIR = \"/run/a\"  \n"
                             "BANTER_ADMIN_LISTEN=\n"
                             "BANTER_ASSETS_DIR='/x =\"y\"'\n"
                             "BANTER_DB_THREADS=5\n"
                             "BANTER_PING_MS=5000\n"
                             "BANTER_WRITERS=7",
                             path);
    const char *flags[] = {"--db-threads=7", "--config", path, NULL};
    struct outcome o;

    (void)unused;
    setenv("BANTER_DB_THREADS", "6", 1);
    setenv("BANTER_PING_MS", "6000", 1);
    setenv("BANTER_CONFIG", "/nonexistent/since a flag wins", 1);
    load(&o, SETTINGS_GATEWAY, flags);
    assert_string_equal(o.err, "");
    assert_int_equal(o.result, SETTINGS_RUN);
    assert_true(o.settings.workers == 3);
    assert_string_equal(o.settings.run_dir, "/run/a");
    assert_string_equal(o.settings.brokers, "ipc:///run/a/broker");
    assert_string_equal(o.settings.admin_listen, "");
    assert_string_equal(o.settings.assets_dir, "/x =\"y\"");
    assert_true(o.settings.ping_ms == 6000);
    assert_true(o.settings.db_threads == 7);
    assert_true(o.settings.writers == 2); /* the broker's */
    settings_fini(&o.settings);
    fclose(file);
}

/* A number can come from a file as a text can. */
static void test_number_files(void **unused)
{
    struct outcome o;
    char path[32];
    FILE *file = config_file("12\n", path);

    (void)unused;
    setenv("BANTER_DB_THREADS_FILE", path, 1);
    load(&o, SETTINGS_GATEWAY, NULL);
    assert_int_equal(o.result, SETTINGS_RUN);
    assert_true(o.settings.db_threads == 12);
    settings_fini(&o.settings);
    fclose(file);
    file = config_file("twelve", path);
    setenv("BANTER_DB_THREADS_FILE", path, 1);
    load(&o, SETTINGS_GATEWAY, NULL);
    assert_int_equal(o.result, SETTINGS_BAD);
    assert_non_null(strstr(o.err, "BANTER_DB_THREADS_FILE: \"twelve\" is not usable"));
    settings_fini(&o.settings);
    fclose(file);
}

static void test_reload(void **unused)
{
    char program[] = "program";
    char flag[] = "--workers=2";
    char *argv[] = {program, flag, NULL};
    char path[32];
    char error[256];
    FILE *file = config_file("BANTER_PING_MS=1000\nBANTER_WORKERS=3\n", path);
    struct settings old;
    struct settings fresh;
    struct strbuf names = STRBUF_EMPTY;

    (void)unused;
    setenv("BANTER_CONFIG", path, 1);
    assert_int_equal(settings_load(&old, SETTINGS_GATEWAY, 2, argv), SETTINGS_RUN);
    assert_true(settings_reload(&fresh, SETTINGS_GATEWAY, 2, argv, error, sizeof(error)));
    assert_int_equal(settings_changed(&old, &fresh, SETTINGS_GATEWAY, &names), 0);
    assert_string_equal(strbuf_str(&names), "");
    settings_fini(&fresh);

    rewind(file);
    assert_true(fputs("BANTER_PING_MS=2000\nBANTER_WORKERS=4\nBANTER_LISTEN=[::1]:1", file) >= 0);
    assert_int_equal(fflush(file), 0);
    assert_true(settings_reload(&fresh, SETTINGS_GATEWAY, 2, argv, error, sizeof(error)));
    assert_int_equal(settings_changed(&old, &fresh, SETTINGS_GATEWAY, &names), 2);
    assert_string_equal(strbuf_str(&names), "LISTEN,PING_MS");
    assert_true(settings_keep(&fresh, &old, "LISTEN"));
    assert_false(settings_keep(&fresh, &old, "LISTEN"));
    assert_string_equal(fresh.listen, "0.0.0.0:8000");
    assert_true(settings_keep(&fresh, &old, "PING_MS"));
    assert_true(fresh.ping_ms == 1000 && fresh.workers == 2);
    settings_fini(&fresh);

    assert_int_equal(ftruncate(fileno(file), 0), 0);
    rewind(file);
    assert_true(fputs("BANTER_PING_MS=soon", file) >= 0 && fflush(file) == 0);
    assert_false(settings_reload(&fresh, SETTINGS_GATEWAY, 2, argv, error, sizeof(error)));
    assert_non_null(strstr(error, ":1: BANTER_PING_MS: \"soon\" is not usable"));
    assert_null(fresh.listen);
    settings_fini(&old);
    strbuf_fini(&names);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secret_files, clear, clear),
        cmocka_unit_test_setup_teardown(test_file, clear, clear),
        cmocka_unit_test_setup_teardown(test_bad_files, clear, clear),
        cmocka_unit_test_setup_teardown(test_no_file, clear, clear),
        cmocka_unit_test_setup_teardown(test_number_files, clear, clear),
        cmocka_unit_test_setup_teardown(test_reload, clear, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
