// needs: common/check common/mem
/* query: the input is a name, a line feed, and a query; against a reading of it that is plain.
 * It is part of a target that http_guard has whole: worker_http cuts it. */
#include "gateway/query.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The value in a copy of the query that is cut up; NULL when absent. */
static const char *plain_get(char *query, const char *name)
{
    char *pair;

    while ((pair = strsep(&query, "&")) != NULL) {
        char *value = strchr(pair, '=');

        if (value == NULL)
            continue;
        *value++ = '\0';
        if (strcmp(pair, name) == 0)
            return value;
    }
    return NULL;
}

static bool plain_number(const char *text, uint64_t *number)
{
    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno == 0 && *number <= JSON_INTEGER_MAX;
}

static void compare(const char *query, const char *name, const char *expected)
{
    struct span raw = {NULL, 0};
    uint64_t number = 0;
    uint64_t plain = 0;
    enum query_number kind = query_get_u64(query, name, &number);

    CHECK(query_get(query, name, &raw) == (expected != NULL));
    CHECK((kind == QUERY_ABSENT) == (expected == NULL));
    if (expected == NULL)
        return;
    CHECK(raw.len == strlen(expected) && memcmp(raw.data, expected, raw.len) == 0);
    /* Only zeros before it can make a good number longer than is taken. */
    CHECK((kind == QUERY_NUMBER) == (plain_number(expected, &plain) && raw.len <= 16));
    CHECK(kind != QUERY_NUMBER || number == plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char *query = text;
    char *name = strsep(&query, "\n");
    char *copy = mem_strdup(query);

    if (query != NULL && name[0] != '\0' && strpbrk(name, "=&") == NULL)
        compare(query, name, plain_get(copy, name));
    mem_free(copy);
    mem_free(text);
    return 0;
}
