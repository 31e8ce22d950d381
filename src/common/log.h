/*
 * log.h: one line an event, for grep or for a log store: time, level, process, event, then what
 * belongs to it.
 *
 *   2026-01-02T03:04:05.678901Z info gateway.w1 event=worker.ready pid=4711
 *   {"time":"2026-01-02T03:04:05.678901Z","level":"info","process":"gateway.w1",
 *    "event":"worker.ready","pid":4711}                         (LOG_FORMAT=json, in one line)
 *
 * The event is a stable dotted name, listed in docs/LOGS.md; what stands before its dot is the
 * module, which may have a level of its own. The rest is printf text that the caller writes as
 * key=value, each key once. Values that come from outside, or may hold a blank, go through
 * log_quote(). Never logged: tokens, passwords, message text. Lines go to stderr in one write, so
 * that those of several processes do not mix.
 */
#ifndef BANTER_COMMON_LOG_H
#define BANTER_COMMON_LOG_H

#include "common/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Names the process ("broker", "gateway.w0"), and sets what is left out for all modules alike.
 * Copies the name. Before other threads log. */
void log_init(const char *process, enum log_level least);
/* Names the process only; for one that was forked. Copies the name. */
void log_name(const char *process);
bool log_level_parse(const char *text, enum log_level *level_out) ATTR_MUSTCHECK;

/*
 * Sets levels, "info" or "info,db=debug,http=warn", and format, "logfmt" or "json"; at any time,
 * from any thread. False, and nothing is changed, when one cannot be used: error then has a
 * sentence about it.
 */
bool log_set(const char *levels, const char *format, char *error, size_t error_size) ATTR_MUSTCHECK;
/* Whether log_set() would take them. */
bool log_usable(const char *levels, const char *format, char *error,
                size_t error_size) ATTR_MUSTCHECK;

void log_write(enum log_level level, const char *event, const char *format, ...) ATTR_PRINTF(3, 4);

#define log_debug(event, ...) log_write(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_write(LOG_ERROR, event, __VA_ARGS__)

/*
 * For what may happen a thousand times a second: true at most once in interval_ms for this state,
 * and then *suppressed_out is how often it was false since. The state starts zeroed.
 */
struct log_limit {
    uint64_t last_ms;
    uint64_t suppressed;
};
bool log_allowed(struct log_limit *limit, uint64_t interval_ms, uint64_t *suppressed_out);

/* Text from outside as a quoted value: control bytes, quotes and backslashes are escaped, and it
 * is cut at size, which is at least 16. Returns out. */
char *log_quote(const char *text, char *out, size_t size);

#endif
