#include "gateway/http_list.h"

#include <string.h>
#include <strings.h>

struct span http_trim(const char *text, size_t len)
{
    while (len > 0 && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return (struct span){(const uint8_t *)text, len};
}

bool http_word_is(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp((const char *)span.data, word, span.len) == 0;
}

bool http_list_has(const char *list, const char *token)
{
    if (list == NULL)
        return false;
    for (;;) {
        size_t len = strcspn(list, ",");

        if (http_word_is(http_trim(list, len), token))
            return true;
        if (list[len] == '\0')
            return false;
        list += len + 1;
    }
}
