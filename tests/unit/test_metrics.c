// needs: common/strbuf common/mem common/check
/* metrics: what a scrape shows is well-formed and adds up, over slots and processes. */
#include "common/metrics.h"

#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS  10000

static bool matches(const char *line, const char *pattern)
{
    regex_t regex;
    bool found;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    found = regexec(&regex, line, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/* The value of a sample in the text; fails when it is not there exactly once. */
static uint64_t value_of(const char *text, const char *name)
{
    char start[128];
    const char *at;

    snprintf(start, sizeof(start), "\n%s ", name);
    at = strstr(text, start);
    assert_non_null(at);
    assert_null(strstr(at + 1, start));
    return strtoull(at + strlen(start), NULL, 10);
}

static uint64_t scrape(const struct metrics_slot *slots, size_t count, const char *name)
{
    struct strbuf out = STRBUF_EMPTY;
    uint64_t value;

    metrics_write(slots, count, &out);
    value = value_of(strbuf_str(&out), name);
    strbuf_fini(&out);
    return value;
}

/* The exposition format 0.0.4: HELP, TYPE and the sample of each, in a row, nothing else. */
static void test_text(void **unused)
{
    struct metrics_slot *slots = metrics_share(1);
    struct strbuf out = STRBUF_EMPTY;
    char *rest = NULL;
    unsigned lines = 0;
    char name[128] = "";
    char expected[160];

    (void)unused;
    atomic_store(&slots->values[0], UINT64_MAX);
    metrics_write(slots, 1, &out);
    assert_int_equal(out.data[out.len - 1], '\n');
    for (char *line = strtok_r(out.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), lines++) {
        if (lines % 3 == 0) {
            assert_true(matches(line, "^# HELP banter_[a-z][a-z0-9_]* [A-Z][^\\\\]+\\.$"));
            assert_int_equal(sscanf(line, "# HELP %100s", name), 1);
        } else if (lines % 3 == 1) {
            bool total = matches(name, "_total$");

            snprintf(expected, sizeof(expected), "# TYPE %s %s", name, total ? "counter" : "gauge");
            assert_string_equal(line, expected);
        } else {
            assert_int_equal(strncmp(line, name, strlen(name)), 0);
            assert_true(matches(line + strlen(name), "^ [0-9]+$"));
        }
    }
    assert_int_equal(lines, 3 * METRIC_COUNT);
    strbuf_fini(&out);
}

static void test_names_are_unique(void **unused)
{
    static const char *const names[] = {
#define COUNTER(symbol, name, help) name,
#define GAUGE(symbol, name, help)   name,
#include "common/metrics.def"
#undef COUNTER
#undef GAUGE
    };

    (void)unused;
    assert_int_equal(ARRAY_LEN(names), METRIC_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
}

static void test_sums(void **unused)
{
    struct metrics_slot *slots = metrics_share(3);

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        metrics_use(&slots[i]);
        metrics_add(METRIC_HTTP_REQUESTS, 10 * (i + 1));
        metrics_set(METRIC_WS_OPEN, i + 1);
    }
    assert_true(scrape(slots, 3, "banter_http_requests_total") == 60);
    assert_true(scrape(slots, 3, "banter_ws_open") == 6);
    assert_true(scrape(slots, 1, "banter_http_requests_total") == 10);
    assert_true(scrape(slots, 0, "banter_http_requests_total") == 0);
    assert_true(scrape(slots, 3, "banter_commands_total") == 0);
}

/* A worker that comes again into a slot goes on counting, and starts with nothing open. */
static void test_use_again(void **unused)
{
    struct metrics_slot *slots = metrics_share(1);

    (void)unused;
    metrics_use(slots);
    metrics_add(METRIC_HTTP_REQUESTS, 5);
    metrics_set(METRIC_WS_OPEN, 7);
    metrics_set(METRIC_BROKER_SHARDS, 7);
    metrics_use(slots);
    metrics_add(METRIC_HTTP_REQUESTS, 1);
    assert_true(scrape(slots, 1, "banter_http_requests_total") == 6);
    assert_true(scrape(slots, 1, "banter_ws_open") == 0);
    assert_true(scrape(slots, 1, "banter_broker_shards") == 0);
}

static void test_processes(void **unused)
{
    struct metrics_slot *slots = metrics_share(2);

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
            metrics_use(&slots[i]);
            metrics_add(METRIC_COMMANDS, 21);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    assert_true(scrape(slots, 2, "banter_commands_total") == 42);
}

static void *count(void *unused)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        metrics_add(METRIC_BROKER_EVENTS, 1);
    return unused;
}

static void test_threads(void **unused)
{
    struct metrics_slot *slots = metrics_share(1);
    pthread_t threads[THREADS];

    (void)unused;
    metrics_use(slots);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(scrape(slots, 1, "banter_broker_events_total") == THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),      cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_sums),      cmocka_unit_test(test_use_again),
        cmocka_unit_test(test_processes), cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
