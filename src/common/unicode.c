#include "common/unicode.h"

#include "common/mem.h"

#include <string.h>
#include <utf8proc.h>

/* How many characters one becomes at most when it is decomposed canonically (UAX #15). */
#define DECOMPOSED_MAX 4
#define UTF8_BYTES     4

bool unicode_nfc(struct span text, char *out, size_t size, size_t *len_out)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    /* Each byte of the text is at most a character; they are encoded where they are. */
    utf8proc_ssize_t room = (utf8proc_ssize_t)(text.len * DECOMPOSED_MAX + 1);
    utf8proc_int32_t *buffer = mem_alloc((size_t)room * sizeof(*buffer));
    utf8proc_ssize_t count =
        utf8proc_decompose(text.data, (utf8proc_ssize_t)text.len, buffer, room, options);
    utf8proc_ssize_t len =
        count >= 0 && count < room ? utf8proc_reencode(buffer, count, options) : -1;
    bool fits = len >= 0 && (size_t)len < size;

    _Static_assert(sizeof(*buffer) >= UTF8_BYTES, "what is encoded fits where it was decoded");
    if (fits) {
        memcpy(out, buffer, (size_t)len);
        out[len] = '\0';
        *len_out = (size_t)len;
    }
    mem_free(buffer);
    return fits;
}

static bool visible(utf8proc_int32_t character)
{
    const utf8proc_property_t *property = utf8proc_get_property(character);

    if (character == ' ')
        return true;
    switch (property->category) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        /* Letters and marks that have no shape: fillers, variation selectors. */
        return !property->ignorable;
    }
}

bool unicode_visible(struct span text)
{
    while (text.len > 0) {
        utf8proc_int32_t character;
        utf8proc_ssize_t len = utf8proc_iterate(text.data, (utf8proc_ssize_t)text.len, &character);

        if (len <= 0 || !visible(character))
            return false;
        text.data += len;
        text.len -= (size_t)len;
    }
    return true;
}
