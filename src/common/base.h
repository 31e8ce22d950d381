/*
 * base.h: the few attributes, helpers and types that every file may rely on.
 *
 * Floor F0 (see docs/ARCHITECTURE.md): libc only, no I/O, no state.
 */
#ifndef BANTER_COMMON_BASE_H
#define BANTER_COMMON_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ATTR_NORETURN          __attribute__((noreturn))
#define ATTR_MUSTCHECK         __attribute__((warn_unused_result))
#define ATTR_UNUSED            __attribute__((unused))

#define ARRAY_LEN(array)                (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

/* Borrowed bytes: whoever hands a span out says how long it stays valid. Not NUL-terminated. */
struct span {
    const uint8_t *data;
    size_t len;
};

/* Whether the bytes are exactly this text. */
static inline bool span_is(struct span span, const char *text)
{
    size_t len = strlen(text);

    return span.len == len && memcmp(span.data, text, len) == 0;
}

#endif
