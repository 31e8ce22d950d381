/*
 * http_list.h: field values that are lists of tokens (RFC 9110, 5.6.1). Pure.
 */
#ifndef BANTER_GATEWAY_HTTP_LIST_H
#define BANTER_GATEWAY_HTTP_LIST_H

#include "common/base.h"

/* The value without the white space around it (5.5: it is no part of it). Borrowed from text. */
struct span http_trim(const char *text, size_t len);
/* Whether it is this word, in whatever letter case. */
bool http_word_is(struct span span, const char *word);
/* Whether a comma-separated list (NULL: none) has the token, in whatever letter case. */
bool http_list_has(const char *list, const char *token);

#endif
