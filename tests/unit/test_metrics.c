// needs: common/metrics_text common/metrics_json common/process_stats common/errors common/clock common/strbuf common/mem common/check common/rate
/* metrics: what a scrape shows is well-formed and adds up, over slots and processes. */
#include "common/metrics_text.h"

#include "common/bus_proto.h"
#include "common/metrics_table.h"

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

    metrics_write(NULL, slots, count, &out);
    value = value_of(strbuf_str(&out), name);
    strbuf_fini(&out);
    return value;
}

/* The exposition format 0.0.4: HELP and TYPE of each, and then its samples, nothing else. */
static void check_text(char *text)
{
    char *rest = NULL;
    char name[128] = "";
    char type[32] = "";
    bool helped = false;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_true(
                matches(line, "^# HELP (banter|process)_[a-z][a-z0-9_]* [A-Z0-9a-z][^\\\\]+\\.$"));
            assert_int_equal(sscanf(line, "# HELP %100s", name), 1);
            helped = true;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            char typed[128];

            assert_true(helped);
            assert_int_equal(sscanf(line, "# TYPE %100s %30s", typed, type), 2);
            assert_string_equal(typed, name);
            assert_int_equal(matches(name, "_total$"), strcmp(type, "counter") == 0);
            helped = false;
        } else {
            const char *value = "( |\\{([a-z]+=\"[^\"]*\",?)+\\} )[0-9.e+-]+$";
            char pattern[256];

            snprintf(pattern, sizeof(pattern), "^%s%s%s", name,
                     strcmp(type, "histogram") == 0 ? "_(bucket|sum|count)" : "", value);
            assert_true(matches(line, pattern));
        }
    }
}

static void test_text(void **unused)
{
    struct metrics_slot *slots = metrics_share(2);
    struct strbuf out = STRBUF_EMPTY;

    (void)unused;
    metrics_use(&slots[1], "w0");
    atomic_store(&slots->values[0], UINT64_MAX);
    metrics_name_route(3, "GET", "/a/{b}");
    metrics_add_by2(METRIC_HTTP_RESPONSES, 3, metrics_status(200), 2);
    metrics_add_by2(METRIC_HTTP_RESPONSES, 3, metrics_status(599), 1);
    metrics_add_by2(METRIC_COMMAND_RESULTS, COMMAND_JOIN, ERR_ROOM_NOT_FOUND, 4);
    metrics_add_by(METRIC_SHED, METRICS_SHED_EPHEMERAL, 5);
    metrics_add_by(METRIC_SHED, METRICS_SHED_BROKER_LATE, 6);
    metrics_observe_us_by(METRIC_HTTP_DURATION, 3, 1);
    metrics_write(NULL, slots, 2, &out);
    metrics_write_processes(slots, 2, &out);
    assert_int_equal(out.data[out.len - 1], '\n');
    assert_true(
        value_of(out.data,
                 "banter_http_responses_total{method=\"GET\",route=\"/a/{b}\",status=\"200\"}") ==
        2);
    assert_true(
        value_of(out.data,
                 "banter_http_responses_total{method=\"GET\",route=\"/a/{b}\",status=\"other\"}") ==
        1);
    assert_true(value_of(out.data,
                         "banter_command_results_total{kind=\"join\",result=\"room_not_found\"}") ==
                4);
    assert_true(value_of(out.data, "banter_shed_total{reason=\"ephemeral\"}") == 5);
    assert_true(value_of(out.data, "banter_shed_total{reason=\"late_command\"}") == 6);
    assert_true(value_of(out.data, "banter_shed_total{reason=\"db_queue\"}") == 0);
    assert_true(value_of(out.data, "banter_process_up{process=\"w0\",slot=\"1\"}") == 1);
    assert_true(value_of(out.data, "process_resident_memory_bytes{process=\"w0\",slot=\"1\"}") >
                100000);
    check_text(out.data);
    strbuf_reset(&out);
    metrics_write_by_process(NULL, slots, 2, &out);
    check_text(out.data);
    strbuf_fini(&out);
}

