// needs: common/clock common/check common/mem
/* log: one line an event, quoting of what comes from outside, and the limit on repeated lines. */
#include "common/log.h"

#include "common/clock.h"
#include "common/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static FILE *captured;
static int real_stderr;

static int begin_capture(void **unused)
{
    (void)unused;
    captured = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    return dup2(fileno(captured), STDERR_FILENO) < 0;
}

static int end_capture(void **unused)
{
    (void)unused;
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    fclose(captured);
    log_init("banter", LOG_INFO);
    return 0;
}

/* What was written since the last call. */
static size_t take(char *out, size_t size)
{
    off_t len = lseek(fileno(captured), 0, SEEK_CUR);

    assert_in_range(len, 0, size - 1);
    assert_int_equal(pread(fileno(captured), out, (size_t)len, 0), len);
    out[len] = '\0';
    assert_int_equal(ftruncate(fileno(captured), 0), 0);
    lseek(fileno(captured), 0, SEEK_SET);
    return (size_t)len;
}

static void test_line(void **unused)
{
    char text[4096];
    char now[CLOCK_ISO_SIZE];
    char later[CLOCK_ISO_SIZE];

    (void)unused;
    log_init("gateway.w1", LOG_INFO);
    clock_format_iso(clock_wall_us(), now);
    errno = ENOENT;
    log_info("worker.ready", "pid=%d name=%s", 4711, "x");
    assert_int_equal(errno, ENOENT);
    take(text, sizeof(text));
    clock_format_iso(clock_wall_us(), later);
    assert_true(memcmp(now, text, 27) <= 0);
    assert_true(memcmp(text, later, 27) <= 0);
    assert_string_equal(text + 27, " info gateway.w1 event=worker.ready pid=4711 name=x\n");
}

static void test_levels(void **unused)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char text[4096];

    (void)unused;
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        log_init("p", (enum log_level)least);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            log_write((enum log_level)level, "e", "a=1");
            assert_int_equal(take(text, sizeof(text)) > 0, level >= least);
            if (level >= least)
                assert_memory_equal(text + 28, names[level], strlen(names[level]));
        }
    }
}

static void test_level_names(void **unused)
{
    static const char *const bad[] = {"", "Info", "infos", "inf", " info", "warning", "0"};
    enum log_level level;

    (void)unused;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse("info", &level));
    assert_int_equal(level, LOG_INFO);
    assert_true(log_level_parse("warn", &level));
    assert_int_equal(level, LOG_WARN);
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, LOG_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(log_level_parse(bad[i], &level));
}

/* Whatever the length: one line, ended, and no overrun. */
static void test_long_lines(void **unused)
{
    char text[8192];
    char value[4001];

    (void)unused;
    log_init("p", LOG_INFO);
    memset(value, 'v', sizeof(value) - 1);
    for (size_t len = 1900; len < sizeof(value); len += len < 2100 ? 1 : 475) {
        size_t written;

        value[len] = '\0';
        log_info("e", "v=%s", value);
        written = take(text, sizeof(text));
        assert_in_range(written, 1900, 2048);
        assert_ptr_equal(memchr(text, '\n', written), text + written - 1);
        value[len] = 'v';
    }
}

static void test_long_process_name(void **unused)
{
    char text[4096];

    (void)unused;
    log_init("a-process-with-a-name-that-is-far-too-long-for-a-line", LOG_INFO);
    log_info("e", "a=1");
    take(text, sizeof(text));
    assert_non_null(strstr(text, " info a-process-with-a-name-that-is-f"));
    assert_non_null(strstr(text, " event=e a=1\n"));
}

static const struct {
    const char *text;
    const char *quoted;
} quotes[] = {
    {"", "\"\""},
    {"plain text", "\"plain text\""},
    {"a\"b", "\"a\\\"b\""},
    {"a\\b", "\"a\\\\b\""},
    {"\" event=x.y \"", "\"\\\" event=x.y \\\"\""},
    {"line\nbreak\r\n", "\"line\\x0abreak\\x0d\\x0a\""},
    {"\x01\x1b[31m\x7f", "\"\\x01\\x1b[31m\\x7f\""},
    {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
};

static void test_quotes(void **unused)
{
    char out[64];

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        assert_ptr_equal(log_quote(quotes[i].text, out, sizeof(out)), out);
        assert_string_equal(out, quotes[i].quoted);
    }
}

