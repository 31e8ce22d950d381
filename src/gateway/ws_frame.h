/*
 * ws_frame.h: the frame codec of RFC 6455, section 5: headers in, headers out, masking.
 *
 * Pure: no allocation, no I/O, no state. Who uses it keeps the bytes. The one extension that is
 * ever negotiated is permessage-deflate (RFC 7692), which gives a meaning to the first reserved
 * bit.
 */
#ifndef BANTER_GATEWAY_WS_FRAME_H
#define BANTER_GATEWAY_WS_FRAME_H

#include "common/base.h"

/* RFC 6455, 5.2 and 11.8. */
enum ws_opcode {
    WS_OP_CONTINUATION = 0x0,
    WS_OP_TEXT = 0x1,
    WS_OP_BINARY = 0x2,
    WS_OP_CLOSE = 0x8,
    WS_OP_PING = 0x9,
    WS_OP_PONG = 0xa,
};

/* RFC 6455, 7.4.1, and what IANA has added since. */
enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL_ERROR = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NONE = 1005,     /* never on the wire: the frame had no code */
    WS_CLOSE_ABNORMAL = 1006, /* nor this: there was no frame */
    WS_CLOSE_BAD_DATA = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_INTERNAL_ERROR = 1011,
    WS_CLOSE_SERVICE_RESTART = 1012,
    WS_CLOSE_TRY_AGAIN_LATER = 1013,
};

/* Two bytes, a 64-bit length, and a client's masking key. */
#define WS_CLIENT_HEADER_MAX 14
#define WS_SERVER_HEADER_MAX 10
/* 5.5: a control frame's payload; its header from a server takes two bytes more. */
#define WS_CONTROL_PAYLOAD_MAX 125
#define WS_CONTROL_FRAME_MAX   (2 + WS_CONTROL_PAYLOAD_MAX)
/* 5.5.1: the code takes two bytes of a close frame's payload. */
#define WS_CLOSE_REASON_MAX (WS_CONTROL_PAYLOAD_MAX - 2)

/* What a peer did wrong: the code to close with and a static ASCII sentence for the close frame. */
struct ws_violation {
    uint16_t code;
    const char *reason;
};

struct ws_frame_header {
    uint64_t len; /* of the payload */
    uint8_t mask[4];
    uint8_t opcode; /* enum ws_opcode */
    uint8_t size;   /* of the header itself */
    bool fin;
    bool compressed; /* RSV1 of a message's first frame (RFC 7692, 6) */
};

/* What a frame of this connection may have. */
struct ws_frame_limits {
    uint64_t payload_max;
    bool deflate; /* permessage-deflate was negotiated */
};

enum ws_frame_status {
    WS_FRAME_READY,
    WS_FRAME_INCOMPLETE, /* nothing wrong so far; needs more bytes */
    WS_FRAME_REFUSED,
};

/*
 * Reads the header of a client's frame from the first len bytes of it. READY fills *header; REFUSED
 * fills *violation, as early as the bytes show it: no later byte can mend a refused beginning.
 * Refuses (1002) reserved bits (but RSV1 on a text's or binary's first frame, with deflate) and
 * opcodes, a missing mask, a length that is not in its shortest
 * form or above 2^63, a control frame that is fragmented or above 125 bytes; and (1009) a payload
 * above payload_max.
 */
enum ws_frame_status ws_frame_header_read(const uint8_t *data, size_t len,
                                          struct ws_frame_limits limits,
                                          struct ws_frame_header *header,
                                          struct ws_violation *violation) ATTR_MUSTCHECK;

/* 5.5: opcodes with the highest bit are control frames. */
bool ws_opcode_is_control(uint8_t opcode);

/* Masks or unmasks in place; offset is how many bytes of the payload came before these. */
void ws_frame_unmask(uint8_t *data, size_t len, const uint8_t mask[4], size_t offset);

/* Writes the header of an unfragmented, unmasked server frame; returns its size, 2, 4 or 10. */
size_t ws_frame_header_write(uint8_t out[WS_SERVER_HEADER_MAX], enum ws_opcode opcode, size_t len);
/* The opcode in a header. */
enum ws_opcode ws_frame_opcode(const uint8_t *header);
/* Says in a header that was written that the payload is compressed (RFC 7692, 6.1). */
void ws_frame_mark_compressed(uint8_t *header);

/* Writes a whole control frame (len <= 125) and returns its size. */
size_t ws_frame_control_write(uint8_t out[WS_CONTROL_FRAME_MAX], enum ws_opcode opcode,
                              const void *payload, size_t len);

/*
 * Writes a whole close frame and returns its size. WS_CLOSE_NONE gives an empty one. A reason (may
 * be NULL) that is too long is cut at a character's beginning.
 */
size_t ws_frame_close_write(uint8_t out[WS_CONTROL_FRAME_MAX], uint16_t code, const char *reason);

/* 7.4: whether a peer may send this code in a close frame. */
bool ws_close_code_valid(uint16_t code);

/* The code in a close frame's payload, which ws_message has checked; WS_CLOSE_NONE when empty. */
uint16_t ws_close_code_read(const uint8_t *payload, size_t len);

#endif
