// needs: common/utf8 common/strbuf common/mem common/check
/*
 * ws_frame: any bytes as a client's frames, against a reading of RFC 6455, 5.2 that takes field
 * after field by its bits. Every beginning of a header gets the verdict that its fields allow, and
 * no later byte changes it; what is read and written again is the same bytes; payloads are unmasked
 * byte by byte; and frames that come in pieces are those that come whole.
 *
 * The first byte chooses the greatest payload and whether permessage-deflate was negotiated, the
 * second the pieces.
 */
#include "gateway/ws_frame.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "common/utf8.h"

#include <string.h>

#define HEAD_SIZE 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the plain reading ---- */

struct bits {
    const uint8_t *data;
    size_t left; /* bits */
    size_t at;
};

/* False when there are not as many. */
static bool take(struct bits *bits, unsigned count, uint64_t *out)
{
    if (bits->left < count)
        return false;
    bits->left -= count;
    for (*out = 0; count > 0; count--, bits->at++)
        *out = *out << 1 | (bits->data[bits->at / 8] >> (7 - bits->at % 8) & 1);
    return true;
}

/* The fields of 5.2 in their order. */
struct plain {
    uint64_t fin, rsv1, rsv2, rsv3, opcode, masked, len, key;
    size_t size;
};

static bool plain_control(const struct plain *plain)
{
    return plain->opcode >= 8;
}

/* 5.2: which bits and opcodes mean something; RFC 7692, 6: where the first bit does. */
static bool plain_first_good(const struct plain *plain, bool deflate)
{
    bool starts_message = plain->opcode == WS_OP_TEXT || plain->opcode == WS_OP_BINARY;

    if (plain->rsv2 != 0 || plain->rsv3 != 0 || (plain->rsv1 != 0 && !(deflate && starts_message)))
        return false;
    if ((plain->opcode >= 3 && plain->opcode <= 7) || plain->opcode >= 0xb)
        return false;
    return !plain_control(plain) || plain->fin != 0;
}

/* The length behind the first seven bits of it: false if there is none yet, *code if it is bad. */
static bool plain_length(struct bits *bits, struct plain *plain, uint64_t payload_max,
                         uint16_t *code)
{
    uint64_t least = 0;

    plain->size = 2;
    if (plain->len == 126) {
        if (!take(bits, 16, &plain->len))
            return false;
        least = 126;
        plain->size = 4;
    } else if (plain->len == 127) {
        if (!take(bits, 64, &plain->len))
            return false;
        least = 65536;
        plain->size = 10;
    }
    if (plain->len < least || plain->len >> 63 != 0)
        *code = WS_CLOSE_PROTOCOL_ERROR;
    else if (plain->len > payload_max && !plain_control(plain))
        *code = WS_CLOSE_TOO_BIG;
    return true;
}

/* *code is the close code if it is refused. */
static enum ws_frame_status plain_read(const uint8_t *data, size_t len,
                                       struct ws_frame_limits limits, struct plain *plain,
                                       uint16_t *code)
{
    struct bits bits = {data, len * 8, 0};

    *code = WS_CLOSE_PROTOCOL_ERROR;
    if (!take(&bits, 1, &plain->fin) || !take(&bits, 1, &plain->rsv1) ||
        !take(&bits, 1, &plain->rsv2) || !take(&bits, 1, &plain->rsv3) ||
        !take(&bits, 4, &plain->opcode))
        return WS_FRAME_INCOMPLETE;
    if (!plain_first_good(plain, limits.deflate))
        return WS_FRAME_REFUSED;
    if (!take(&bits, 1, &plain->masked) || !take(&bits, 7, &plain->len))
        return WS_FRAME_INCOMPLETE;
    if (plain->masked == 0 || (plain_control(plain) && plain->len > 125))
        return WS_FRAME_REFUSED;
    *code = 0;
    if (!plain_length(&bits, plain, limits.payload_max, code))
        return WS_FRAME_INCOMPLETE;
    if (*code != 0)
        return WS_FRAME_REFUSED;
    if (!take(&bits, 32, &plain->key))
        return WS_FRAME_INCOMPLETE;
    plain->size += 4;
    return WS_FRAME_READY;
}

/* ---- headers ---- */

static void expect_plain(const struct ws_frame_header *header, const struct plain *plain)
{
    CHECK(header->len == plain->len && header->size == plain->size);
    CHECK(header->opcode == plain->opcode && header->fin == (plain->fin != 0));
    CHECK(header->compressed == (plain->rsv1 != 0));
    for (unsigned i = 0; i < 4; i++)
        CHECK(header->mask[i] == (uint8_t)(plain->key >> (24 - 8 * i)));
}

