// needs: common/settings_file common/settings_check common/strbuf common/bus_sock common/loop common/log common/clock common/mem common/check common/networks common/bus_security common/bus_keys common/bus_monitor common/bus_told common/metrics common/map common/digest common/db_url
/* settings: where a value comes from, which one wins, and what is said of one that does not do. */
#include "common/settings.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 8
#define ENV_MAX  4

extern char **environ;

struct outcome {
    enum settings_result result;
    struct settings settings;
    char err[2048]; /* what it wrote to stderr */
    char out[16384];
};

static int capture(int fd, FILE *file)
{
    int real = dup(fd);

    fflush(NULL);
    dup2(fileno(file), fd);
    return real;
}

static void restore(int fd, int real, FILE *file, char *text, size_t size)
{
    size_t len;

    fflush(NULL);
    dup2(real, fd);
    close(real);
    rewind(file);
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
}

/* Loads with the environment that the test has set. The caller gives the settings back. */
static void load(struct outcome *outcome, enum settings_program program, const char *const *flags)
{
    char *argv[ARGS_MAX + 1] = {mem_strdup("program")};
    FILE *err = tmpfile();
    FILE *out = tmpfile();
    int argc = 1;
    int real_err;
    int real_out;

    for (; flags != NULL && flags[argc - 1] != NULL; argc++)
        argv[argc] = mem_strdup(flags[argc - 1]);
    real_err = capture(STDERR_FILENO, err);
    real_out = capture(STDOUT_FILENO, out);
    outcome->result = settings_load(&outcome->settings, program, argc, argv);
    restore(STDOUT_FILENO, real_out, out, outcome->out, sizeof(outcome->out));
    restore(STDERR_FILENO, real_err, err, outcome->err, sizeof(outcome->err));
    while (argc > 0)
        mem_free(argv[--argc]);
}

static int clear(void **unused)
{
    (void)unused;
    for (bool found = true; found;) {
        found = false;
        for (char **entry = environ; *entry != NULL && !found; entry++)
            if (strncmp(*entry, "BANTER_", 7) == 0) {
                char *name = mem_strndup(*entry, strcspn(*entry, "="));

                found = unsetenv(name) == 0;
                mem_free(name);
            }
    }
    return 0;
}

static void test_defaults(void **unused)
{
    static const enum settings_program programs[] = {SETTINGS_GATEWAY, SETTINGS_BROKER,
                                                     SETTINGS_CTL};
    struct outcome o;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        load(&o, programs[i], NULL);
        assert_int_equal(o.result, SETTINGS_RUN);
        assert_string_equal(o.err, "");
        assert_string_equal(o.settings.listen, "0.0.0.0:8000");
        assert_string_equal(o.settings.admin_listen, "127.0.0.1:9100");
        assert_string_equal(o.settings.run_dir, "./var");
        assert_string_equal(o.settings.log_level, "info");
        assert_string_equal(o.settings.assets_dir, "");
        assert_string_equal(o.settings.database_url,
                            "mysql://banter@/banter?socket=./var/mariadb/mariadb.sock");
        assert_string_equal(o.settings.brokers, "ipc://./var/broker");
        assert_string_equal(o.settings.broker_listen, "ipc://./var/broker");
        assert_true(o.settings.workers == 0);
        assert_true(o.settings.scrypt_log2n == 15);
        assert_true(o.settings.session_ttl_s == 30 * 24 * 3600);
        settings_fini(&o.settings);
        assert_null(o.settings.listen);
    }
}

/* Each default lies within its own bounds, and each bound is taken from the environment. */
static const struct {
    const char *name;
    size_t offset;
    int programs;
    uint64_t fallback, min, max;
} numbers[] = {
#define G SETTINGS_GATEWAY
#define B SETTINGS_BROKER
#define C SETTINGS_CTL
#define SETTING_TEXT(field, name, programs, unit, fallback, help)
#define SETTING_UINT(field, name, programs, unit, fallback, min, max, help)                        \
    {name, offsetof(struct settings, field), programs, fallback, min, max},
#include "common/settings.def"
#undef SETTING_TEXT
#undef SETTING_UINT
#undef G
#undef B
#undef C
};

/* Loads with a number in the environment; what came of it. */
static enum settings_result try_number(size_t i, uint64_t value)
{
    char variable[80];
    char text[24];
    struct outcome o;
    uint64_t got;

