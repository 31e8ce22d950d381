#include "common/json.h"

#include "common/limits.h"
#include "common/mem.h"

#include <jansson.h>

struct json_doc {
    json_t *root;
};

/* jansson recurses for each level and allows 2,048 of them; nobody needs more than a few. */
static bool too_deep(const char *text, size_t len)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if ((c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX) {
            return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

enum err json_parse_object(const void *data, size_t len, struct json_doc **doc_out)
{
    json_error_t error;
    json_t *root;

    if (len == 0 || too_deep(data, len))
        return ERR_MALFORMED_JSON;
    root = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (root == NULL)
        return ERR_MALFORMED_JSON;
    if (!json_is_object(root)) {
        json_decref(root);
        return ERR_VALIDATION;
    }
    *doc_out = mem_alloc(sizeof(**doc_out));
    (*doc_out)->root = root;
    return ERR_NONE;
}

void json_doc_destroy(struct json_doc **doc)
{
    if (*doc == NULL)
        return;
    json_decref((*doc)->root);
    mem_free(*doc);
    *doc = NULL;
}

enum json_kind json_get(const struct json_doc *doc, const char *name, struct span *text_out)
{
    json_t *value = json_object_get(doc->root, name);

    if (value == NULL)
        return JSON_IS_ABSENT;
    if (json_is_null(value))
        return JSON_IS_NULL;
    if (!json_is_string(value))
        return JSON_IS_OTHER;
    text_out->data = (const uint8_t *)json_string_value(value);
    text_out->len = json_string_length(value);
    return JSON_IS_TEXT;
}

enum json_kind json_get_u64(const struct json_doc *doc, const char *name, uint64_t *number_out)
{
    json_t *value = json_object_get(doc->root, name);

    if (value == NULL)
        return JSON_IS_ABSENT;
    if (json_is_null(value))
        return JSON_IS_NULL;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > JSON_INTEGER_MAX)
        return JSON_IS_OTHER;
    *number_out = (uint64_t)json_integer_value(value);
    return JSON_IS_NUMBER;
}
