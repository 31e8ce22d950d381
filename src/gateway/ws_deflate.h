/*
 * ws_deflate.h: permessage-deflate (RFC 7692): a worker's compressor and inflater.
 *
 * Neither side keeps a context between messages (7.1.1): that is what lets a message be compressed
 * once for all who receive it, and makes a socket cost no memory. So a worker needs one compressor
 * and one inflater, which it uses for one message after the other.
 *
 * A client may ask for a smaller window (7.1.2.1). Nothing in a message points back further than to
 * its beginning: so every compressed form fits a window that is as large as the message, and one
 * form serves all clients; who asked for less gets longer messages as they are (6.1 allows that).
 *
 * Pure: no I/O, no clock, no log. The owner of zlib.
 */
#ifndef BANTER_GATEWAY_WS_DEFLATE_H
#define BANTER_GATEWAY_WS_DEFLATE_H

#include "common/base.h"

/* 7.1.2: a window has 2^8 to 2^15 bytes. */
#define WS_WINDOW_BITS_MIN 8
#define WS_WINDOW_BITS_MAX 15

/* The smallest window that a message of len bytes fits in, whatever it holds. */
uint8_t ws_deflate_window_bits(size_t len);

struct ws_deflate;

/* Messages of fewer than min_bytes are not worth it. */
struct ws_deflate *ws_deflate_create(size_t min_bytes);
void ws_deflate_destroy(struct ws_deflate **codec);

/* How many messages were compressed (or tried) and inflated since the last call. */
struct ws_deflate_count {
    uint32_t compressed;
    uint32_t inflated;
};
struct ws_deflate_count ws_deflate_take_count(struct ws_deflate *codec);

/*
 * Compresses a message's payload (7.2.1). data is NULL in the result if that is not worth it: it is
 * too short, or would not get shorter. The bytes are valid until the next call.
 */
struct span ws_deflate_compress(struct ws_deflate *codec, const uint8_t *data, size_t len);

enum ws_inflated {
    WS_INFLATED_WHOLE,
    WS_INFLATED_TOO_BIG, /* it has more than max bytes; no more of it was made */
    WS_INFLATED_BROKEN,  /* not DEFLATE, or not whole */
};

/*
 * The message that a compressed payload stands for (7.2.2), at most max bytes of it. The bytes are
 * valid until the next call and may be changed; *out is never NULL then.
 */
enum ws_inflated ws_deflate_inflate(struct ws_deflate *codec, const uint8_t *data, size_t len,
                                    size_t max, uint8_t **out, size_t *out_len) ATTR_MUSTCHECK;

#endif
