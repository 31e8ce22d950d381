/*
 * utf8.h: UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BANTER_COMMON_UTF8_H
#define BANTER_COMMON_UTF8_H

#include "common/base.h"

/* An incremental validator: chunks may end in the middle of a character. Starts zeroed. */
struct utf8_state {
    uint8_t need;  /* continuation bytes that the current character still lacks */
    uint8_t lower; /* the next continuation byte's range; 0 for the ordinary 0x80..0xbf */
    uint8_t upper;
};

/* False as soon as the bytes cannot be the beginning of valid UTF-8. */
bool utf8_feed(struct utf8_state *state, const void *data, size_t len) ATTR_MUSTCHECK;
/* Whether the text may end here. */
bool utf8_complete(const struct utf8_state *state);

/* The whole of data is valid UTF-8. */
bool utf8_valid(const void *data, size_t len);
/* Characters (code points) in valid UTF-8. */
size_t utf8_length(const void *data, size_t len);

#endif
