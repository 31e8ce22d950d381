#include "common/metrics.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/metrics_table.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct metrics_slot own_slot;
struct metrics_slot *metrics_current = &own_slot;

const struct metrics_row metrics_rows[] = {
#define METRIC(symbol, kind, name, first, second, help)                                            \
    {METRIC_##symbol,                                                                              \
     name,                                                                                         \
     help,                                                                                         \
     METRICS_KIND_##kind,                                                                          \
     {METRICS_LABEL_##first, METRICS_LABEL_##second},                                              \
     {METRICS_VALUES_##first, METRICS_VALUES_##second}},
#include "common/metrics.def"
};
const size_t metrics_row_count = ARRAY_LEN(metrics_rows);

/* From what a commit on a fast disk takes to what a command may wait. */
static const uint64_t durations_us[] = {
    100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};
static const uint64_t sizes[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

_Static_assert(ARRAY_LEN(durations_us) <= METRICS_BOUNDS, "durations fit their cells");
_Static_assert(ARRAY_LEN(sizes) <= METRICS_BOUNDS, "sizes fit their cells");

static const int statuses[] = {
    0,   101, 200, 201, 202, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408,
    409, 410, 411, 412, 413, 414, 415, 416, 417, 422, 426, 429, 431, 500, 501, 502, 503, 504, 505,
};
_Static_assert(ARRAY_LEN(statuses) <= METRICS_VALUES_STATUS, "statuses fit their cells");

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool metrics_row_is_of(const struct metrics_row *row, const char *program)
{
    bool of_broker = starts_with(row->name, "broker_");

    if (program == NULL || starts_with(row->name, "bus_") || starts_with(row->name, "shed_"))
        return true;
    return of_broker == (strcmp(program, "broker") == 0);
}

const uint64_t *metrics_bounds(enum metrics_kind kind, size_t *count_out)
{
    *count_out = kind == METRICS_KIND_DURATION ? ARRAY_LEN(durations_us) : ARRAY_LEN(sizes);
    return kind == METRICS_KIND_DURATION ? durations_us : sizes;
}

int metrics_status_code(size_t value)
{
    return value < ARRAY_LEN(statuses) ? statuses[value] : 0;
}

size_t metrics_status(int http_status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i] == http_status)
            return i;
    return 0;
}

static const struct metrics_row *row_of(enum metric metric)
{
    /* By binary search: rows are in the order of their cells. */
    size_t low = 0;
    size_t high = ARRAY_LEN(metrics_rows);

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (metrics_rows[middle].first_cell <= metric)
            low = middle;
        else
            high = middle;
    }
    return &metrics_rows[low];
}

static void add_cell(size_t cell, uint64_t count)
{
    atomic_fetch_add_explicit(&metrics_current->values[cell], count, memory_order_relaxed);
}

void metrics_add_by(enum metric metric, size_t value, uint64_t count)
{
    const struct metrics_row *row = row_of(metric);

    add_cell(metric + MIN(value, (size_t)row->sizes[0] - 1), count);
}

void metrics_add_by2(enum metric metric, size_t first, size_t second, uint64_t count)
{
    const struct metrics_row *row = row_of(metric);
    size_t at = MIN(first, (size_t)row->sizes[0] - 1) * row->sizes[1];

    add_cell(metric + at + MIN(second, (size_t)row->sizes[1] - 1), count);
}

static void observe(size_t cell, const uint64_t *bounds, size_t count, uint64_t value)
{
    size_t bucket = 0;

    while (bucket < count && value > bounds[bucket])
        bucket++;
    add_cell(cell + bucket, 1);
    add_cell(cell + METRICS_BOUNDS + 1, value);
}

void metrics_observe_us(enum metric metric, uint64_t us)
{
    observe(metric, durations_us, ARRAY_LEN(durations_us), us);
}

void metrics_observe_us_by(enum metric metric, size_t label_value, uint64_t us)
{
    size_t last = (size_t)row_of(metric)->sizes[0] - 1;

    observe(metric + MIN(label_value, last) * METRICS_CELLS_DURATION, durations_us,
            ARRAY_LEN(durations_us), us);
}

void metrics_observe_size(enum metric metric, uint64_t size)
{
    observe(metric, sizes, ARRAY_LEN(sizes), size);
}

struct metrics_slot *metrics_share(size_t count)
{
    void *slots = mmap(NULL, count * sizeof(struct metrics_slot), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(slots != MAP_FAILED);
    return slots;
}

static void zero_gauges(struct metrics_slot *slot)
{
    for (size_t i = 0; i < ARRAY_LEN(metrics_rows); i++)
        if (metrics_rows[i].kind == METRICS_KIND_GAUGE)
            atomic_store_explicit(&slot->values[metrics_rows[i].first_cell], 0,
                                  memory_order_relaxed);
}

void metrics_use(struct metrics_slot *slot, const char *process)
{
    metrics_current = slot;
    zero_gauges(slot);
    snprintf(slot->process, sizeof(slot->process), "%s", process);
    atomic_store(&slot->started_us, clock_wall_us());
    atomic_fetch_add(&slot->starts, 1);
    atomic_store(&slot->pid, getpid());
}

void metrics_retire(struct metrics_slot *slot)
{
    atomic_store(&slot->pid, 0);
    zero_gauges(slot);
}
