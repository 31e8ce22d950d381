/*
 * unicode.h: what Unicode says of the characters in a name. Pure; the only user of <utf8proc.h>,
 * whose version decides which characters there are.
 *
 * Texts are valid UTF-8.
 */
#ifndef BANTER_COMMON_UNICODE_H
#define BANTER_COMMON_UNICODE_H

#include "common/base.h"

/* Writes the text in Normalization Form C (UAX #15) to out, with a final zero, and its length to
 * *len_out. False if it does not fit in size bytes. */
bool unicode_nfc(struct span text, char *out, size_t size, size_t *len_out) ATTR_MUSTCHECK;

/* Whether every character can be seen, or is an ordinary blank (U+0020): no controls, no marks that
 * change the direction of writing, nothing of no width, no other blanks, and none that Unicode has
 * not assigned. */
bool unicode_visible(struct span text) ATTR_MUSTCHECK;

#endif
