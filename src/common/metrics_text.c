#include "common/metrics_text.h"

#include "common/bus_proto.h"
#include "common/check.h"
#include "common/errors.h"
#include "common/mem.h"
#include "common/metrics_table.h"
#include "common/process_stats.h"
#include "common/rate.h"
#include "common/version.h"

#include <stdio.h>

#define LABEL_SIZE 128

static struct {
    const char *method;
    const char *route;
} route_names[METRICS_VALUES_ROUTE];

static const char *const kinds[METRICS_VALUES_KIND] = {
    [COMMAND_MESSAGE] = "message",
    [COMMAND_CREATE_ROOM] = "create_room",
    [COMMAND_JOIN] = "join",
    [COMMAND_LEAVE] = "leave",
    [COMMAND_EXPEL] = "expel",
    [COMMAND_REVOKE] = "revoke",
    [COMMAND_REMOVE_ROOM] = "remove_room",
};
static const char *const pools[METRICS_VALUES_POOL] = {"db", "scrypt"};
static const char *const sheds[METRICS_VALUES_SHED] = {
    [METRICS_SHED_HTTP_CONNECTIONS] = "http_connections",
    [METRICS_SHED_DB_QUEUE] = "db_queue",
    [METRICS_SHED_SCRYPT_QUEUE] = "scrypt_queue",
    [METRICS_SHED_COMMANDS] = "commands_in_flight",
    [METRICS_SHED_EPHEMERAL] = "ephemeral",
    [METRICS_SHED_BROKER_QUEUE] = "broker_queue",
    [METRICS_SHED_BROKER_LATE] = "late_command",
    [METRICS_SHED_ADDRESS_CONNECTIONS] = "connections_of_address",
    [METRICS_SHED_ADDRESS_SOCKETS] = "sockets_of_address",
    [METRICS_SHED_USER_SOCKETS] = "sockets_of_user",
    [METRICS_SHED_HANDSHAKES] = "handshakes",
    [METRICS_SHED_MEMORY] = "memory",
    [METRICS_SHED_USER_SESSIONS] = "sessions_of_user",
    [METRICS_SHED_HTTP_WAITING] = "waiting_http_connections",
    [METRICS_SHED_SOCKET_ROOMS] = "rooms_of_socket",
};

void metrics_name_route(size_t value, const char *method, const char *route)
{
    CHECK(value < METRICS_VALUES_ROUTE);
    route_names[value].method = method;
    route_names[value].route = route;
}

/* name="value" of a label; false for a value that has no name. */
static bool write_label(enum metrics_label label, size_t value, char out[LABEL_SIZE])
{
    const char *text = NULL;

    switch (label) {
    case METRICS_LABEL_ROUTE:
        if (route_names[value].route == NULL)
            return false;
        snprintf(out, LABEL_SIZE, "method=\"%s\",route=\"%s\"", route_names[value].method,
                 route_names[value].route);
        return true;
    case METRICS_LABEL_STATUS:
        if (metrics_status_code(value) == 0)
            snprintf(out, LABEL_SIZE, "status=\"other\"");
        else
            snprintf(out, LABEL_SIZE, "status=\"%d\"", metrics_status_code(value));
        return true;
    case METRICS_LABEL_KIND:
        text = kinds[value] != NULL ? kinds[value] : "other";
        snprintf(out, LABEL_SIZE, "kind=\"%s\"", text);
        return true;
    case METRICS_LABEL_RESULT:
        snprintf(out, LABEL_SIZE, "result=\"%s\"", err_code((enum err)value));
        return value < ERR_COUNT;
    case METRICS_LABEL_POOL:
        snprintf(out, LABEL_SIZE, "pool=\"%s\"", pools[value]);
        return true;
    case METRICS_LABEL_SHED:
        text = sheds[value];
        snprintf(out, LABEL_SIZE, "reason=\"%s\"", text != NULL ? text : "");
        return text != NULL;
    case METRICS_LABEL_CLASS:
        text = value < RATE_CLASSES ? rate_class_name((enum rate_class)value) : NULL;
        snprintf(out, LABEL_SIZE, "class=\"%s\"", text != NULL ? text : "");
        return text != NULL;
    case METRICS_LABEL_NONE:
    case METRICS_LABEL_COUNT:
        break;
    }
    UNREACHABLE();
}

static const char *type_name(enum metrics_kind kind)
{
    switch (kind) {
    case METRICS_KIND_COUNTER:
        return "counter";
    case METRICS_KIND_GAUGE:
        return "gauge";
    case METRICS_KIND_DURATION:
    case METRICS_KIND_SIZE:
        return "histogram";
    }
    UNREACHABLE();
}

