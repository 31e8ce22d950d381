#include "gateway/query.h"

#include "common/limits.h"

#include <string.h>

bool query_get(const char *query, const char *name, struct span *raw_out)
{
    size_t name_len = strlen(name);

    while (query != NULL && *query != '\0') {
        size_t len = strcspn(query, "&");

        if (len > name_len && query[name_len] == '=' && memcmp(query, name, name_len) == 0) {
            *raw_out = (struct span){(const uint8_t *)query + name_len + 1, len - name_len - 1};
            return true;
        }
        query += query[len] == '&' ? len + 1 : len;
    }
    return false;
}

bool query_parse_u64(struct span text, uint64_t *number_out)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 16) /* 2^53 has 16 digits */
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *number_out = number;
    return number <= JSON_INTEGER_MAX;
}

enum query_number query_get_u64(const char *query, const char *name, uint64_t *number_out)
{
    struct span raw;

    if (!query_get(query, name, &raw))
        return QUERY_ABSENT;
    return query_parse_u64(raw, number_out) ? QUERY_NUMBER : QUERY_BAD;
}
