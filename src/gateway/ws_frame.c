#include "gateway/ws_frame.h"

#include "common/check.h"

#include <string.h>

#define FIN_BIT     0x80
#define RSV_BITS    0x70
#define RSV1_BIT    0x40
#define OPCODE_BITS 0x0f
#define MASK_BIT    0x80
#define LENGTH_BITS 0x7f
/* 5.2: these two values of the 7-bit length announce a longer one. */
#define LENGTH_16 126
#define LENGTH_64 127
#define MASK_SIZE 4

static enum ws_frame_status refuse(struct ws_violation *violation, uint16_t code,
                                   const char *reason)
{
    violation->code = code;
    violation->reason = reason;
    return WS_FRAME_REFUSED;
}

bool ws_opcode_is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

static bool opcode_known(uint8_t opcode)
{
    return opcode <= WS_OP_BINARY || (opcode >= WS_OP_CLOSE && opcode <= WS_OP_PONG);
}

/* The first byte: FIN, reserved bits, opcode. */
static enum ws_frame_status read_first(uint8_t byte, bool deflate, struct ws_frame_header *header,
                                       struct ws_violation *violation)
{
    header->fin = (byte & FIN_BIT) != 0;
    header->opcode = byte & OPCODE_BITS;
    /* RFC 7692, 6.1: only the first frame of a message says it; a control frame is none. */
    header->compressed = deflate && (byte & RSV1_BIT) != 0 &&
                         (header->opcode == WS_OP_TEXT || header->opcode == WS_OP_BINARY);
    if ((byte & RSV_BITS & ~(header->compressed ? RSV1_BIT : 0)) != 0)
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Reserved bit set");
    if (!opcode_known(header->opcode))
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Reserved opcode");
    if (ws_opcode_is_control(header->opcode) && !header->fin)
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Fragmented control frame");
    return WS_FRAME_READY;
}

/* The second byte: mask bit, short length. */
static enum ws_frame_status read_second(uint8_t byte, const struct ws_frame_header *header,
                                        struct ws_violation *violation)
{
    if ((byte & MASK_BIT) == 0) /* 5.1 */
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Frame is not masked");
    if (ws_opcode_is_control(header->opcode) && (byte & LENGTH_BITS) > WS_CONTROL_PAYLOAD_MAX)
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Control frame too long");
    return WS_FRAME_READY;
}

static uint64_t big_endian(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

enum ws_frame_status ws_frame_header_read(const uint8_t *data, size_t len,
                                          struct ws_frame_limits limits,
                                          struct ws_frame_header *header,
                                          struct ws_violation *violation)
{
    uint8_t length;
    size_t extra; /* bytes of extended length */

    if (len < 1)
        return WS_FRAME_INCOMPLETE;
    if (read_first(data[0], limits.deflate, header, violation) == WS_FRAME_REFUSED)
        return WS_FRAME_REFUSED;
    if (len < 2)
        return WS_FRAME_INCOMPLETE;
    if (read_second(data[1], header, violation) == WS_FRAME_REFUSED)
        return WS_FRAME_REFUSED;
    length = data[1] & LENGTH_BITS;
    extra = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
    if (len < 2 + extra)
        return WS_FRAME_INCOMPLETE;
    header->len = extra == 0 ? length : big_endian(data + 2, extra);
    if ((extra == 2 && header->len < LENGTH_16) || (extra == 8 && header->len <= UINT16_MAX))
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Length not in its shortest form");
    if (header->len > INT64_MAX)
        return refuse(violation, WS_CLOSE_PROTOCOL_ERROR, "Length out of range");
    if (header->len > limits.payload_max && !ws_opcode_is_control(header->opcode))
        return refuse(violation, WS_CLOSE_TOO_BIG, "Message too big");
    if (len < 2 + extra + MASK_SIZE)
        return WS_FRAME_INCOMPLETE;
    memcpy(header->mask, data + 2 + extra, MASK_SIZE);
    header->size = (uint8_t)(2 + extra + MASK_SIZE);
    return WS_FRAME_READY;
}

void ws_frame_unmask(uint8_t *data, size_t len, const uint8_t mask[4], size_t offset)
{
    uint8_t rotated[8];
    uint64_t pattern;
    size_t at = 0;

    /* Eight is a multiple of the key's length: one pattern, turned by the offset, fits all along.
     */
    for (size_t i = 0; i < sizeof(rotated); i++)
        rotated[i] = mask[(offset + i) % MASK_SIZE];
    memcpy(&pattern, rotated, sizeof(pattern));
    for (; len - at >= sizeof(pattern); at += sizeof(pattern)) {
        uint64_t word;

        memcpy(&word, data + at, sizeof(word));
        word ^= pattern;
        memcpy(data + at, &word, sizeof(word));
    }
    for (size_t i = 0; at < len; at++, i++)
        data[at] ^= rotated[i];
}

size_t ws_frame_header_write(uint8_t out[WS_SERVER_HEADER_MAX], enum ws_opcode opcode, size_t len)
{
    out[0] = (uint8_t)(FIN_BIT | opcode);
    if (len < LENGTH_16) {
        out[1] = (uint8_t)len;
        return 2;
    }
    if (len <= UINT16_MAX) {
        out[1] = LENGTH_16;
        out[2] = (uint8_t)(len >> 8);
        out[3] = (uint8_t)len;
        return 4;
    }
    out[1] = LENGTH_64;
    for (int i = 0; i < 8; i++)
        out[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
    return 10;
}

enum ws_opcode ws_frame_opcode(const uint8_t *header)
{
    return (enum ws_opcode)(header[0] & OPCODE_BITS);
}

void ws_frame_mark_compressed(uint8_t *header)
{
    header[0] |= RSV1_BIT;
}

size_t ws_frame_control_write(uint8_t out[WS_CONTROL_FRAME_MAX], enum ws_opcode opcode,
                              const void *payload, size_t len)
{
    size_t size;

    CHECK(ws_opcode_is_control((uint8_t)opcode) && len <= WS_CONTROL_PAYLOAD_MAX);
    size = ws_frame_header_write(out, opcode, len);
    if (len > 0)
        memcpy(out + size, payload, len);
    return size + len;
}

size_t ws_frame_close_write(uint8_t out[WS_CONTROL_FRAME_MAX], uint16_t code, const char *reason)
{
    uint8_t payload[WS_CONTROL_PAYLOAD_MAX];
    size_t len = 0;

    if (code == WS_CLOSE_NONE)
        return ws_frame_control_write(out, WS_OP_CLOSE, NULL, 0);
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    if (reason != NULL) {
        len = strlen(reason);
        if (len > WS_CLOSE_REASON_MAX) {
            len = WS_CLOSE_REASON_MAX;
            while (len > 0 && ((uint8_t)reason[len] & 0xc0) == 0x80)
                len--;
        }
        memcpy(payload + 2, reason, len);
    }
    return ws_frame_control_write(out, WS_OP_CLOSE, payload, 2 + len);
}

bool ws_close_code_valid(uint16_t code)
{
    /* 7.4.2: 3000-3999 are registered by applications, 4000-4999 are private. */
    if (code >= 3000 && code <= 4999)
        return true;
    /* 1004 has no meaning; 1005, 1006 and 1015 are never sent. */
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

uint16_t ws_close_code_read(const uint8_t *payload, size_t len)
{
    return len < 2 ? WS_CLOSE_NONE : (uint16_t)big_endian(payload, 2);
}
