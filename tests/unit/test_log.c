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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_levels, begin_capture, end_capture),
        cmocka_unit_test(test_level_names),
        cmocka_unit_test_setup_teardown(test_long_lines, begin_capture, end_capture),
        cmocka_unit_test_setup_teardown(test_long_process_name, begin_capture, end_capture),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_every_byte_quoted),
        cmocka_unit_test(test_cut_quotes),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
