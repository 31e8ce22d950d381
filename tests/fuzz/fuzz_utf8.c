// needs: common/check
/* utf8: any bytes, whole and in two pieces, against a validator that decodes each character. */
#include "common/utf8.h"

#include "common/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The length of the character at data, or 0 when it is none. Slow and plain on purpose. */
static size_t character_len(const uint8_t *data, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = data[0] < 0x80           ? 1
                 : (data[0] >> 5) == 0x06 ? 2
                 : (data[0] >> 4) == 0x0e ? 3
                 : (data[0] >> 3) == 0x1e ? 4
                                          : 0;
    uint32_t point = len > 1 ? data[0] & (0xffU >> (len + 1)) : data[0];

    if (len == 0 || len > size)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (data[i] & 0x3f);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t characters = 0;
    size_t at = 0;
    bool valid;

    while (at < size) {
        size_t len = character_len(data + at, size - at);

        if (len == 0)
            break;
        at += len;
        characters++;
    }
    valid = utf8_valid(data, size);
    CHECK(valid == (at == size));
    CHECK(!valid || utf8_length(data, size) == characters);
    for (size_t cut = 0; cut <= size; cut += 1 + size / 16) {
        struct utf8_state state = {0};
        bool fed = utf8_feed(&state, data, cut) && utf8_feed(&state, data + cut, size - cut);

        CHECK(valid == (fed && utf8_complete(&state)));
    }
    return 0;
}
