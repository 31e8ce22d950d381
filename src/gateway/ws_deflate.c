#include "gateway/ws_deflate.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>

#define ZLIB_CONST /* input is not changed */
#include <zlib.h>

/* The cheapest level: a higher one saves less than a tenth more of what chat messages save and
 * costs up to twice the time. */
#define LEVEL 1
/* Of zlib's hash table: 16 KiB, which is cleared for each message. */
#define MEM_LEVEL 6
/* 7.2.1: the end of a sync flush, which is not sent. */
#define TAIL_LEN 4
/* zlib.h: set in data_type when a block has ended and no other begun. */
#define BETWEEN_BLOCKS 128

static const uint8_t tail[TAIL_LEN] = {0x00, 0x00, 0xff, 0xff};

struct ws_deflate {
    size_t min_bytes;
    struct ws_deflate_count count;
    z_stream compressor;
    z_stream inflater;
    uint8_t *compressed; /* grows to the longest message's length, and stays */
    size_t compressed_size;
    uint8_t *inflated; /* one byte more than the greatest max */
    size_t inflated_size;
};

static voidpf alloc(voidpf unused ATTR_UNUSED, uInt count, uInt size)
{
    return mem_alloc_array(count, size);
}

static void release(voidpf unused ATTR_UNUSED, voidpf ptr)
{
    mem_free(ptr);
}

struct ws_deflate *ws_deflate_create(size_t min_bytes)
{
    struct ws_deflate *codec = mem_alloc(sizeof(*codec));

    codec->min_bytes = min_bytes;
    codec->compressor.zalloc = codec->inflater.zalloc = alloc;
    codec->compressor.zfree = codec->inflater.zfree = release;
    /* Negative: bare DEFLATE, without zlib's own header and sum. */
    CHECK(deflateInit2(&codec->compressor, LEVEL, Z_DEFLATED, -WS_WINDOW_BITS_MAX, MEM_LEVEL,
                       Z_DEFAULT_STRATEGY) == Z_OK);
    CHECK(inflateInit2(&codec->inflater, -WS_WINDOW_BITS_MAX) == Z_OK);
    return codec;
}

void ws_deflate_destroy(struct ws_deflate **codec)
{
    if (*codec == NULL)
        return;
    deflateEnd(&(*codec)->compressor);
    inflateEnd(&(*codec)->inflater);
    mem_free((*codec)->compressed);
    mem_free((*codec)->inflated);
    mem_free(*codec);
    *codec = NULL;
}

struct ws_deflate_count ws_deflate_take_count(struct ws_deflate *codec)
{
    struct ws_deflate_count count = codec->count;

    memset(&codec->count, 0, sizeof(codec->count));
    return count;
}

static void reserve(uint8_t **buffer, size_t *size, size_t needed)
{
    if (*size >= needed)
        return;
    mem_free(*buffer);
    *buffer = mem_alloc(needed);
    *size = needed;
}

uint8_t ws_deflate_window_bits(size_t len)
{
    uint8_t bits = WS_WINDOW_BITS_MIN;

    while (bits < WS_WINDOW_BITS_MAX && len > (size_t)1 << bits)
        bits++;
    return bits;
}

/* ---- outgoing ---- */

struct span ws_deflate_compress(struct ws_deflate *codec, const uint8_t *data, size_t len)
{
    z_stream *stream = &codec->compressor;
    struct span none = {NULL, 0};
    size_t made;

    if (len < codec->min_bytes || len < 2 || len > UINT32_MAX - TAIL_LEN)
        return none;
    /* The message's length with the tail: what fills it is not shorter, or not whole. */
    reserve(&codec->compressed, &codec->compressed_size, len + TAIL_LEN);
    codec->count.compressed++;
    CHECK(deflateReset(stream) == Z_OK);
    stream->next_in = data;
    stream->avail_in = (uInt)len;
    stream->next_out = codec->compressed;
    stream->avail_out = (uInt)(len + TAIL_LEN);
    CHECK(deflate(stream, Z_SYNC_FLUSH) == Z_OK);
    if (stream->avail_out == 0)
        return none;
    made = len + TAIL_LEN - stream->avail_out;
    CHECK(made > TAIL_LEN && memcmp(codec->compressed + made - TAIL_LEN, tail, TAIL_LEN) == 0);
    return (struct span){codec->compressed, made - TAIL_LEN};
}

/* ---- incoming ---- */

/*
 * Inflates one piece of the message's input into what is left of the room. A last block may be
 * followed by others (7.2.3.5): they begin anew.
 */
static bool inflate_piece(z_stream *stream, const uint8_t *data, size_t len)
{
    stream->next_in = data;
    stream->avail_in = (uInt)len;
    while (stream->avail_in > 0 && stream->avail_out > 0) {
        int result = inflate(stream, Z_SYNC_FLUSH);

        if (result == Z_STREAM_END)
            CHECK(inflateReset(stream) == Z_OK);
        else if (result != Z_OK)
            return false;
    }
    return true;
}

enum ws_inflated ws_deflate_inflate(struct ws_deflate *codec, const uint8_t *data, size_t len,
                                    size_t max, uint8_t **out, size_t *out_len)
{
    z_stream *stream = &codec->inflater;

    CHECK(len <= UINT32_MAX && max < UINT32_MAX);
    codec->count.inflated++;
    reserve(&codec->inflated, &codec->inflated_size, max + 1);
    CHECK(inflateReset(stream) == Z_OK);
    stream->next_out = codec->inflated;
    stream->avail_out = (uInt)max + 1;
    if (!inflate_piece(stream, data, len))
        return WS_INFLATED_BROKEN;
    if (stream->avail_out > 0 && !inflate_piece(stream, tail, TAIL_LEN))
        return WS_INFLATED_BROKEN;
    if (stream->avail_out == 0)
        return WS_INFLATED_TOO_BIG;
    if ((stream->data_type & BETWEEN_BLOCKS) == 0)
        return WS_INFLATED_BROKEN;
    *out = codec->inflated;
    *out_len = max + 1 - stream->avail_out;
    return WS_INFLATED_WHOLE;
}
