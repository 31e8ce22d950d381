#include "common/strbuf.h"

#include "common/check.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void strbuf_init(struct strbuf *buf)
{
    buf->data = NULL;
    buf->len = buf->capacity = 0;
}

void strbuf_fini(struct strbuf *buf)
{
    mem_free(buf->data);
    strbuf_init(buf);
}

void strbuf_reset(struct strbuf *buf)
{
    buf->len = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

char *strbuf_reserve(struct strbuf *buf, size_t len)
{
    size_t needed = buf->len + len + 1;

    CHECK(needed > len);
    if (needed > buf->capacity) {
        size_t grown = MAX(MAX(needed, buf->capacity * 2), (size_t)64);

        buf->data = mem_realloc(buf->data, grown);
        buf->capacity = grown;
    }
    return buf->data + buf->len;
}

void strbuf_add(struct strbuf *buf, const void *data, size_t len)
{
    char *at = strbuf_reserve(buf, len);

    if (len > 0)
        memcpy(at, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void strbuf_add_str(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

const char *strbuf_u64(uint64_t value, char space[STRBUF_U64_SIZE])
{
    char *at = space + STRBUF_U64_SIZE - 1;

    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return at;
}

void strbuf_add_u64(struct strbuf *buf, uint64_t value)
{
    char space[STRBUF_U64_SIZE];
    const char *digits = strbuf_u64(value, space);

    strbuf_add(buf, digits, (size_t)(space + STRBUF_U64_SIZE - 1 - digits));
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(len >= 0);
    char *at = strbuf_reserve(buf, (size_t)len);
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

char *strbuf_take(struct strbuf *buf)
{
    char *text;

    strbuf_add(buf, "", 0);
    text = buf->data;
    strbuf_init(buf);
    return text;
}

const char *strbuf_str(const struct strbuf *buf)
{
    return buf->data != NULL ? buf->data : "";
}