/* A length has one form: what a server writes of the same frame differs by the mask only. */
static void expect_written_same(const struct ws_frame_header *header, const uint8_t *data)
{
    uint8_t out[WS_SERVER_HEADER_MAX];
    size_t size;

    if (!header->fin)
        return;
    size = ws_frame_header_write(out, (enum ws_opcode)header->opcode, (size_t)header->len);
    CHECK(size + 4 == header->size && ws_frame_opcode(out) == (enum ws_opcode)header->opcode);
    if (header->compressed)
        ws_frame_mark_compressed(out);
    CHECK(out[0] == data[0] && (out[1] | 0x80) == data[1] && out[1] < 0x80);
    CHECK(memcmp(out + 2, data + 2, size - 2) == 0);
}

/* All beginnings of what lies there, each in a block of its own. */
static void check_beginnings(const uint8_t *data, size_t size, struct ws_frame_limits limits)
{
    size_t most = MIN(size, (size_t)WS_CLIENT_HEADER_MAX + 2);
    enum ws_frame_status before = WS_FRAME_INCOMPLETE;

    for (size_t len = 0; len <= most; len++) {
        uint8_t *copy = mem_dup(data, len);
        struct ws_frame_header header;
        struct ws_violation violation = {0, NULL};
        struct plain plain;
        uint16_t code;
        enum ws_frame_status status = ws_frame_header_read(copy, len, limits, &header, &violation);

        CHECK(status == plain_read(copy, len, limits, &plain, &code));
        CHECK(before == WS_FRAME_INCOMPLETE || status == before);
        if (status == WS_FRAME_REFUSED)
            CHECK(violation.code == code && strlen(violation.reason) <= WS_CLOSE_REASON_MAX);
        if (status == WS_FRAME_READY) {
            expect_plain(&header, &plain);
            expect_written_same(&header, data);
        }
        before = status;
        mem_free(copy);
    }
    CHECK(most < WS_CLIENT_HEADER_MAX || before != WS_FRAME_INCOMPLETE);
}

/* ---- payloads ---- */

static bool plain_code_valid(unsigned code)
{
    switch (code) { /* 7.4.1, and what IANA's registry has beside it */
    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014:
        return true;
    default:
        return code / 1000 == 3 || code / 1000 == 4;
    }
}

/* The payload, unmasked, as what a close frame says. */
static void check_close(const uint8_t *payload, size_t len)
{
    uint16_t code = ws_close_code_read(payload, len);
    uint8_t out[WS_CONTROL_FRAME_MAX];
    char *reason;
    size_t size;
    size_t kept;

    CHECK(len >= 2 || code == WS_CLOSE_NONE);
    if (len < 2)
        return;
    CHECK(code == (payload[0] << 8 | payload[1]));
    CHECK(ws_close_code_valid(code) == plain_code_valid(code));
    reason = mem_strndup((const char *)payload + 2, len - 2);
    size = ws_frame_close_write(out, code, reason);
    CHECK(out[0] == (0x80 | WS_OP_CLOSE) && size == 2U + out[1] && out[1] <= 125);
    CHECK(ws_close_code_read(out + 2, size - 2) == code);
    kept = code == WS_CLOSE_NONE ? 0 : size - 4;
    CHECK(code == WS_CLOSE_NONE ? size == 2 : memcmp(out + 4, reason, kept) == 0);
    CHECK(code == WS_CLOSE_NONE || kept == MIN(strlen(reason), (size_t)123) ||
          strlen(reason) > 123);
    if (utf8_valid(reason, strlen(reason)) && code != WS_CLOSE_NONE)
        CHECK(utf8_valid(out + 4, kept) && (kept == strlen(reason) || kept >= 120));
    mem_free(reason);
}

static void check_control(const struct ws_frame_header *header, const uint8_t *payload)
{
    uint8_t out[WS_CONTROL_FRAME_MAX];
    size_t len = (size_t)header->len;

    CHECK(ws_frame_control_write(out, (enum ws_opcode)header->opcode, payload, len) == 2 + len);
    CHECK(out[0] == (0x80 | header->opcode) && out[1] == len);
    CHECK(memcmp(out + 2, payload, len) == 0);
}

/* ---- a stream of frames ---- */

/* One who gets frames in pieces: its own bytes of a header, and how much payload there was. */
struct reader {
    struct ws_frame_limits limits;
    struct ws_frame_header header;
    uint8_t bytes[WS_CLIENT_HEADER_MAX];
    size_t len;
    uint64_t done;
    enum ws_frame_status status;
    struct strbuf heard;
};