    snprintf(variable, sizeof(variable), "BANTER_%s", numbers[i].name);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    setenv(variable, text, 1);
    load(&o, numbers[i].programs & SETTINGS_GATEWAY ? SETTINGS_GATEWAY : SETTINGS_BROKER, NULL);
    unsetenv(variable);
    memcpy(&got, (char *)&o.settings + numbers[i].offset, sizeof(got));
    if (o.result == SETTINGS_RUN && got != value)
        fail_msg("%s is not %s", variable, text);
    if (o.result == SETTINGS_BAD)
        assert_non_null(strstr(o.err, variable));
    settings_fini(&o.settings);
    return o.result;
}

static void test_bounds(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_in_range(numbers[i].fallback, numbers[i].min, numbers[i].max);
        assert_int_equal(try_number(i, numbers[i].min), SETTINGS_RUN);
        assert_int_equal(try_number(i, numbers[i].max), SETTINGS_RUN);
        assert_int_equal(try_number(i, numbers[i].max + 1), SETTINGS_BAD);
        assert_int_equal(try_number(i, UINT64_MAX), SETTINGS_BAD);
        if (numbers[i].min > 0)
            assert_int_equal(try_number(i, numbers[i].min - 1), SETTINGS_BAD);
    }
}

/* What is told to who runs it wrongly: always one line on stderr that names the setting. */
static const struct {
    const char *name;
    enum settings_program program;
    const char *env[ENV_MAX][2];
    const char *flags[ARGS_MAX];
    const char *says[3]; /* parts of the sentence */
} refused[] = {
    {"a word",
     SETTINGS_GATEWAY,
     {{"BANTER_WORKERS", "many"}},
     {NULL},
     {"BANTER_WORKERS: \"many\"", "a whole number from 0 to 256", "(processes)"}},
    {"nothing", SETTINGS_GATEWAY, {{"BANTER_WORKERS", ""}}, {NULL}, {"BANTER_WORKERS: \"\""}},
    {"a unit", SETTINGS_GATEWAY, {{"BANTER_PING_MS", "100ms"}}, {NULL}, {"BANTER_PING_MS"}},
    {"a space", SETTINGS_GATEWAY, {{"BANTER_PING_MS", " 100"}}, {NULL}, {"BANTER_PING_MS"}},
    {"a minus", SETTINGS_GATEWAY, {{"BANTER_WORKERS", "-1"}}, {NULL}, {"BANTER_WORKERS"}},
    {"a plus", SETTINGS_GATEWAY, {{"BANTER_WORKERS", "+1"}}, {NULL}, {"BANTER_WORKERS"}},
    {"a fraction", SETTINGS_GATEWAY, {{"BANTER_WORKERS", "1.5"}}, {NULL}, {"BANTER_WORKERS"}},
    {"hexadecimal", SETTINGS_GATEWAY, {{"BANTER_WORKERS", "0x4"}}, {NULL}, {"BANTER_WORKERS"}},
    {"2^64",
     SETTINGS_GATEWAY,
     {{"BANTER_WORKERS", "18446744073709551616"}},
     {NULL},
     {"BANTER_WORKERS"}},
    {"2^64 + 1",
     SETTINGS_GATEWAY,
     {{"BANTER_WORKERS", "18446744073709551617"}},
     {NULL},
     {"BANTER_WORKERS"}},
    {"a flag's word",
     SETTINGS_GATEWAY,
     {{NULL}},
     {"--workers=many"},
     {"--workers", "\"many\" is not usable"}},
    {"a flag's word apart",
     SETTINGS_GATEWAY,
     {{NULL}},
     {"--workers", "many"},
     {"--workers: \"many\" is not usable"}},
    {"a flag without a value",
     SETTINGS_GATEWAY,
     {{NULL}},
     {"--workers"},
     {"--workers: a value is needed"}},
    {"no such flag",
     SETTINGS_GATEWAY,
     {{NULL}},
     {"--colour=red"},
     {"--colour=red: there is no such setting; --help"}},
    {"a flag and more", SETTINGS_GATEWAY, {{NULL}}, {"--workersx=1"}, {"--workersx=1"}},
    {"the start of a flag", SETTINGS_GATEWAY, {{NULL}}, {"--worker=1"}, {"--worker=1"}},
    {"an underscore", SETTINGS_GATEWAY, {{NULL}}, {"--db_threads=1"}, {"--db_threads=1"}},
    {"one dash", SETTINGS_GATEWAY, {{NULL}}, {"-workers=1"}, {"-workers=1"}},
    {"a bare word", SETTINGS_GATEWAY, {{NULL}}, {"start"}, {"start"}},
    {"another program's flag", SETTINGS_BROKER, {{NULL}}, {"--workers=1"}, {"--workers=1"}},
    {"the routes of a broker", SETTINGS_BROKER, {{NULL}}, {"--routes"}, {"--routes"}},
    {"an unknown level",
     SETTINGS_GATEWAY,
     {{"BANTER_LOG_LEVEL", "loud"}},
     {NULL},
     {"BANTER_LOG_LEVEL: \"loud\"", "debug, info, warn or error"}},
    {"no level", SETTINGS_CTL, {{"BANTER_LOG_LEVEL", ""}}, {NULL}, {"BANTER_LOG_LEVEL: \"\""}},
    {"no port",
     SETTINGS_GATEWAY,
     {{"BANTER_LISTEN", "127.0.0.1"}},
     {NULL},
     {"BANTER_LISTEN: \"127.0.0.1\"", "host:port"}},
    {"nowhere to listen", SETTINGS_GATEWAY, {{"BANTER_LISTEN", ""}}, {NULL}, {"BANTER_LISTEN"}},
    {"IPv6 without brackets",
     SETTINGS_GATEWAY,
     {{NULL}},
     {"--listen=::1:8000"},
     {"BANTER_LISTEN: \"::1:8000\"", "[::1]:8000"}},
    {"control bytes",
     SETTINGS_GATEWAY,
     {{"BANTER_LISTEN", "a\nb\x1b"}},
     {NULL},
     {"BANTER_LISTEN: \"a\\x0ab\\x1b\""}},
    {"a bad admin address",
     SETTINGS_BROKER,
     {{"BANTER_ADMIN_LISTEN", ":9100"}},
     {NULL},
     {"BANTER_ADMIN_LISTEN"}},
    {"a second port without a host",
     SETTINGS_GATEWAY,
     {{"BANTER_PROXY_LISTEN", ":8001"}},
     {NULL},
     {"BANTER_PROXY_LISTEN: \":8001\"", "host:port"}},
    {"a balancer by name",
     SETTINGS_GATEWAY,
     {{"BANTER_TRUSTED_PROXIES", "10.0.0.0/8, balancer"}},
     {NULL},
     {"BANTER_TRUSTED_PROXIES: \"10.0.0.0/8, balancer\"", "a network as 10.0.0.0/8"}},
    {"a network with bits behind its prefix",
     SETTINGS_GATEWAY,
     {{"BANTER_TRUSTED_PROXIES", "10.0.0.1/8"}},
     {NULL},
     {"BANTER_TRUSTED_PROXIES", "behind the prefix"}},
    {"a broker by name only",
     SETTINGS_GATEWAY,
     {{"BANTER_BROKERS", "broker:5555"}},
     {NULL},
     {"BANTER_BROKERS: \"broker:5555\"", "tcp://host:port or ipc:///path"}},
    {"one bad broker of two",
     SETTINGS_GATEWAY,
     {{"BANTER_BROKERS", "tcp://127.0.0.1:5555,udp://127.0.0.1:5556"}},
     {NULL},
     {"BANTER_BROKERS"}},
    {"a plain bus to another host",
     SETTINGS_GATEWAY,
     {{"BANTER_BROKERS", "tcp://127.0.0.1:5555,tcp://10.0.0.1:5555"}},
     {NULL},
     {"BANTER_BROKERS: tcp://10.0.0.1:5555", "BANTER_BUS_KEY", "BANTER_BUS_PLAIN_TCP=1"}},
    {"a bad place to bind",
     SETTINGS_BROKER,
     {{NULL}},
     {"--broker-listen=5555"},
     {"BANTER_BROKER_LISTEN: \"5555\""}},
    {"another database",
     SETTINGS_BROKER,
     {{"BANTER_DATABASE_URL", "postgres://a:secret@b/c"}},
     {NULL},
     {"BANTER_DATABASE_URL", "mysql://user:password@host:port/name"}},
    {"a secret that is not there",
     SETTINGS_GATEWAY,
     {{"BANTER_DATABASE_URL_FILE", "/nonexistent/secret"}},
     {NULL},
     {"BANTER_DATABASE_URL_FILE: cannot read \"/nonexistent/secret\"", "No such file"}},
};

