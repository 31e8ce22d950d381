/*
 * metrics_table.h: metrics.def as data, for metrics.c and metrics_text.c only.
 */
#ifndef BANTER_COMMON_METRICS_TABLE_H
#define BANTER_COMMON_METRICS_TABLE_H

#include "common/metrics.h"

enum metrics_kind {
    METRICS_KIND_COUNTER,
    METRICS_KIND_GAUGE,
    METRICS_KIND_DURATION,
    METRICS_KIND_SIZE
};

enum metrics_label {
    METRICS_LABEL_NONE,
    METRICS_LABEL_ROUTE,
    METRICS_LABEL_STATUS,
    METRICS_LABEL_KIND,
    METRICS_LABEL_RESULT,
    METRICS_LABEL_POOL,
    METRICS_LABEL_SHED,
    METRICS_LABEL_CLASS,
    METRICS_LABEL_COUNT
};

struct metrics_row {
    enum metric first_cell;
    const char *name; /* without "banter_" */
    const char *help;
    enum metrics_kind kind;
    enum metrics_label labels[2];
    uint16_t sizes[2]; /* how many values these have */
};

extern const struct metrics_row metrics_rows[];
extern const size_t metrics_row_count;

/* Whether a program counts this row, "gateway" or "broker"; NULL for all programs. Names tell:
 * broker_ is the broker's; bus_ and shed_ are of both. */
bool metrics_row_is_of(const struct metrics_row *row, const char *program);
/* The bounds of a histogram's kind, in its own unit (microseconds for durations), and the number of
 * them: at most METRICS_BOUNDS. */
const uint64_t *metrics_bounds(enum metrics_kind kind, size_t *count_out);
/* HTTP statuses by the value of their label; 0 for those that have no value of their own. */
int metrics_status_code(size_t value);

#endif
