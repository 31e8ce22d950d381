#include "common/json.h"

#include "common/json_flat.h"
#include "common/limits.h"
#include "common/mem.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct json_doc {
    json_t *root; /* NULL: it is flat */
    struct json_flat flat;
    uint8_t bytes[]; /* that the flat one's spans point into */
};

static bool parse_flat(const void *data, size_t len, struct json_doc **doc_out)
{
    struct json_doc *doc = mem_realloc(NULL, sizeof(*doc) + len);

    memcpy(doc->bytes, data, len);
    doc->root = NULL;
    if (json_flat_parse(&doc->flat, doc->bytes, len)) {
        *doc_out = doc;
        return true;
    }
    mem_free_wiped(doc);
    return false;
}

/* What Jansson reads may be a password, too, and its scanner keeps copies. */
static void set_allocator(void)
{
    json_set_alloc_funcs(mem_alloc, mem_free_wiped);
}

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
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t error;
    json_t *root;

    if (len == 0)
        return ERR_MALFORMED_JSON;
    if (parse_flat(data, len, doc_out))
        return ERR_NONE;
    if (too_deep(data, len))
        return ERR_MALFORMED_JSON;
    pthread_once(&once, set_allocator);
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
    json_decref((*doc)->root); /* which takes NULL */
    mem_free_wiped(*doc);
    *doc = NULL;
}

static enum json_kind flat_kind(const struct json_flat_member *member)
{
    if (member == NULL)
        return JSON_IS_ABSENT;
    switch (member->kind) {
    case JSON_FLAT_TEXT:
        return JSON_IS_TEXT;
    case JSON_FLAT_NULL:
        return JSON_IS_NULL;
    case JSON_FLAT_INTEGER:
        return JSON_IS_NUMBER;
    case JSON_FLAT_BOOLEAN:
        break;
    }
    return JSON_IS_OTHER;
}

static enum json_kind flat_get(const struct json_flat *flat, const char *name,
                               struct span *text_out)
{
    const struct json_flat_member *member = json_flat_find(flat, name);
    enum json_kind kind = flat_kind(member);

    if (kind == JSON_IS_TEXT)
        *text_out = member->text;
    return kind == JSON_IS_NUMBER ? JSON_IS_OTHER : kind;
}

static enum json_kind flat_get_u64(const struct json_flat *flat, const char *name,
                                   uint64_t *number_out)
{
    const struct json_flat_member *member = json_flat_find(flat, name);
    enum json_kind kind = flat_kind(member);

    if (kind == JSON_IS_NUMBER && !(member->negative && member->integer > 0) &&
        member->integer <= JSON_INTEGER_MAX) {
        *number_out = member->integer;
        return JSON_IS_NUMBER;
    }
    return kind == JSON_IS_NUMBER || kind == JSON_IS_TEXT ? JSON_IS_OTHER : kind;
}

enum json_kind json_get(const struct json_doc *doc, const char *name, struct span *text_out)
{
    json_t *value;

    if (doc->root == NULL)
        return flat_get(&doc->flat, name, text_out);
    value = json_object_get(doc->root, name);
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
    json_t *value;

    if (doc->root == NULL)
        return flat_get_u64(&doc->flat, name, number_out);
    value = json_object_get(doc->root, name);
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

/* ---- paths ---- */

/* A flat document has nothing that is worth a path. */
static json_t *walk(const struct json_doc *doc, const char *path)
{
    json_t *at = doc->root;

    while (at != NULL && *path != '\0') {
        size_t len = strcspn(path, "/");
        char name[64];

        if (len >= sizeof(name))
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoull(name, NULL, 10))
                               : json_object_get(at, name);
        path += len + (path[len] == '/');
    }
    return at;
}

bool json_path_number(const struct json_doc *doc, const char *path, double *number_out)
{
    json_t *found = walk(doc, path);

    if (!json_is_number(found))
        return false;
    *number_out = json_number_value(found);
    return true;
}

bool json_path_text(const struct json_doc *doc, const char *path, struct span *text_out)
{
    json_t *found = walk(doc, path);

    if (!json_is_string(found))
        return false;
    *text_out = (struct span){(const uint8_t *)json_string_value(found), json_string_length(found)};
    return true;
}

size_t json_path_count(const struct json_doc *doc, const char *path)
{
    return json_array_size(walk(doc, path)); /* 0 for anything else */
}
