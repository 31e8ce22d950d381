/*
 * metrics_write_json() of metrics_text.h.
 */
#include "common/clock.h"
#include "common/metrics_table.h"
#include "common/metrics_text.h"
#include "common/process_stats.h"
#include "common/version.h"

static void write_rows(const char *program, const struct metrics_slot *slot, const char *member,
                       enum metrics_kind kind, struct strbuf *out)
{
    const char *comma = "";

    strbuf_printf(out, ",\"%s\":{", member);
    for (size_t i = 0; i < metrics_row_count; i++) {
        const struct metrics_row *row = &metrics_rows[i];

        if (row->kind != kind || row->labels[0] != METRICS_LABEL_NONE ||
            !metrics_row_is_of(row, program))
            continue;
        strbuf_printf(out, "%s\"%s\":%llu", comma, row->name,
                      (unsigned long long)atomic_load(&slot->values[row->first_cell]));
        comma = ",";
    }
    strbuf_add_char(out, '}');
}

static void write_histograms(const char *program, const struct metrics_slot *slot,
                             struct strbuf *out)
{
    const char *comma = "";

    strbuf_add_str(out, ",\"histograms\":{");
    for (size_t i = 0; i < metrics_row_count; i++) {
        const struct metrics_row *row = &metrics_rows[i];
        bool duration = row->kind == METRICS_KIND_DURATION;
        uint64_t count = 0;
        double sum;

        if ((!duration && row->kind != METRICS_KIND_SIZE) || row->labels[0] != METRICS_LABEL_NONE ||
            !metrics_row_is_of(row, program))
            continue;
        for (size_t bucket = 0; bucket <= METRICS_BOUNDS; bucket++)
            count += atomic_load(&slot->values[row->first_cell + bucket]);
        sum = (double)atomic_load(&slot->values[row->first_cell + METRICS_BOUNDS + 1]);
        strbuf_printf(out, "%s\"%s\":{\"count\":%llu,\"sum\":%.16g}", comma, row->name,
                      (unsigned long long)count, duration ? sum / 1e6 : sum);
        comma = ",";
    }
    strbuf_add_char(out, '}');
}

static void write_process(const char *program, const struct metrics_slot *slot, size_t number,
                          pid_t pid, uint64_t now_us, struct strbuf *out)
{
    uint64_t started_us = atomic_load(&slot->started_us);
    struct process_stats stats = {0};

    if (!process_stats_read(pid, &stats))
        stats = (struct process_stats){0};
    strbuf_printf(out,
                  "{\"slot\":%zu,\"process\":\"%.15s\",\"pid\":%d,\"started_us\":%llu,"
                  "\"uptime_s\":%.1f,\"starts\":%llu,\"cpu_seconds\":%.2f,\"rss_bytes\":%llu,"
                  "\"open_fds\":%llu,\"max_fds\":%llu",
                  number, slot->process, (int)pid, (unsigned long long)started_us,
                  now_us > started_us ? (double)(now_us - started_us) / 1e6 : 0.0,
                  (unsigned long long)atomic_load(&slot->starts), stats.cpu_seconds,
                  (unsigned long long)stats.resident_bytes, (unsigned long long)stats.open_fds,
                  (unsigned long long)stats.max_fds);
    write_rows(program, slot, "gauges", METRICS_KIND_GAUGE, out);
    write_rows(program, slot, "counters", METRICS_KIND_COUNTER, out);
    write_histograms(program, slot, out);
    strbuf_add_char(out, '}');
}

void metrics_write_json(const char *program, const struct metrics_slot *slots, size_t count,
                        struct strbuf *out)
{
    uint64_t now_us = clock_wall_us();
    const char *comma = "";

    strbuf_printf(out,
                  "{\"program\":\"%s\",\"version\":\"" BANTER_VERSION
                  "\",\"time_us\":%llu,\"processes\":[",
                  program, (unsigned long long)now_us);
    for (size_t i = 0; i < count; i++) {
        pid_t pid = atomic_load(&slots[i].pid);

        if (pid == 0)
            continue;
        strbuf_add_str(out, comma);
        write_process(program, &slots[i], i, pid, now_us, out);
        comma = ",";
    }
    strbuf_add_str(out, "]}");
}