static void test_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct outcome o;
        char *end;

        for (size_t j = 0; j < ENV_MAX && refused[i].env[j][0] != NULL; j++)
            setenv(refused[i].env[j][0], refused[i].env[j][1], 1);
        load(&o, refused[i].program, refused[i].flags);
        if (o.result != SETTINGS_BAD)
            fail_msg("%s was taken", refused[i].name);
        end = strchr(o.err, '\n');
        if (end == NULL || end[1] != '\0' || end[-1] != '.')
            fail_msg("%s: not one sentence: %s", refused[i].name, o.err);
        for (size_t j = 0; j < ARRAY_LEN(refused[i].says) && refused[i].says[j] != NULL; j++)
            if (strstr(o.err, refused[i].says[j]) == NULL)
                fail_msg("%s: \"%s\" is not in %s", refused[i].name, refused[i].says[j], o.err);
        assert_string_equal(o.out, "");
        assert_null(strstr(o.err, "secret@"));
        settings_fini(&o.settings);
        clear(NULL);
    }
}

static void test_environment(void **unused)
{
    struct outcome o;

    (void)unused;
    setenv("BANTER_LISTEN", "127.0.0.1:0", 1);
    setenv("BANTER_WORKERS", "007", 1);
    setenv("BANTER_RUN_DIR", "/run/banter", 1);
    setenv("BANTER_ADMIN_LISTEN", "", 1);
    setenv("BANTER_LOG_LEVEL", "debug", 1);
    setenv("BANTER_WRITERS", "nonsense that only a broker reads", 1);
    setenv("BANTER_NO_SUCH_SETTING", "1", 1);
    load(&o, SETTINGS_GATEWAY, NULL);
    assert_int_equal(o.result, SETTINGS_RUN);
    assert_string_equal(o.settings.listen, "127.0.0.1:0");
    assert_true(o.settings.workers == 7);
    assert_string_equal(o.settings.admin_listen, "");
    assert_string_equal(o.settings.log_level, "debug");
    assert_string_equal(o.settings.brokers, "ipc:///run/banter/broker");
    assert_string_equal(o.settings.database_url,
                        "mysql://banter@/banter?socket=/run/banter/mariadb/mariadb.sock");
    assert_true(o.settings.writers == 2);
    settings_fini(&o.settings);
}

