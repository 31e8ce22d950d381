/*
 * json_flat.h: the JSON that nearly every client sends, read in one pass: an object of a few
 * strings, whole numbers, booleans and nulls.
 *
 * Pure. What it accepts it reads as jansson does (the fuzz target json holds the two together);
 * whatever else there is (nested values, fractions, \u escapes, duplicate names, errors) it leaves
 * to jansson, which also says what is wrong. A chat message costs a tenth this way.
 */
#ifndef BANTER_COMMON_JSON_FLAT_H
#define BANTER_COMMON_JSON_FLAT_H

#include "common/base.h"

#define JSON_FLAT_MEMBERS_MAX 8

enum json_flat_kind { JSON_FLAT_TEXT, JSON_FLAT_INTEGER, JSON_FLAT_NULL, JSON_FLAT_BOOLEAN };

struct json_flat_member {
    struct span name;
    enum json_flat_kind kind;
    struct span text;
    uint64_t integer;
    bool negative; /* of an integer */
};

struct json_flat {
    size_t count;
    struct json_flat_member members[JSON_FLAT_MEMBERS_MAX];
};

/* Reads len bytes, which it may change in place, and which the spans point into, with a NUL behind
 * each. False: it is not
 * of this kind, or no JSON at all; the bytes may have been changed. */
bool json_flat_parse(struct json_flat *flat, uint8_t *bytes, size_t len) ATTR_MUSTCHECK;
/* The member with this name, or NULL. */
const struct json_flat_member *json_flat_find(const struct json_flat *flat, const char *name);

#endif