static void test_every_byte_quoted(void **unused)
{
    (void)unused;
    for (unsigned c = 1; c <= UINT8_MAX; c++) {
        char text[] = {(char)c, '\0'};
        char out[16];
        size_t len = strlen(log_quote(text, out, sizeof(out)));

        assert_true(out[0] == '"' && out[len - 1] == '"' && len >= 3);
        for (size_t i = 0; i < len; i++)
            assert_true((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
        if (c == '"' || c == '\\')
            assert_int_equal(out[1], '\\');
    }
}

/* The cut falls between escapes, and the quote is closed. */
static void test_cut_quotes(void **unused)
{
    static const char *const texts[] = {
        "0123456789012345678901234567890123456789", "\n\n\n\n\n\n\n\n\n\n\n\n",
        "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"", "a\\b\"c\nd\x7fx\\f\"g\nh"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t size = 8; size <= 32; size++) {
            char whole[256];
            char *out = mem_alloc(size);
            size_t len = strlen(log_quote(texts[i], out, size));

            assert_in_range(len, 2, size - 1);
            assert_int_equal(out[len - 1], '"');
            log_quote(texts[i], whole, sizeof(whole));
            assert_memory_equal(out, whole, len - 1);
            mem_free(out);
        }
}

static void test_limit(void **unused)
{
    struct log_limit limit = {0, 0};
    uint64_t suppressed = 99;
    uint64_t began;

    (void)unused;
    assert_true(log_allowed(&limit, 60000, &suppressed));
    assert_true(suppressed == 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_false(log_allowed(&limit, 60000, &suppressed));
    assert_true(log_allowed(&limit, 0, &suppressed));
    assert_true(suppressed == 1000);
    assert_true(log_allowed(&limit, 0, &suppressed));
    assert_true(suppressed == 0);
    began = clock_mono_ms();
    while (!log_allowed(&limit, 20, &suppressed))
        usleep(1000);
    assert_true(clock_mono_ms() - began >= 18);
    assert_true(suppressed > 0);
}

/* A level is a module's own, or that of all others; what cannot be used changes nothing. */
static void test_modules(void **unused)
{
    static const struct {
        const char *levels;
        const char *event;
        enum log_level least;
    } cases[] = {
        {"info", "db.slow", LOG_INFO},
        {"info,db=debug", "db.slow", LOG_DEBUG},
        {"info,db=debug", "dbx.slow", LOG_INFO},
        {"info,db=debug", "d.slow", LOG_INFO},
        {"info,db=debug", "db", LOG_DEBUG},
        {"warn,db=error,http=debug", "http.request", LOG_DEBUG},
        {"warn,db=error,http=debug", "db.slow", LOG_ERROR},
        {"warn,db=error,http=debug", "bus.slow", LOG_WARN},
        {"http=debug", "bus.slow", LOG_INFO},
        {"db=debug,error", "bus.slow", LOG_ERROR},
    };
    static const char *const bad[] = {
        "",     "loud",     "info,",        "info,db",      "info,=warn",
        "db=x", "d b=info", "info,DB=warn", "info;db=warn", "a_module_of_a_long_name=info"};
    char error[160];
    char text[4096];

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(log_set(cases[i].levels, "logfmt", error, sizeof(error)));
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            log_write((enum log_level)level, cases[i].event, "a=1");
            assert_int_equal(take(text, sizeof(text)) > 0, level >= (int)cases[i].least);
        }
    }
    assert_true(log_set("error", "logfmt", error, sizeof(error)));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        error[0] = '\0';
        assert_false(log_set(bad[i], "logfmt", error, sizeof(error)));
        assert_false(log_usable(bad[i], "logfmt", error, sizeof(error)));
        assert_true(strlen(error) > 20);
    }
    assert_false(log_set("debug", "xml", error, sizeof(error)));
    assert_string_equal(error, "\"xml\" is no format; logfmt or json is needed");
    log_warn("a.b", "a=1");
    assert_int_equal(take(text, sizeof(text)), 0);
}

