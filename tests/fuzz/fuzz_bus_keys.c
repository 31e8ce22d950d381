// needs: common/strbuf common/mem common/check

/* Any text is a key pair or a sentence; what is taken is valid, and reads as the same again.
 * A file is read whole before, so there is nothing to cut. */
#include "common/bus_keys.h"

#include "common/check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[192] = "";
    struct bus_key_pair pair;
    struct bus_key_pair again;
    struct strbuf text = STRBUF_EMPTY;

    if (!bus_key_pair_parse((const char *)data, size, &pair, error, sizeof(error))) {
        CHECK(error[0] != '\0' && strlen(error) < sizeof(error) - 1);
        CHECK(pair.public_key[0] == '\0' && pair.secret_key[0] == '\0');
        return 0;
    }
    CHECK(bus_key_valid(pair.public_key, strlen(pair.public_key)));
    CHECK(bus_key_valid(pair.secret_key, strlen(pair.secret_key)));
    bus_key_pair_write(&pair, "x", &text);
    CHECK(bus_key_pair_parse(text.data, text.len, &again, error, sizeof(error)));
    CHECK(memcmp(&pair, &again, sizeof(pair)) == 0);
    strbuf_fini(&text);
    return 0;
}
