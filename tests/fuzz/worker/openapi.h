/*
 * openapi.h: web/openapi.json, as it was when the target was built: which operations there are, and
 * whether a value is what a schema says.
 */
#ifndef BANTER_TESTS_FUZZ_OPENAPI_H
#define BANTER_TESTS_FUZZ_OPENAPI_H

#include "common/base.h"

#include <jansson.h>

struct operation {
    const char *method; /* "get" */
    const char *path;   /* with {placeholders} */
    const json_t *object;
};

size_t openapi_count(void);
/* index is taken modulo their number. */
struct operation openapi_operation(size_t index);
/* What a $ref names; the value itself if it is none. */
const json_t *openapi_resolve(const json_t *value);
/* A schema of the components; it must be there. */
const json_t *openapi_schema(const char *name);

/* NULL if the value is what the schema says, by the keywords that the document uses (but pattern
 * and format); else what is wrong. */
const char *openapi_mismatch(const json_t *schema, const json_t *value);

#endif