static const struct {
    const char *pairs;
    const char *json;
} jsons[] = {
    {"a=1", ",\"a\":1"},
    {"a=-12.50 b=0 c=007 d=1e5 e=12345678901234567890 f=- g=1. h=.5",
     ",\"a\":-12.50,\"b\":0,\"c\":\"007\",\"d\":\"1e5\",\"e\":\"12345678901234567890\",\"f\":\"-\","
     "\"g\":\"1.\",\"h\":\".5\""},
    {"listen=0.0.0.0:8000 id=00ff", ",\"listen\":\"0.0.0.0:8000\",\"id\":\"00ff\""},
    {"reason=\"still there\" x=", ",\"reason\":\"still there\",\"x\":\"\""},
    {"n=\"12\"", ",\"n\":\"12\""},
    {"a=\"q\\\"b\\\\c\\x0ad\" b=2", ",\"a\":\"q\\\"b\\\\c\\u000ad\",\"b\":2"},
    {"a=\"x\",\"injected\":\"y\"", ",\"a\":\"x\",\",\\\"injected\\\":\\\"y\\\"\":true"},
    {"a=x\"y\\z", ",\"a\":\"x\\\"y\\\\z\""},
    {"a=\"\\x0\xff\\x00\\x1\"", ",\"a\":\"x0\xef\xbf\xbdx00x1\""},
    {"a=\"cut off", ",\"a\":\"cut off\""},
    {"a=\"cut \\", ",\"a\":\"cut \\\\\""},
    {"word a=1", ",\"word\":true,\"a\":1"},
    {"a=gr\xc3\xbc\xc3\x9f b=\"\xf0\x9f\x98\x80\"",
     ",\"a\":\"gr\xc3\xbc\xc3\x9f\",\"b\":\"\xf0\x9f\x98\x80\""},
    {"a=\xff b=\xed\xa0\x80 c=\xc3",
     ",\"a\":\"\xef\xbf\xbd\",\"b\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
     "\"c\":\"\xef\xbf\xbd\""},
    {"a=\x01", ",\"a\":\"\\u0001\""},
};

static void test_json(void **unused)
{
    char error[160];
    char text[4096];
    char expected[1024];

    (void)unused;
    log_name("gateway.w1");
    assert_true(log_set("info", "json", error, sizeof(error)));
    for (size_t i = 0; i < ARRAY_LEN(jsons); i++) {
        log_warn("a.b", "%s", jsons[i].pairs);
        take(text, sizeof(text));
        snprintf(expected, sizeof(expected),
                 "\",\"level\":\"warn\",\"process\":\"gateway.w1\",\"event\":\"a.b\"%s}\n",
                 jsons[i].json);
        assert_memory_equal(text, "{\"time\":\"2", 10);
        assert_string_equal(text + 36, expected);
    }
    assert_true(log_set("info", "logfmt", error, sizeof(error)));
}

/* However long and whatever is in it: one line, ended, and no overrun. */
static void test_long_json(void **unused)
{
    static const char *const pieces[] = {"a ", "\x01", "\xff", "= ", "a=\"\\x01\" ", "\"", "\\"};
    char error[160];
    char text[32768];
    char value[4001];

    (void)unused;
    assert_true(log_set("info", "json", error, sizeof(error)));
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t len = 0;
        size_t written;

        while (len + strlen(pieces[i]) < sizeof(value))
            len += (size_t)snprintf(value + len, sizeof(value) - len, "%s", pieces[i]);
        log_info("a.b", "%s", value);
        written = take(text, sizeof(text));
        assert_memory_equal(text + written - 2, "}\n", 2);
        assert_ptr_equal(memchr(text, '\n', written), text + written - 1);
    }
    assert_true(log_set("info", "logfmt", error, sizeof(error)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_levels, begin_capture, end_capture),
        cmocka_unit_test(test_level_names),
        cmocka_unit_test_setup_teardown(test_long_lines, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_long_process_name, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_modules, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_json, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_long_json, begin_capture, end_capture),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_every_byte_quoted),
        cmocka_unit_test(test_cut_quotes),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