static void test_flags_win(void **unused)
{
    static const char *const flags[] = {"--workers=3",
                                        "--run-dir",
                                        "/run/b",
                                        "--brokers=tcp://10.0.0.1:7001,tcp://10.0.0.2:7001",
                                        "--bus-plain-tcp=1",
                                        "--database-url=mysql://u:p=q@h:3306/n",
                                        "--workers=4",
                                        NULL};
    struct outcome o;

    (void)unused;
    setenv("BANTER_WORKERS", "2", 1);
    setenv("BANTER_RUN_DIR", "/elsewhere", 1);
    setenv("BANTER_DB_THREADS", "9", 1);
    load(&o, SETTINGS_GATEWAY, flags);
    assert_int_equal(o.result, SETTINGS_RUN);
    assert_true(o.settings.workers == 4);
    assert_true(o.settings.db_threads == 9);
    assert_string_equal(o.settings.run_dir, "/run/b");
    assert_string_equal(o.settings.brokers, "tcp://10.0.0.1:7001,tcp://10.0.0.2:7001");
    assert_string_equal(o.settings.broker_listen, "ipc:///run/b/broker");
    assert_string_equal(o.settings.database_url, "mysql://u:p=q@h:3306/n");
    settings_fini(&o.settings);
}

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
    {"an empty variable alone", NULL, "", NULL,
     "mysql://banter@/banter?socket=./var/mariadb/mariadb.sock"},
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

