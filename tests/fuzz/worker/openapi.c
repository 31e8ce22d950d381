#include "openapi.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>

/* Made from the file by the Makefile. */
extern const unsigned char openapi_json_text[];
extern const size_t openapi_json_len;

#define OPERATIONS_MAX 128

static json_t *document;
static struct operation operations[OPERATIONS_MAX];
static size_t operation_count;

static void load(void)
{
    json_error_t error;
    const char *path;
    json_t *item;

    document = json_loadb((const char *)openapi_json_text, openapi_json_len, 0, &error);
    CHECK(document != NULL);
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        const char *method;
        json_t *object;

        json_object_foreach(item, method, object)
        {
            CHECK(operation_count < OPERATIONS_MAX);
            operations[operation_count++] = (struct operation){method, path, object};
        }
    }
}

size_t openapi_count(void)
{
    if (document == NULL)
        load();
    return operation_count;
}

struct operation openapi_operation(size_t index)
{
    return operations[index % openapi_count()];
}

const json_t *openapi_resolve(const json_t *value)
{
    const char *ref;

    (void)openapi_count();
    while ((ref = json_string_value(json_object_get(value, "$ref"))) != NULL) {
        char *path = mem_strdup(ref);
        char *rest = NULL;

        value = document;
        CHECK(strncmp(path, "#/", 2) == 0);
        for (char *name = strtok_r(path + 2, "/", &rest); name != NULL;
             name = strtok_r(NULL, "/", &rest))
            value = json_object_get(value, name);
        CHECK(value != NULL);
        mem_free(path);
    }
    return value;
}

const json_t *openapi_schema(const char *name)
{
    const json_t *schemas;

    (void)openapi_count();
    schemas = json_object_get(json_object_get(document, "components"), "schemas");
    CHECK(json_object_get(schemas, name) != NULL);
    return json_object_get(schemas, name);
}

/* ---- schemas ---- */

static bool is_of(const char *type, const json_t *value)
{
    return (strcmp(type, "object") == 0 && json_is_object(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "null") == 0 && json_is_null(value));
}

static bool fits_type(const json_t *type, const json_t *value)
{
    const json_t *one;
    size_t i;

    if (type == NULL)
        return true;
    if (json_is_string(type))
        return is_of(json_string_value(type), value);
    json_array_foreach(type, i, one) if (is_of(json_string_value(one), value)) return true;
    return false;
}

static size_t code_points(const json_t *text)
{
    size_t count = 0;

    for (const char *at = json_string_value(text); *at != '\0'; at++)
        count += ((unsigned char)*at & 0xc0) != 0x80;
    return count;
}

/* A bound that is absent holds. */
static bool above(const json_t *least, json_int_t value)
{
    return least == NULL || value >= json_integer_value(least);
}

static bool below(const json_t *most, json_int_t value)
{
    return most == NULL || value <= json_integer_value(most);
}

static const char *bound_mismatch(const json_t *schema, const json_t *value)
{
    if (json_is_integer(value) &&
        (!above(json_object_get(schema, "minimum"), json_integer_value(value)) ||
         !below(json_object_get(schema, "maximum"), json_integer_value(value))))
        return "a number out of its bounds";
    if (json_is_string(value) &&
        (!above(json_object_get(schema, "minLength"), (json_int_t)code_points(value)) ||
         !below(json_object_get(schema, "maxLength"), (json_int_t)code_points(value))))
        return "a text out of its bounds";
    if (json_is_array(value) &&
        !below(json_object_get(schema, "maxItems"), (json_int_t)json_array_size(value)))
        return "too many items";
    return NULL;
}

static const char *choice_mismatch(const json_t *schema, const json_t *value)
{
    const json_t *constant = json_object_get(schema, "const");
    const json_t *choices = json_object_get(schema, "enum");
    const json_t *choice;
    size_t i;

    if (constant != NULL && !json_equal(constant, value))
        return "not the constant";
    if (choices == NULL)
        return NULL;
    json_array_foreach(choices, i, choice) if (json_equal(choice, value)) return NULL;
    return "none of the choices";
}

static const char *part_mismatch(const json_t *schema, const json_t *value)
{
    const json_t *items = json_object_get(schema, "items");
    const char *wrong = NULL;
    const char *key;
    json_t *part;
    size_t i;

    json_array_foreach(json_object_get(schema, "allOf"), i, part) wrong =
        wrong != NULL ? wrong : openapi_mismatch(part, value);
    json_array_foreach(json_object_get(schema, "required"), i,
                       part) if (json_is_object(value) &&
                                 json_object_get(value, json_string_value(part)) == NULL) wrong =
        json_string_value(part);
    json_object_foreach(json_object_get(schema, "properties"), key,
                        part) if (wrong == NULL && json_object_get(value, key) != NULL) wrong =
        openapi_mismatch(part, json_object_get(value, key));
    if (items != NULL)
        json_array_foreach(value, i, part) wrong =
            wrong != NULL ? wrong : openapi_mismatch(items, part);
    return wrong;
}

const char *openapi_mismatch(const json_t *schema, const json_t *value)
{
    const char *wrong;

    schema = openapi_resolve(schema);
    if (!fits_type(json_object_get(schema, "type"), value))
        return "another type";
    wrong = bound_mismatch(schema, value);
    if (wrong == NULL)
        wrong = choice_mismatch(schema, value);
    return wrong != NULL ? wrong : part_mismatch(schema, value);
}
