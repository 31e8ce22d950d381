// needs: common/mem common/check
/*
 * utf8: any bytes, whole, in two pieces, byte by byte and at another place, against a validator
 * that decodes each character.
 */
#include "common/utf8.h"

#include "common/check.h"
#include "moved.h"

#define BYTES_MAX 256 /* one by one, each with all before it */

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

/* Refused at the first byte that shows it: what is taken so far is the beginning of a text. */
static void check_bytes(const uint8_t *data, size_t size, bool valid)
{
    struct utf8_state state = {0};
    bool good = true;

    for (size_t at = 0; at < size && good; at++) {
        good = utf8_feed(&state, data + at, 1);
        CHECK((good && utf8_complete(&state)) == utf8_valid(data, at + 1));
    }
    CHECK((good && utf8_complete(&state)) == valid);
}

static void check_moved(const uint8_t *data, size_t size, bool valid, size_t characters)
{
    struct moved moved = move_by(data, size, 1 + size % 15);

    CHECK(utf8_valid(moved.data, size) == valid);
    CHECK(!valid || utf8_length(moved.data, size) == characters);
    mem_free(moved.block);
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
    check_bytes(data, MIN(size, (size_t)BYTES_MAX),
                BYTES_MAX >= size ? valid : utf8_valid(data, BYTES_MAX));
    check_moved(data, size, valid, characters);
    for (size_t cut = 0; cut <= size; cut += 1 + size / 16) {
        struct utf8_state state = {0};
        bool fed = utf8_feed(&state, data, cut) && utf8_feed(&state, data + cut, size - cut);

        CHECK(valid == (fed && utf8_complete(&state)));
    }
    return 0;
}