static void test_names_are_unique(void **unused)
{
    (void)unused;
    assert_true(metrics_row_count > 50);
    for (size_t i = 0; i < metrics_row_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(metrics_rows[i].name, metrics_rows[j].name);
}

/* A base unit in the name, as Prometheus wants it. */
static void test_units(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < metrics_row_count; i++) {
        const struct metrics_row *row = &metrics_rows[i];

        assert_int_equal(matches(row->name, "_total$"), row->kind == METRICS_KIND_COUNTER);
        if (row->kind == METRICS_KIND_DURATION)
            assert_true(matches(row->name, "_seconds$"));
        assert_false(matches(row->name, "_(ms|us|kb|mb)(_|$)"));
        /* Each cell belongs to one row. */
        if (i > 0)
            assert_true(row->first_cell > metrics_rows[i - 1].first_cell);
    }
}

/* Values fall into the bucket whose bound they do not exceed; buckets are cumulated. */
static void test_histogram(void **unused)
{
    struct metrics_slot *slots = metrics_share(2);
    struct strbuf out = STRBUF_EMPTY;

    (void)unused;
    metrics_use(&slots[0], "w0");
    metrics_observe_us(METRIC_DELIVERY, 0);
    metrics_observe_us(METRIC_DELIVERY, 100);
    metrics_observe_us(METRIC_DELIVERY, 101);
    metrics_use(&slots[1], "w1");
    metrics_observe_us(METRIC_DELIVERY, 60000000);
    metrics_observe_us(METRIC_DELIVERY, 60000001);
    metrics_observe_size(METRIC_BROKER_BATCH, 1000);
    metrics_observe_us_by(METRIC_POOL_WAIT, METRICS_POOL_SCRYPT, 2500);
    metrics_observe_us_by(METRIC_POOL_WAIT, 99, 2500);
    metrics_write(NULL, slots, 2, &out);
    assert_true(value_of(out.data, "banter_delivery_seconds_bucket{le=\"0.0001\"}") == 2);
    assert_true(value_of(out.data, "banter_delivery_seconds_bucket{le=\"0.00025\"}") == 3);
    assert_true(value_of(out.data, "banter_delivery_seconds_bucket{le=\"30\"}") == 3);
    assert_true(value_of(out.data, "banter_delivery_seconds_bucket{le=\"60\"}") == 4);
    assert_true(value_of(out.data, "banter_delivery_seconds_bucket{le=\"+Inf\"}") == 5);
    assert_true(value_of(out.data, "banter_delivery_seconds_count") == 5);
    assert_non_null(strstr(out.data, "banter_delivery_seconds_sum 120.000202\n"));
    assert_true(value_of(out.data, "banter_broker_batch_commands_bucket{le=\"500\"}") == 0);
    assert_true(value_of(out.data, "banter_broker_batch_commands_bucket{le=\"1000\"}") == 1);
    assert_true(value_of(out.data, "banter_broker_batch_commands_sum") == 1000);
    assert_true(
        value_of(out.data, "banter_pool_wait_seconds_bucket{pool=\"scrypt\",le=\"0.0025\"}") == 2);
    assert_true(value_of(out.data, "banter_pool_wait_seconds_count{pool=\"db\"}") == 0);
    strbuf_fini(&out);
}

