#include "common/common_passwords.h"

#include "common/mem.h"

#include <string.h>

/* No line of the file is longer: test_common_passwords.c looks. */
#define LINE_BYTES_MAX 64

static struct span line_at(size_t at)
{
    const unsigned char *line = common_passwords_text + at;
    const unsigned char *end = memchr(line, '\n', common_passwords_len - at);

    return (struct span){line, (size_t)(end - line)};
}

static int compare(struct span left, struct span right)
{
    int order = memcmp(left.data, right.data, MIN(left.len, right.len));

    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

static bool search(struct span wanted)
{
    size_t from = 0;
    size_t to = common_passwords_len;

    /* Both are always the beginning of a line, or the end of the text. */
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        struct span line;
        int order;

        while (middle > from && common_passwords_text[middle - 1] != '\n')
            middle--;
        line = line_at(middle);
        order = compare(wanted, line);
        if (order == 0)
            return true;
        if (order < 0)
            to = middle;
        else
            from = middle + line.len + 1;
    }
    return false;
}

bool common_passwords_have(struct span password)
{
    uint8_t lower[LINE_BYTES_MAX];
    bool found;

    if (password.len > sizeof(lower))
        return false;
    for (size_t i = 0; i < password.len; i++) {
        uint8_t byte = password.data[i];

        lower[i] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
    }
    found = search((struct span){lower, password.len});
    mem_wipe(lower, sizeof(lower));
    return found;
}
