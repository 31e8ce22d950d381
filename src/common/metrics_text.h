/*
 * metrics_text.h: what was counted, in Prometheus' text format (exposition format 0.0.4).
 */
#ifndef BANTER_COMMON_METRICS_TEXT_H
#define BANTER_COMMON_METRICS_TEXT_H

#include "common/metrics.h"
#include "common/strbuf.h"

/* Names a value of the label ROUTE: method="GET",route="/api/…". Both are static, and need no
 * escape. Before any of the functions below; a value without a name is not shown. */
void metrics_name_route(size_t value, const char *method, const char *route);

/* The sums of count slots, those of processes that are gone included, of the rows that the program
 * ("gateway", "broker"; NULL for all) counts. Label values that never occurred are left out where
 * there could be many. */
void metrics_write(const char *program, const struct metrics_slot *slots, size_t count,
                   struct strbuf *out);
/* The same for each slot that a process uses now, with the labels process and slot; histograms and
 * labelled counters are left out. */
void metrics_write_by_process(const char *program, const struct metrics_slot *slots, size_t count,
                              struct strbuf *out);
/* banter_build_info, and for each process that counts: whether it is up, its connections, and the
 * conventional process_* of CPU, memory, descriptors and start, with the labels process and slot.
 * Reads /proc. */
void metrics_write_processes(const struct metrics_slot *slots, size_t count, struct strbuf *out);

/*
 * The processes as JSON, for banterctl top and for people:
 *
 *   {"program":"gateway","version":"0.1.0","time_us":N,"processes":[
 *     {"slot":0,"process":"w0","pid":4711,"started_us":N,"uptime_s":N.N,"starts":1,
 *      "cpu_seconds":N.NN,"rss_bytes":N,"open_fds":N,"max_fds":N,
 *      "gauges":{"ws_open":3,…},
 *      "counters":{"ws_deliveries_total":70,…},
 *      "histograms":{"delivery_seconds":{"count":70,"sum":0.8},…}},…]}
 *
 * gauges and counters have all rows without labels, by their name without "banter_"; counters go on
 * when a slot is used again (starts says so), so that the difference of two answers is right for
 * each slot. A worker is one whose process begins with "w"; "master" and "admin" are the others,
 * and a broker has one process, "broker". Slots without a process are left out.
 */
void metrics_write_json(const char *program, const struct metrics_slot *slots, size_t count,
                        struct strbuf *out);

#endif
