/*
 * wire.h: a bounded reader and writer of big-endian numbers and counted byte strings.
 *
 * The reader has a sticky error: after the first read beyond the end, every further one gives zero
 * or an empty span, and wire_read_end() says false. So a decoder reads all fields and asks once.
 */
#ifndef BANTER_COMMON_WIRE_H
#define BANTER_COMMON_WIRE_H

#include "common/base.h"
#include "common/strbuf.h"

struct wire_reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

void wire_read_begin(struct wire_reader *reader, const void *data, size_t len);
uint8_t wire_read_u8(struct wire_reader *reader);
uint16_t wire_read_u16(struct wire_reader *reader);
uint32_t wire_read_u32(struct wire_reader *reader);
uint64_t wire_read_u64(struct wire_reader *reader);
/* Exactly len bytes, borrowed from the input. */
struct span wire_read_bytes(struct wire_reader *reader, size_t len);
/* A 16- or 32-bit length and as many bytes. */
struct span wire_read_span16(struct wire_reader *reader);
struct span wire_read_span32(struct wire_reader *reader);
/* True when nothing failed and every byte was used. */
bool wire_read_end(const struct wire_reader *reader) ATTR_MUSTCHECK;

void wire_write_u8(struct strbuf *buf, uint8_t value);
void wire_write_u16(struct strbuf *buf, uint16_t value);
void wire_write_u32(struct strbuf *buf, uint32_t value);
void wire_write_u64(struct strbuf *buf, uint64_t value);
/* Longer spans than the length field can say are a bug. */
void wire_write_span16(struct strbuf *buf, struct span bytes);
void wire_write_span32(struct strbuf *buf, struct span bytes);

#endif
