/*
 * json.h: reading a JSON object that a client sent. The only user of <jansson.h>.
 *
 * Strict (RFC 8259): valid UTF-8, no duplicate names, no trailing bytes, no \u0000, nested at most
 * JSON_DEPTH_MAX deep. What was read may be a password: nothing of it is in memory that was freed.
 */
#ifndef BANTER_COMMON_JSON_H
#define BANTER_COMMON_JSON_H

#include "common/base.h"
#include "common/errors.h"

struct json_doc;

/* ERR_MALFORMED_JSON when it is not JSON, ERR_VALIDATION when it is but no object; *doc_out is set
 * only on success. */
enum err json_parse_object(const void *data, size_t len, struct json_doc **doc_out) ATTR_MUSTCHECK;
/* Sets *doc to NULL, which is allowed beforehand, too. */
void json_doc_destroy(struct json_doc **doc);

enum json_kind { JSON_IS_ABSENT, JSON_IS_NULL, JSON_IS_TEXT, JSON_IS_NUMBER, JSON_IS_OTHER };

/* A member's kind; for text, *text_out is its UTF-8 with a NUL behind it, valid as long as
 * the document. */
enum json_kind json_get(const struct json_doc *doc, const char *name, struct span *text_out);
/* The same for a whole number from 0 to 2^53 - 1; any other number is JSON_IS_OTHER. */
enum json_kind json_get_u64(const struct json_doc *doc, const char *name, uint64_t *number_out);

/* By a path of names and places in arrays, "processes/0/gauges/ws_open": for what our own programs
 * say, deep as it is. A number of any kind as *number_out; a text, borrowed as above, as *text_out;
 * the members of an array. False, or 0, if there is no such thing. */
bool json_path_number(const struct json_doc *doc, const char *path,
                      double *number_out) ATTR_MUSTCHECK;
bool json_path_text(const struct json_doc *doc, const char *path,
                    struct span *text_out) ATTR_MUSTCHECK;
size_t json_path_count(const struct json_doc *doc, const char *path);

#endif
