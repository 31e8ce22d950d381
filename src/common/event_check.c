#include "common/event_check.h"

#include "common/utf8.h"

#include <string.h>

/* RFC 8259: section 6 for numbers, 7 for strings. */

#define DIGITS_MAX 16

/* Sixteen bytes at a time: every event passes here in every worker that hears its room. */
#define BLOCK_BYTES 16
typedef uint8_t block __attribute__((vector_size(BLOCK_BYTES)));
typedef uint64_t halves __attribute__((vector_size(BLOCK_BYTES)));

#define HIGH_BITS UINT64_C(0x8080808080808080)

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    block seen; /* all bytes of strings, one over the other: is one not ASCII? */
};

/* 0xff where a string's byte is more than itself: quote, backslash, control character. */
static inline halves special(block bytes)
{
    return (halves)((bytes == (uint8_t)'"') | (bytes == (uint8_t)'\\') | (bytes < (uint8_t)0x20));
}

static inline bool is_any(halves found)
{
    return (found[0] | found[1]) != 0;
}

/* How many bytes are 0 before the first one that is 0xff. */
static inline size_t zeros_before(halves found)
{
    uint64_t half = found[0] != 0 ? found[0] : found[1];
    size_t before = found[0] != 0 ? 0 : sizeof(half);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return before + (size_t)__builtin_ctzll(half) / 8;
#else
    return before + (size_t)__builtin_clzll(half) / 8;
#endif
}

static inline block load(const uint8_t *from)
{
    block bytes;

    memcpy(&bytes, from, sizeof(bytes));
    return bytes;
}

/* Where less than a block is left: most texts have none. */
static bool skip_last(struct scan *scan)
{
    uint8_t padded[BLOCK_BYTES] = {0}; /* control characters end what is left */
    block bytes;

    memcpy(padded, scan->at, MIN((size_t)(scan->end - scan->at), sizeof(padded) - 1));
    bytes = load(padded);
    scan->seen |= bytes;
    scan->at += zeros_before(special(bytes));
    return scan->at < scan->end;
}

/* To the next byte that is special; false if there is none. Two blocks at a time, while they last.
 */
static inline bool skip_plain(struct scan *scan)
{
    const uint8_t *at = scan->at;
    block seen = scan->seen;
    halves found = {0, 0};

    for (; scan->end - at >= 2 * BLOCK_BYTES; at += 2 * BLOCK_BYTES) {
        block first = load(at);
        block second = load(at + BLOCK_BYTES);
        halves found_first = special(first);

        found = special(second);
        seen |= first | second;
        if (!is_any(found_first | found))
            continue;
        scan->seen = seen;
        scan->at = is_any(found_first) ? at + zeros_before(found_first)
                                       : at + BLOCK_BYTES + zeros_before(found);
        return true;
    }
    scan->seen = seen;
    scan->at = at;
    if (scan->end - at >= BLOCK_BYTES) {
        found = special(load(at));
        scan->seen |= load(at);
        scan->at += is_any(found) ? zeros_before(found) : BLOCK_BYTES;
        if (is_any(found))
            return true;
    }
    return skip_last(scan);
}

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
           (byte >= 'A' && byte <= 'F');
}

/* From the backslash on. */
static bool skip_escape(struct scan *scan)
{
    static const char unicode[] = "\\u00";
    const uint8_t *at = scan->at;
    size_t left = (size_t)(scan->end - at);

    if (left >= 2 && at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL) {
        scan->at += 2;
        return true;
    }
    if (left < 6 || memcmp(at, unicode, 4) != 0 || !is_hex(at[4]) || !is_hex(at[5]))
        return false;
    scan->at += 6;
    return true;
}

#define TAKE(scan, literal) take_bytes(scan, literal, sizeof(literal) - 1)

__attribute__((always_inline)) static inline bool take_bytes(struct scan *scan, const char *bytes,
                                                             size_t len)
{
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, bytes, len) != 0)
        return false;
    scan->at += len;
    return true;
}

static bool take_string(struct scan *scan)
{
    if (!TAKE(scan, "\""))
        return false;
    for (;;) {
        if (!skip_plain(scan))
            return false;
        if (*scan->at == '"') {
            scan->at++;
            return true;
        }
        if (*scan->at != '\\' || !skip_escape(scan))
            return false;
    }
}

/* The text of a time, whose length is known. */
static inline bool take_time(struct scan *scan)
{
    static const size_t len = sizeof("2026-01-02T03:04:05.678901Z") - 1;
    block first;
    block last;

    if ((size_t)(scan->end - scan->at) < len)
        return false;
    first = load(scan->at);
    last = load(scan->at + len - BLOCK_BYTES);
    scan->seen |= first | last;
    scan->at += len;
    return !is_any(special(first) | special(last));
}

static bool take_number(struct scan *scan)
{
    const uint8_t *first = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > first && scan->at - first <= DIGITS_MAX &&
           (*first != '0' || scan->at - first == 1);
}

static bool take_value(struct scan *scan)
{
    switch (scan->at < scan->end ? *scan->at : 0) {
    case '"':
        return take_string(scan);
    case 'n':
        return TAKE(scan, "null");
    case 't':
        return TAKE(scan, "true");
    case 'f':
        return TAKE(scan, "false");
    default:
        return take_number(scan);
    }
}

/* Nearly all that comes is a message, whose names are where event_json.c puts them: a third of the
 * instructions. */
static bool take_message(struct scan *scan)
{
    return TAKE(scan, "{\"type\":\"new_message\",\"id\":") && take_number(scan) &&
           TAKE(scan, ",\"text\":") && take_string(scan) && TAKE(scan, ",\"sender_id\":") &&
           take_number(scan) && TAKE(scan, ",\"sender_username\":") && take_value(scan) &&
           TAKE(scan, ",\"room_id\":") && take_number(scan) && TAKE(scan, ",\"created_at\":\"") &&
           take_time(scan) && TAKE(scan, "\"}");
}

static bool take_object(struct scan *scan)
{
    if (!TAKE(scan, "{"))
        return false;
    do {
        if (!take_string(scan) || !TAKE(scan, ":") || !take_value(scan))
            return false;
    } while (TAKE(scan, ","));
    return TAKE(scan, "}");
}

bool event_check(struct span json)
{
    const struct scan begin = {.at = json.data, .end = json.data + json.len};
    struct scan scan = begin;
    halves seen;

    if (!take_message(&scan)) {
        scan = begin;
        if (!take_object(&scan))
            return false;
    }
    if (scan.at != scan.end)
        return false;
    seen = (halves)scan.seen;
    return ((seen[0] | seen[1]) & HIGH_BITS) == 0 || utf8_valid(json.data, json.len);
}
