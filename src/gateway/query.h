/*
 * query.h: parameters of a URI's query (application/x-www-form-urlencoded). Pure.
 */
#ifndef BANTER_GATEWAY_QUERY_H
#define BANTER_GATEWAY_QUERY_H

#include "common/base.h"

/* The raw value of the first parameter with this name (which needs no decoding); false if there is
 * none. query may be NULL. */
bool query_get(const char *query, const char *name, struct span *raw_out);

enum query_number { QUERY_ABSENT, QUERY_NUMBER, QUERY_BAD };

/* A decimal number below 2^53. */
enum query_number query_get_u64(const char *query, const char *name, uint64_t *number_out);
/* The same for text that is not a parameter, as a part of a path. */
bool query_parse_u64(struct span text, uint64_t *number_out);

#endif
