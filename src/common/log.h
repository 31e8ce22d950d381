/*
 * log.h: one logfmt line an event, for grep: time, level, process, event, then key=value pairs.
 *
 *   2026-01-02T03:04:05.678901Z info gateway.w1 event=worker.ready pid=4711
 *
 * The event is a stable dotted name; the rest is printf text that the caller writes as key=value.
 * Values that come from outside go through log_quote(). Never logged: tokens, passwords, message
 * text. Lines go to stderr in one write, so that those of several processes do not mix.
 */
#ifndef BANTER_COMMON_LOG_H
#define BANTER_COMMON_LOG_H

#include "common/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Names the process ("broker", "gateway.w0") and sets what is left out. Copies the name. */
void log_init(const char *process, enum log_level least);
bool log_level_parse(const char *text, enum log_level *level_out) ATTR_MUSTCHECK;

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