static void write_head(const char *name, const char *help, const char *type, struct strbuf *out)
{
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t read_cell(const struct metrics_slot *slot, size_t cell)
{
    return atomic_load_explicit(&slot->values[cell], memory_order_relaxed);
}

static uint64_t sum_cell(const struct metrics_slot *slots, size_t count, size_t cell)
{
    uint64_t sum = 0;

    for (size_t slot = 0; slot < count; slot++)
        sum += read_cell(&slots[slot], cell);
    return sum;
}

static double in_base_unit(enum metrics_kind kind, uint64_t value)
{
    return kind == METRICS_KIND_DURATION ? (double)value / 1e6 : (double)value;
}

/* The buckets are cumulated here, and the count is the last one: so they agree, whatever is counted
 * meanwhile. */
static void write_histogram(const struct metrics_row *row, const uint64_t *cells, const char *label,
                            struct strbuf *out)
{
    const char *comma = label[0] != '\0' ? "," : "";
    const char *open = label[0] != '\0' ? "{" : "";
    const char *close = label[0] != '\0' ? "}" : "";
    size_t bound_count;
    const uint64_t *bounds = metrics_bounds(row->kind, &bound_count);
    uint64_t total = 0;

    for (size_t i = 0; i < bound_count; i++) {
        total += cells[i];
        strbuf_printf(out, "banter_%s_bucket{%s%sle=\"%g\"} %llu\n", row->name, label, comma,
                      in_base_unit(row->kind, bounds[i]), (unsigned long long)total);
    }
    total += cells[bound_count];
    strbuf_printf(out, "banter_%s_bucket{%s%sle=\"+Inf\"} %llu\n", row->name, label, comma,
                  (unsigned long long)total);
    strbuf_printf(out, "banter_%s_sum%s%s%s %.16g\n", row->name, open, label, close,
                  in_base_unit(row->kind, cells[METRICS_BOUNDS + 1]));
    strbuf_printf(out, "banter_%s_count%s%s%s %llu\n", row->name, open, label, close,
                  (unsigned long long)total);
}

static bool is_histogram(const struct metrics_row *row)
{
    return row->kind == METRICS_KIND_DURATION || row->kind == METRICS_KIND_SIZE;
}

static void write_histograms(const struct metrics_row *row, const struct metrics_slot *slots,
                             size_t count, struct strbuf *out)
{
    uint64_t cells[METRICS_BOUNDS + 2];
    char label[LABEL_SIZE] = "";

    for (size_t value = 0; value < row->sizes[0]; value++) {
        uint64_t any = 0;

        for (size_t i = 0; i < ARRAY_LEN(cells); i++)
            any |= cells[i] =
                sum_cell(slots, count, row->first_cell + value * ARRAY_LEN(cells) + i);
        if (row->labels[0] != METRICS_LABEL_NONE && !write_label(row->labels[0], value, label))
            continue;
        if (any != 0 || row->labels[0] != METRICS_LABEL_ROUTE)
            write_histogram(row, cells, label, out);
    }
}

static void write_labelled(const struct metrics_row *row, const struct metrics_slot *slots,
                           size_t count, struct strbuf *out)
{
    char first[LABEL_SIZE];
    char second[LABEL_SIZE];

    for (size_t i = 0; i < (size_t)row->sizes[0] * row->sizes[1]; i++) {
        uint64_t sum = sum_cell(slots, count, row->first_cell + i);
        bool two = row->labels[1] != METRICS_LABEL_NONE;

        if ((two && sum == 0) || !write_label(row->labels[0], i / row->sizes[1], first))
            continue;
        if (two && !write_label(row->labels[1], i % row->sizes[1], second))
            continue;
        strbuf_printf(out, "banter_%s{%s%s%s} %llu\n", row->name, first, two ? "," : "",
                      two ? second : "", (unsigned long long)sum);
    }
}

static void write_row_head(const struct metrics_row *row, struct strbuf *out)
{
    char name[96];

    snprintf(name, sizeof(name), "banter_%s", row->name);
    write_head(name, row->help, type_name(row->kind), out);
}

void metrics_write(const char *program, const struct metrics_slot *slots, size_t count,
                   struct strbuf *out)
{
    for (size_t i = 0; i < metrics_row_count; i++) {
        const struct metrics_row *row = &metrics_rows[i];

        if (!metrics_row_is_of(row, program))
            continue;
        write_row_head(row, out);
        if (is_histogram(row))
            write_histograms(row, slots, count, out);
        else if (row->labels[0] != METRICS_LABEL_NONE)
            write_labelled(row, slots, count, out);
        else
            strbuf_printf(out, "banter_%s %llu\n", row->name,
                          (unsigned long long)sum_cell(slots, count, row->first_cell));
    }
}

static bool in_use(const struct metrics_slot *slot)
{
    return atomic_load(&slot->pid) != 0;
}

static void write_labels(const struct metrics_slot *slots, size_t slot, struct strbuf *out)
{
    strbuf_printf(out, "{process=\"%.15s\",slot=\"%zu\"} ", slots[slot].process, slot);
}

void metrics_write_by_process(const char *program, const struct metrics_slot *slots, size_t count,
                              struct strbuf *out)
{
    for (size_t i = 0; i < metrics_row_count; i++) {
        const struct metrics_row *row = &metrics_rows[i];

        if (is_histogram(row) || row->labels[0] != METRICS_LABEL_NONE ||
            !metrics_row_is_of(row, program))
            continue;
        write_row_head(row, out);
        for (size_t slot = 0; slot < count; slot++) {
            if (!in_use(&slots[slot]))
                continue;
            strbuf_printf(out, "banter_%s", row->name);
            write_labels(slots, slot, out);
            strbuf_printf(out, "%llu\n",
                          (unsigned long long)read_cell(&slots[slot], row->first_cell));
        }
    }
}

/* ---- processes ---- */

struct process_row {
    const char *name;
    const char *type;
    const char *help;
    double (*value)(const struct metrics_slot *slot, const struct process_stats *stats);
};

static double value_up(const struct metrics_slot *slot ATTR_UNUSED,
                       const struct process_stats *stats ATTR_UNUSED)
{
    return 1;
}

static double value_starts(const struct metrics_slot *slot,
                           const struct process_stats *stats ATTR_UNUSED)
{
    return (double)atomic_load(&slot->starts);
}

static double value_connections(const struct metrics_slot *slot,
                                const struct process_stats *stats ATTR_UNUSED)
{
    return (double)(read_cell(slot, METRIC_WS_OPEN) + read_cell(slot, METRIC_HTTP_CONNECTIONS));
}

static double value_cpu(const struct metrics_slot *slot ATTR_UNUSED,
                        const struct process_stats *stats)
{
    return stats->cpu_seconds;
}

static double value_resident(const struct metrics_slot *slot ATTR_UNUSED,
                             const struct process_stats *stats)
{
    return (double)stats->resident_bytes;
}

static double value_virtual(const struct metrics_slot *slot ATTR_UNUSED,
                            const struct process_stats *stats)
{
    return (double)stats->virtual_bytes;
}

static double value_open_fds(const struct metrics_slot *slot ATTR_UNUSED,
                             const struct process_stats *stats)
{
    return (double)stats->open_fds;
}

static double value_max_fds(const struct metrics_slot *slot ATTR_UNUSED,
                            const struct process_stats *stats)
{
    return (double)stats->max_fds;
}

static double value_started(const struct metrics_slot *slot,
                            const struct process_stats *stats ATTR_UNUSED)
{
    return (double)atomic_load(&slot->started_us) / 1e6;
}

static const struct process_row process_rows[] = {
    {"banter_process_up", "gauge", "1 for each process that runs now.", value_up},
    {"banter_process_starts_total", "counter",
     "Processes that were started in this slot; more after a reload, or after a death: see "
     "banter_worker_deaths_total.",
     value_starts},
    {"banter_process_connections", "gauge",
     "Connections of a worker, WebSockets included; very unequal ones: clients keep few "
     "connections.",
     value_connections},
    {"process_cpu_seconds_total", "counter", "User and system time; near 1 a second: add workers.",
     value_cpu},
    {"process_resident_memory_bytes", "gauge",
     "Memory in RAM; if it grows without connections growing, report it.", value_resident},
    {"process_virtual_memory_bytes", "gauge", "Address space; nothing to be done about it.",
     value_virtual},
    {"process_open_fds", "gauge", "Open files and sockets; near process_max_fds: raise the limit.",
     value_open_fds},
    {"process_max_fds", "gauge", "Files and sockets that the process may have open.",
     value_max_fds},
    {"process_start_time_seconds", "gauge", "When the process began, since 1970.", value_started},
};

/* The processes that count now. They may end meanwhile, so each is looked at once only. */
static bool *look_at_processes(const struct metrics_slot *slots, size_t count,
                               struct process_stats *stats)
{
    bool *there = mem_alloc_array(count, sizeof(*there));

    for (size_t slot = 0; slot < count; slot++)
        there[slot] =
            in_use(&slots[slot]) && process_stats_read(atomic_load(&slots[slot].pid), &stats[slot]);
    return there;
}

void metrics_write_processes(const struct metrics_slot *slots, size_t count, struct strbuf *out)
{
    struct process_stats *stats = mem_alloc_array(count, sizeof(*stats));
    bool *there = look_at_processes(slots, count, stats);

    write_head("banter_build_info",
               "The version in its label; several at once: an update is under way.", "gauge", out);
    strbuf_add_str(out, "banter_build_info{version=\"" BANTER_VERSION "\"} 1\n");
    for (size_t i = 0; i < ARRAY_LEN(process_rows); i++) {
        const struct process_row *row = &process_rows[i];

        write_head(row->name, row->help, row->type, out);
        for (size_t slot = 0; slot < count; slot++) {
            if (!there[slot])
                continue;
            strbuf_add_str(out, row->name);
            write_labels(slots, slot, out);
            strbuf_printf(out, "%.16g\n", row->value(&slots[slot], &stats[slot]));
        }
    }
    mem_free(there);
    mem_free(stats);
}
