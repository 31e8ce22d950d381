// needs: common/strbuf common/mem common/check

/*
 * bus_keys: any text is a key pair or a sentence; what is taken is valid, and reads as the same
 * again. A pair is read as a whole file, so there are no pieces; but its lines may come in any
 * order: behind each other the other way round, the two parts of a text give the same.
 */
#include "common/bus_keys.h"

#include "common/check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_turned(const char *text, size_t size, bool good, const struct bus_key_pair *pair)
{
    char error[192] = "";
    struct bus_key_pair other;
    struct strbuf turned = STRBUF_EMPTY;
    const char *feed = size > 0 ? memchr(text, '\n', size) : NULL;

    if (feed == NULL)
        return;
    strbuf_add(&turned, feed + 1, size - (size_t)(feed + 1 - text));
    strbuf_add_char(&turned, '\n');
    strbuf_add(&turned, text, (size_t)(feed - text));
    CHECK(bus_key_pair_parse(turned.data, turned.len, &other, error, sizeof(error)) == good);
    CHECK(memcmp(pair, &other, sizeof(other)) == 0);
    strbuf_fini(&turned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[192] = "";
    struct bus_key_pair pair;
    struct bus_key_pair again;
    struct strbuf text = STRBUF_EMPTY;

    if (!bus_key_pair_parse((const char *)data, size, &pair, error, sizeof(error))) {
        CHECK(error[0] != '\0' && strlen(error) < sizeof(error) - 1);
        CHECK(pair.public_key[0] == '\0' && pair.secret_key[0] == '\0');
        check_turned((const char *)data, size, false, &pair);
        return 0;
    }
    CHECK(bus_key_valid(pair.public_key, strlen(pair.public_key)));
    CHECK(bus_key_valid(pair.secret_key, strlen(pair.secret_key)));
    check_turned((const char *)data, size, true, &pair);
    bus_key_pair_write(&pair, "x", &text);
    CHECK(bus_key_pair_parse(text.data, text.len, &again, error, sizeof(error)));
    CHECK(memcmp(&pair, &again, sizeof(pair)) == 0);
    strbuf_fini(&text);
    return 0;
}
