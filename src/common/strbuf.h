/*
 * strbuf.h: a growing byte buffer that always ends in a NUL (not counted in len).
 */
#ifndef BANTER_COMMON_STRBUF_H
#define BANTER_COMMON_STRBUF_H

#include "common/base.h"

struct strbuf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t capacity;
};

#define STRBUF_EMPTY                                                                               \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void strbuf_init(struct strbuf *buf);
void strbuf_fini(struct strbuf *buf);
/* Empties it and keeps the memory. */
void strbuf_reset(struct strbuf *buf);
/* Makes room for len more bytes, and returns where they go; the caller then adds to buf->len. */
char *strbuf_reserve(struct strbuf *buf, size_t len);
void strbuf_add(struct strbuf *buf, const void *data, size_t len);
void strbuf_add_str(struct strbuf *buf, const char *text);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_add_u64(struct strbuf *buf, uint64_t value);
/* The same without a buffer: the decimal digits and a NUL, somewhere in space. */
#define STRBUF_U64_SIZE 21
const char *strbuf_u64(uint64_t value, char space[STRBUF_U64_SIZE]);
void strbuf_printf(struct strbuf *buf, const char *format, ...) ATTR_PRINTF(2, 3);
/* Gives the memory to the caller (mem_free), and empties the buffer. Never NULL. */
char *strbuf_take(struct strbuf *buf);
/* The text so far; "" when empty. Valid until the next change. */
const char *strbuf_str(const struct strbuf *buf);

#endif
