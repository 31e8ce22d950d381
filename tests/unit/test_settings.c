// needs: common/settings_file common/settings_check common/web_origins common/strbuf common/bus_sock common/loop common/log common/clock common/mem common/check common/networks common/bus_security common/bus_keys common/bus_monitor common/bus_told common/metrics common/map common/digest common/db_url tests/unit/settings_harness common/rate
/* settings: where a value comes from, which one wins, and what is said of one that does not do. */
#include "common/settings.h"

#include "common/db_url.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings_harness.h"

#define ENV_MAX 4

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
    {"one address for both ports",
     SETTINGS_GATEWAY,
     {{"BANTER_LISTEN", "127.0.0.1:8000"}, {"BANTER_PROXY_LISTEN", "127.0.0.1:8000"}},
     {NULL},
     {"BANTER_PROXY_LISTEN: \"127.0.0.1:8000\"", "LISTEN's"}},
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
    {"an origin with a path",
     SETTINGS_GATEWAY,
     {{"BANTER_ORIGINS", "https://a.example, https://b.example/"}},
     {NULL},
     {"BANTER_ORIGINS: \"https://a.example, https://b.example/\"", "without a path"}},
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

/* The URL of our own database is one that db_create() takes, wherever RUN_DIR is. */
static void test_own_database(void **unused)
{
    static const char *const dirs[] = {"./var", "/run/b", "a%b&c?d#e"};
    char *here = getcwd(NULL, 0);

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        struct db_url url;
        struct outcome o;
        char error[128];
        char *socket = dirs[i][0] == '/' ? mem_printf("%s/mariadb/mariadb.sock", dirs[i])
                                         : mem_printf("%s/%s/mariadb/mariadb.sock", here,
                                                      dirs[i] + (dirs[i][0] == '.' ? 2 : 0));

        setenv("BANTER_RUN_DIR", dirs[i], 1);
        load(&o, SETTINGS_CTL, NULL);
        assert_int_equal(o.result, SETTINGS_RUN);
        assert_true(db_url_parse(o.settings.database_url, &url, error, sizeof(error)));
        assert_string_equal(url.user, "banter");
        assert_string_equal(url.name, "banter");
        assert_string_equal(url.socket, socket);
        db_url_fini(&url);
        mem_free(socket);
        settings_fini(&o.settings);
    }
    free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, clear, clear),
        cmocka_unit_test_setup_teardown(test_own_database, clear, clear),
        cmocka_unit_test_setup_teardown(test_bounds, clear, clear),
        cmocka_unit_test_setup_teardown(test_refused, clear, clear),
        cmocka_unit_test_setup_teardown(test_environment, clear, clear),
        cmocka_unit_test_setup_teardown(test_flags_win, clear, clear),
        cmocka_unit_test_setup_teardown(test_help, clear, clear),
        cmocka_unit_test_setup_teardown(test_version_and_routes, clear, clear),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
