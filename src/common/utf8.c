#include "common/utf8.h"

#include <string.h>

#define CONTINUATION_FIRST 0x80
#define CONTINUATION_LAST  0xbf
#define HIGH_BITS          UINT64_C(0x8080808080808080)
#define LOW_BITS           UINT64_C(0x0101010101010101)

/* How many of the first bytes are ASCII, eight at a time: chat is mostly that. */
static size_t ascii_prefix(const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    for (; len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + at, sizeof(word));
        if ((word & HIGH_BITS) != 0)
            break;
    }
    while (at < len && bytes[at] < 0x80)
        at++;
    return at;
}

/* RFC 3629, section 4: the second byte's range is what excludes overlongs and surrogates. */
static bool begin_character(struct utf8_state *state, uint8_t lead)
{
    state->lower = state->upper = 0;
    if (lead >= 0xc2 && lead <= 0xdf) {
        state->need = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        state->need = 2;
        if (lead == 0xe0)
            state->lower = 0xa0;
        else if (lead == 0xed)
            state->upper = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        state->need = 3;
        if (lead == 0xf0)
            state->lower = 0x90;
        else if (lead == 0xf4)
            state->upper = 0x8f;
    } else {
        return false;
    }
    return true;
}

static bool continue_character(struct utf8_state *state, uint8_t byte)
{
    uint8_t lower = state->lower != 0 ? state->lower : CONTINUATION_FIRST;
    uint8_t upper = state->upper != 0 ? state->upper : CONTINUATION_LAST;

    if (byte < lower || byte > upper)
        return false;
    state->need--;
    state->lower = state->upper = 0;
    return true;
}

bool utf8_feed(struct utf8_state *state, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t at = 0; at < len; at++) {
        if (state->need > 0) {
            if (!continue_character(state, bytes[at]))
                return false;
            continue;
        }
        at += ascii_prefix(bytes + at, len - at);
        if (at < len && !begin_character(state, bytes[at]))
            return false;
    }
    return true;
}

bool utf8_complete(const struct utf8_state *state)
{
    return state->need == 0;
}

bool utf8_valid(const void *data, size_t len)
{
    struct utf8_state state = {0};

    return utf8_feed(&state, data, len) && utf8_complete(&state);
}

size_t utf8_length(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t continuations = 0;
    size_t at = 0;

    /* Every character has exactly one byte that is not a continuation: 10xxxxxx. Eight at a time:
     * bit 7 of a byte without its bit 6, shifted to the byte's lowest place, then added up. */
    for (; len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, bytes + at, sizeof(word));
        word = (word >> 7) & ~(word >> 6) & LOW_BITS;
        continuations += (size_t)((word * LOW_BITS) >> 56);
    }
    for (; at < len; at++)
        continuations += (bytes[at] & 0xc0) == 0x80;
    return len - continuations;
}