/* The process is gone: its gauges, too, but what it counted is not; its successor goes on. */
static void test_retire(void **unused)
{
    struct metrics_slot *slots = metrics_share(2);
    struct strbuf out = STRBUF_EMPTY;

    (void)unused;
    metrics_use(&slots[0], "w0");
    metrics_add(METRIC_HTTP_REQUESTS, 5);
    metrics_observe_us(METRIC_DELIVERY, 5);
    metrics_set(METRIC_WS_OPEN, 7);
    metrics_retire(&slots[0]);
    metrics_use(&slots[1], "w0");
    metrics_write(NULL, slots, 2, &out);
    metrics_write_processes(slots, 2, &out);
    assert_true(value_of(out.data, "banter_http_requests_total") == 5);
    assert_true(value_of(out.data, "banter_ws_open") == 0);
    assert_true(value_of(out.data, "banter_delivery_seconds_count") == 1);
    assert_null(strstr(out.data, "banter_process_up{process=\"w0\",slot=\"0\"}"));
    assert_true(value_of(out.data, "banter_process_up{process=\"w0\",slot=\"1\"}") == 1);
    metrics_use(&slots[0], "w1");
    metrics_add(METRIC_HTTP_REQUESTS, 1);
    strbuf_reset(&out);
    metrics_write(NULL, slots, 2, &out);
    metrics_write_processes(slots, 2, &out);
    assert_true(value_of(out.data, "banter_http_requests_total") == 6);
    assert_true(value_of(out.data, "banter_process_starts_total{process=\"w1\",slot=\"0\"}") == 2);
    strbuf_fini(&out);
}

static void test_json(void **unused)
{
    struct metrics_slot *slots = metrics_share(3);
    struct strbuf out = STRBUF_EMPTY;

    (void)unused;
    metrics_use(&slots[1], "w1");
    metrics_set(METRIC_WS_OPEN, 7);
    metrics_add(METRIC_WS_OPENED, 9);
    metrics_observe_us(METRIC_DELIVERY, 1500000);
    metrics_write_json("gateway", slots, 3, &out);
    assert_true(matches(out.data,
                        "^\\{\"program\":\"gateway\",\"version\":\"[^\"]+\",\"time_us\":[0-9]+,"
                        "\"processes\":\\[\\{\"slot\":1,\"process\":\"w1\",\"pid\":[0-9]+,"));
    assert_non_null(strstr(out.data, "\"ws_open\":7,"));
    assert_non_null(strstr(out.data, "\"ws_opened_total\":9,"));
    assert_non_null(strstr(out.data, "\"delivery_seconds\":{\"count\":1,\"sum\":1.5}"));
    assert_string_equal(out.data + out.len - 4, "}}]}");
    strbuf_fini(&out);
}

static void test_sums(void **unused)
{
    struct metrics_slot *slots = metrics_share(3);

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        metrics_use(&slots[i], "w");
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
    metrics_use(slots, "w");
    metrics_add(METRIC_HTTP_REQUESTS, 5);
    metrics_set(METRIC_WS_OPEN, 7);
    metrics_set(METRIC_BROKER_SHARDS, 7);
    metrics_use(slots, "w");
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
            metrics_use(&slots[i], "w");
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
    metrics_use(slots, "w");
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(scrape(slots, 1, "banter_broker_events_total") == THREADS * ROUNDS);
}

/* A broker shows nothing of sockets, which would read as "none is open", and so on. */
static void test_programs(void **unused)
{
    struct metrics_slot *slots = metrics_share(1);
    struct strbuf out = STRBUF_EMPTY;

    (void)unused;
    metrics_write("broker", slots, 1, &out);
    assert_null(strstr(out.data, "banter_ws_open "));
    assert_null(strstr(out.data, "banter_workers "));
    assert_non_null(strstr(out.data, "banter_broker_shards 0"));
    assert_non_null(strstr(out.data, "banter_bus_bad_messages_total 0"));
    strbuf_reset(&out);
    metrics_write("gateway", slots, 1, &out);
    assert_non_null(strstr(out.data, "banter_ws_open 0"));
    assert_non_null(strstr(out.data, "banter_bus_bad_messages_total 0"));
    assert_non_null(strstr(out.data, "banter_shed_total{"));
    assert_null(strstr(out.data, "banter_broker_"));
    strbuf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),      cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_units),     cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_retire),    cmocka_unit_test(test_programs),
        cmocka_unit_test(test_json),      cmocka_unit_test(test_sums),
        cmocka_unit_test(test_use_again), cmocka_unit_test(test_processes),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