static void test_help(void **unused)
{
    static const char *const help[] = {"--help", NULL};
    struct outcome o;

    (void)unused;
    load(&o, SETTINGS_GATEWAY, help);
    assert_int_equal(o.result, SETTINGS_EXIT_OK);
    assert_string_equal(o.err, "");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char start[80];

        snprintf(start, sizeof(start), "\nBANTER_%s ", numbers[i].name);
        assert_int_equal(strstr(o.out, start) != NULL,
                         (numbers[i].programs & SETTINGS_GATEWAY) != 0);
    }
    assert_non_null(strstr(o.out, "\nBANTER_DATABASE_URL "));
    assert_non_null(strstr(o.out, "--routes"));
    settings_fini(&o.settings);
    load(&o, SETTINGS_BROKER, help);
    assert_int_equal(o.result, SETTINGS_EXIT_OK);
    assert_null(strstr(o.out, "--routes"));
    assert_non_null(strstr(o.out, "\nBANTER_WRITERS "));
    settings_fini(&o.settings);
}

static void test_version_and_routes(void **unused)
{
    static const char *const version[] = {"--version", NULL};
    static const char *const routes[] = {"--routes", NULL};
    struct outcome o;

    (void)unused;
    load(&o, SETTINGS_CTL, version);
    assert_int_equal(o.result, SETTINGS_EXIT_OK);
    assert_memory_equal(o.out, "Banter ", 7);
    settings_fini(&o.settings);
    load(&o, SETTINGS_GATEWAY, routes);
    assert_int_equal(o.result, SETTINGS_ROUTES);
    settings_fini(&o.settings);
}

static const struct {
    const char *address;
    const char *host; /* NULL: refused */
    uint16_t port;
} addresses[] = {
    {"127.0.0.1:8000", "127.0.0.1", 8000},
    {"0.0.0.0:0", "0.0.0.0", 0},
    {"localhost:65535", "localhost", 65535},
    {"a:1", "a", 1},
    {"[::1]:8000", "::1", 8000},
    {"[::]:80", "::", 80},
    {"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
    {"[127.0.0.1]:80", "127.0.0.1", 80},
    {"", NULL, 0},
    {":", NULL, 0},
    {":80", NULL, 0},
    {"host", NULL, 0},
    {"host:", NULL, 0},
    {"host:x", NULL, 0},
    {"host:80x", NULL, 0},
    {"host:80 ", NULL, 0},
    {"host: 80", NULL, 0},
    {"host:+80", NULL, 0},
    {"host:-1", NULL, 0},
    {"host:65536", NULL, 0},
    {"host:4294967376", NULL, 0},
    {"host:18446744073709551696", NULL, 0},
    {"::1:8000", NULL, 0},
    {"::1", NULL, 0},
    {"[::1]", NULL, 0},
    {"[::1]8000", NULL, 0},
    {"[::1:8000", NULL, 0},
    {"::1]:8000", NULL, 0},
    {"[]:80", NULL, 0},
    {"host:1:2", NULL, 0},
    {"0123456789abcde:1", "0123456789abcde", 1},
    {"0123456789abcdef:1", NULL, 0}, /* 16 and the NUL */
    {"[0123456789abcde]:1", "0123456789abcde", 1},
    {"[0123456789abcdef]:1", NULL, 0},
};

static void test_addresses(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        char host[16];
        uint16_t port = 0;
        bool good = settings_split_address(addresses[i].address, host, sizeof(host), &port);

        if (good != (addresses[i].host != NULL))
            fail_msg("%s: %d", addresses[i].address, good);
        if (good) {
            assert_string_equal(host, addresses[i].host);
            assert_int_equal(port, addresses[i].port);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, clear, clear),
        cmocka_unit_test_setup_teardown(test_bounds, clear, clear),
        cmocka_unit_test_setup_teardown(test_refused, clear, clear),
        cmocka_unit_test_setup_teardown(test_environment, clear, clear),
        cmocka_unit_test_setup_teardown(test_flags_win, clear, clear),
        cmocka_unit_test_setup_teardown(test_secret_files, clear, clear),
        cmocka_unit_test_setup_teardown(test_file, clear, clear),
        cmocka_unit_test_setup_teardown(test_bad_files, clear, clear),
        cmocka_unit_test_setup_teardown(test_no_file, clear, clear),
        cmocka_unit_test_setup_teardown(test_number_files, clear, clear),
        cmocka_unit_test_setup_teardown(test_reload, clear, clear),
        cmocka_unit_test_setup_teardown(test_help, clear, clear),
        cmocka_unit_test_setup_teardown(test_version_and_routes, clear, clear),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