static void read_header(struct reader *reader, uint8_t byte)
{
    struct ws_violation violation;

    CHECK(reader->len < sizeof(reader->bytes));
    reader->bytes[reader->len++] = byte;
    reader->status = ws_frame_header_read(reader->bytes, reader->len, reader->limits,
                                          &reader->header, &violation);
    if (reader->status == WS_FRAME_REFUSED)
        strbuf_printf(&reader->heard, "!%u %s", violation.code, violation.reason);
    if (reader->status == WS_FRAME_READY)
        strbuf_printf(&reader->heard, "[%u %d %d %llu]", reader->header.opcode, reader->header.fin,
                      reader->header.compressed, (unsigned long long)reader->header.len);
    reader->done = 0;
}

static void next_frame(struct reader *reader)
{
    if (reader->status == WS_FRAME_READY && reader->done == reader->header.len) {
        reader->len = 0;
        reader->status = WS_FRAME_INCOMPLETE;
    }
}

static void feed(struct reader *reader, const uint8_t *data, size_t len)
{
    uint8_t *copy = mem_dup(data, len);

    for (size_t at = 0; at < len && reader->status != WS_FRAME_REFUSED; next_frame(reader)) {
        size_t part;

        if (reader->status == WS_FRAME_INCOMPLETE) {
            read_header(reader, copy[at++]);
            continue;
        }
        part = (size_t)MIN(reader->header.len - reader->done, (uint64_t)(len - at));
        ws_frame_unmask(copy + at, part, reader->header.mask, (size_t)reader->done);
        strbuf_add(&reader->heard, copy + at, part);
        reader->done += part;
        at += part;
    }
    mem_free(copy);
}

/* The same of all the bytes at once, by the plain reading; frames are looked at on the way. */
static void hear_plain(const uint8_t *data, size_t size, struct ws_frame_limits limits,
                       struct strbuf *heard)
{
    while (size > 0) {
        struct ws_frame_header header;
        struct ws_violation violation;
        enum ws_frame_status status = ws_frame_header_read(data, size, limits, &header, &violation);
        size_t begin;
        size_t len;

        check_beginnings(data, size, limits);
        if (status == WS_FRAME_REFUSED)
            strbuf_printf(heard, "!%u %s", violation.code, violation.reason);
        if (status != WS_FRAME_READY)
            return;
        strbuf_printf(heard, "[%u %d %d %llu]", header.opcode, header.fin, header.compressed,
                      (unsigned long long)header.len);
        data += header.size;
        size -= header.size;
        begin = heard->len;
        len = (size_t)MIN(header.len, (uint64_t)size);
        for (size_t i = 0; i < len; i++)
            strbuf_add_char(heard, (char)(data[i] ^ header.mask[i % 4]));
        check_close((const uint8_t *)strbuf_str(heard) + begin, len);
        if (ws_opcode_is_control(header.opcode) && len == header.len)
            check_control(&header, (const uint8_t *)strbuf_str(heard) + begin);
        data += len;
        size -= len;
    }
}

static void expect_heard(const struct strbuf *expected, const uint8_t *data, size_t size,
                         struct ws_frame_limits limits, size_t piece)
{
    struct reader reader = {.limits = limits, .status = WS_FRAME_INCOMPLETE};

    for (size_t at = 0; at < size; at += piece)
        feed(&reader, data + at, MIN(piece, size - at));
    CHECK(reader.heard.len == expected->len);
    CHECK(memcmp(strbuf_str(&reader.heard), strbuf_str(expected), expected->len) == 0);
    strbuf_fini(&reader.heard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t most[] = {0, 125, 126, 4096, 65535, 65536, INT64_MAX, UINT64_MAX};
    struct ws_frame_limits limits;
    struct strbuf heard = STRBUF_EMPTY;
    size_t piece;

    if (size < HEAD_SIZE)
        return 0;
    limits.payload_max = most[data[0] % ARRAY_LEN(most)];
    limits.deflate = (data[0] & 8) != 0;
    piece = 1U + data[1];
    data += HEAD_SIZE;
    size -= HEAD_SIZE;
    hear_plain(data, size, limits, &heard);
    expect_heard(&heard, data, size, limits, MAX(size, (size_t)1));
    expect_heard(&heard, data, size, limits, piece);
    expect_heard(&heard, data, size, limits, 1);
    strbuf_fini(&heard);
    return 0;
}
