// needs: common/utf8 common/mem common/check
/*
 * ws_frame: any bytes as the beginning of a client's frame, against a reading of RFC 6455, 5.2 that
 * is plain. Each shorter beginning is read, too: bytes that come later change no verdict. A payload
 * is unmasked the same in one piece, in pieces, and wherever it lies; and a header that the server
 * writes says what it was given.
 *
 * The first byte chooses the limits, the second where a payload is cut.
 */
#include "gateway/ws_frame.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/utf8.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAYLOAD_MAX 64
/* One more than a header can have. */
#define HEADERS_MAX (WS_CLIENT_HEADER_MAX + 1)

struct reading {
    enum ws_frame_status status;
    struct ws_frame_header header;
    uint16_t code;
};

static struct ws_frame_limits choose_limits(uint8_t byte)
{
    static const uint64_t most[] = {0, 125, 126, 4096, 65535, 65536, INT64_MAX, UINT64_MAX};

    return (struct ws_frame_limits){.payload_max = most[byte & 7], .deflate = (byte & 8) != 0};
}

/* The beginning lies in a block of its own, so that every overrun is seen. */
static struct reading read_beginning(const uint8_t *data, size_t len, struct ws_frame_limits limits)
{
    struct ws_violation violation = {0, NULL};
    struct reading reading = {0};
    uint8_t *copy = mem_dup(data, len);

    reading.status = ws_frame_header_read(copy, len, limits, &reading.header, &violation);
    CHECK((reading.status == WS_FRAME_REFUSED) == (violation.reason != NULL));
    CHECK(violation.reason == NULL || strlen(violation.reason) <= WS_CLOSE_REASON_MAX);
    reading.code = violation.code;
    mem_free(copy);
    return reading;
}

static struct reading refused(uint16_t code)
{
    return (struct reading){.status = WS_FRAME_REFUSED, .code = code};
}

/* The payload's length, bit by bit; how many bytes it takes. */
static size_t plain_length(const uint8_t *data, uint64_t *length)
{
    size_t bytes = (data[1] & 0x7f) == 127 ? 8 : (data[1] & 0x7f) == 126 ? 2 : 0;

    *length = bytes == 0 ? data[1] & 0x7f : 0;
    for (size_t bit = 0; bit < 8 * bytes; bit++)
        *length = *length * 2 + ((data[2 + bit / 8] >> (7 - bit % 8)) & 1);
    return bytes;
}

/* What the figure of RFC 6455, 5.2 and the sentences below it say of a header that is all there;
 * data has HEADERS_MAX bytes. */
static struct reading plain_read(const uint8_t *data, struct ws_frame_limits limits)
{
    struct reading reading = {.status = WS_FRAME_READY};
    uint8_t opcode = data[0] % 16;
    bool control = opcode == 8 || opcode == 9 || opcode == 10;
    bool begins = opcode == 1 || opcode == 2;
    size_t bytes = plain_length(data, &reading.header.len);

    reading.header.fin = data[0] >= 128;
    reading.header.opcode = opcode;
    reading.header.compressed = (data[0] & 64) != 0;
    reading.header.size = (uint8_t)(2 + bytes + 4);
    memcpy(reading.header.mask, data + 2 + bytes, 4);
    if ((data[0] & 48) != 0 || (reading.header.compressed && !(limits.deflate && begins)))
        return refused(WS_CLOSE_PROTOCOL_ERROR);
    if (!control && !begins && opcode != 0)
        return refused(WS_CLOSE_PROTOCOL_ERROR);
    if (data[1] < 128 || (control && (!reading.header.fin || reading.header.len > 125)))
        return refused(WS_CLOSE_PROTOCOL_ERROR);
    if ((bytes == 2 && reading.header.len < 126) || (bytes == 8 && reading.header.len < 65536))
        return refused(WS_CLOSE_PROTOCOL_ERROR);
    if (reading.header.len >> 63 != 0)
        return refused(WS_CLOSE_PROTOCOL_ERROR);
    if (!control && reading.header.len > limits.payload_max)
        return refused(WS_CLOSE_TOO_BIG);
    return reading;
}

static void expect_header(const struct ws_frame_header *header,
                          const struct ws_frame_header *expected)
{
    CHECK(header->len == expected->len && header->size == expected->size);
    CHECK(header->opcode == expected->opcode && header->fin == expected->fin);
    CHECK(header->compressed == expected->compressed);
    CHECK(memcmp(header->mask, expected->mask, sizeof(header->mask)) == 0);
}

