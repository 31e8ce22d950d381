#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static char process_name[32] = "banter";
static enum log_level least_level = LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *process, enum log_level least)
{
    snprintf(process_name, sizeof(process_name), "%s", process);
    least_level = least;
}

bool log_level_parse(const char *text, enum log_level *level_out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *level_out = (enum log_level)i;
            return true;
        }
    return false;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    int saved_errno = errno;
    char line[LINE_MAX_BYTES];
    char now[CLOCK_ISO_SIZE];
    size_t len;
    va_list args;

    if (level < least_level)
        return;
    len = (size_t)snprintf(line, sizeof(line), "%s %s %s event=%s ",
                           clock_format_iso(clock_wall_us(), now), level_names[level], process_name,
                           event);
    va_start(args, format);
    int more = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
    va_end(args);
    len = MIN(len + (size_t)MAX(more, 0), sizeof(line) - 2);
    line[len++] = '\n';
    /* A log that cannot be written has nobody left to tell. */
    ssize_t ignored ATTR_UNUSED = write(STDERR_FILENO, line, len);
    errno = saved_errno;
}

bool log_allowed(struct log_limit *limit, uint64_t interval_ms, uint64_t *suppressed_out)
{
    uint64_t now = clock_mono_ms();

    if (limit->last_ms != 0 && now - limit->last_ms < interval_ms) {
        limit->suppressed++;
        return false;
    }
    *suppressed_out = limit->suppressed;
    limit->suppressed = 0;
    limit->last_ms = now;
    return true;
}

char *log_quote(const char *text, char *out, size_t size)
{
    size_t at = 0;

    out[at++] = '"';
    for (; *text != '\0' && at + 6 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
        } else {
            out[at++] = (char)c;
        }
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
