#include "common/wire.h"

#include "common/check.h"

#include <endian.h>
#include <string.h>

void wire_read_begin(struct wire_reader *reader, const void *data, size_t len)
{
    reader->at = data;
    reader->left = len;
    reader->failed = false;
}

struct span wire_read_bytes(struct wire_reader *reader, size_t len)
{
    struct span bytes = {reader->at, len};

    if (reader->failed || len > reader->left) {
        reader->failed = true;
        return (struct span){NULL, 0};
    }
    reader->at += len;
    reader->left -= len;
    return bytes;
}

/* A number is the last bytes of a 64-bit one. */
static inline uint64_t read_number(struct wire_reader *reader, size_t size)
{
    struct span bytes = wire_read_bytes(reader, size);
    uint64_t value = 0;

    if (bytes.data != NULL)
        memcpy((uint8_t *)&value + sizeof(value) - size, bytes.data, size);
    return be64toh(value);
}

uint8_t wire_read_u8(struct wire_reader *reader)
{
    return (uint8_t)read_number(reader, 1);
}

uint16_t wire_read_u16(struct wire_reader *reader)
{
    return (uint16_t)read_number(reader, 2);
}

uint32_t wire_read_u32(struct wire_reader *reader)
{
    return (uint32_t)read_number(reader, 4);
}

uint64_t wire_read_u64(struct wire_reader *reader)
{
    return read_number(reader, 8);
}

struct span wire_read_span16(struct wire_reader *reader)
{
    return wire_read_bytes(reader, wire_read_u16(reader));
}

struct span wire_read_span32(struct wire_reader *reader)
{
    return wire_read_bytes(reader, wire_read_u32(reader));
}

bool wire_read_end(const struct wire_reader *reader)
{
    return !reader->failed && reader->left == 0;
}

static inline void write_number(struct strbuf *buf, uint64_t value, size_t size)
{
    value = htobe64(value);
    strbuf_add(buf, (uint8_t *)&value + sizeof(value) - size, size);
}

void wire_write_u8(struct strbuf *buf, uint8_t value)
{
    write_number(buf, value, 1);
}

void wire_write_u16(struct strbuf *buf, uint16_t value)
{
    write_number(buf, value, 2);
}

void wire_write_u32(struct strbuf *buf, uint32_t value)
{
    write_number(buf, value, 4);
}

void wire_write_u64(struct strbuf *buf, uint64_t value)
{
    write_number(buf, value, 8);
}

void wire_write_span16(struct strbuf *buf, struct span bytes)
{
    CHECK(bytes.len <= UINT16_MAX);
    wire_write_u16(buf, (uint16_t)bytes.len);
    strbuf_add(buf, bytes.data, bytes.len);
}

void wire_write_span32(struct strbuf *buf, struct span bytes)
{
    CHECK(bytes.len <= UINT32_MAX);
    wire_write_u32(buf, (uint32_t)bytes.len);
    strbuf_add(buf, bytes.data, bytes.len);
}