/* Of whole headers and of all their beginnings; the last verdict. */
static struct reading check_reading(const uint8_t *data, size_t size, struct ws_frame_limits limits)
{
    uint8_t padded[HEADERS_MAX] = {0};
    struct reading last = {.status = WS_FRAME_INCOMPLETE};
    struct reading plain;

    memcpy(padded, data, MIN(size, sizeof(padded)));
    plain = plain_read(padded, limits);
    for (size_t len = 0; len <= MIN(size, sizeof(padded)); len++) {
        struct reading now = read_beginning(data, len, limits);

        CHECK(last.status == WS_FRAME_INCOMPLETE || now.status == last.status);
        CHECK(last.status != WS_FRAME_REFUSED || now.code == last.code);
        if (now.status == WS_FRAME_READY) {
            CHECK(len >= now.header.size && plain.status == WS_FRAME_READY);
            expect_header(&now.header, &plain.header);
        }
        last = now;
    }
    if (size >= sizeof(padded))
        CHECK(last.status == plain.status && last.code == plain.code);
    return last;
}

static void check_masking(const uint8_t *data, size_t len, const uint8_t mask[4], size_t cut)
{
    uint8_t plain[PAYLOAD_MAX];

    for (size_t i = 0; i < len; i++)
        plain[i] = data[i] ^ mask[i % 4];
    for (size_t place = 0; place < 8; place++) {
        uint8_t *block = mem_alloc(place + len);

        memcpy(block + place, data, len);
        ws_frame_unmask(block + place, cut, mask, 0);
        ws_frame_unmask(block + place + cut, len - cut, mask, cut);
        CHECK(memcmp(block + place, plain, len) == 0);
        mem_free(block);
    }
}

/* A server's frame is a client's without the mask. */
static void check_writing(const struct ws_frame_header *header, struct ws_frame_limits limits)
{
    uint8_t bytes[HEADERS_MAX] = {0};
    struct ws_frame_header unmasked = *header;
    size_t size = ws_frame_header_write(bytes, header->opcode, (size_t)header->len);
    struct reading again;

    CHECK(ws_frame_opcode(bytes) == (enum ws_opcode)header->opcode);
    CHECK(size + sizeof(header->mask) == header->size && (bytes[1] & 0x80) == 0);
    if (header->compressed)
        ws_frame_mark_compressed(bytes);
    bytes[1] |= 0x80;
    memcpy(bytes + size, header->mask, sizeof(header->mask));
    again = read_beginning(bytes, header->size, limits);
    CHECK(again.status == WS_FRAME_READY);
    unmasked.fin = true; /* it writes none else */
    expect_header(&again.header, &unmasked);
}

static void check_close(const uint8_t *data, size_t size)
{
    uint16_t code = (uint16_t)(data[0] << 8 | data[1]);
    char *reason = mem_strndup((const char *)data + 2, size - 2);
    uint8_t frame[WS_CONTROL_FRAME_MAX];
    size_t len = ws_frame_close_write(frame, code, reason) - 2;

    CHECK(frame[0] == 0x88 && frame[1] == len && len <= WS_CONTROL_PAYLOAD_MAX);
    CHECK(ws_close_code_read(frame + 2, len) == code);
    if (code != WS_CLOSE_NONE) {
        CHECK(memcmp(frame + 4, reason, len - 2) == 0);
        CHECK(!utf8_valid(reason, strlen(reason)) || utf8_valid(frame + 4, len - 2));
    }
    CHECK(!ws_close_code_valid(code) || (code >= 1000 && code < 5000));
    mem_free(reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_frame_limits limits;
    struct reading reading;
    size_t len;
    size_t cut;

    if (size < 4)
        return 0;
    limits = choose_limits(data[0]);
    cut = data[1];
    check_close(data, size);
    data += 2;
    size -= 2;
    reading = check_reading(data, size, limits);
    if (reading.status != WS_FRAME_READY)
        return 0;
    check_writing(&reading.header, limits);
    len = MIN(size - reading.header.size, (size_t)PAYLOAD_MAX);
    check_masking(data + reading.header.size, len, reading.header.mask, cut % (len + 1));
    return 0;
}
