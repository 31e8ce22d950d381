// needs: common/bus_keys common/strbuf common/mem common/check
// covers: common/bus_keys

/* Any text is a list or a sentence; each key of a list is found in it, and its name fits a log. A
 * file is read whole before, so there is nothing to cut. */
#include "common/bus_keys.h"

#include "common/check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[192] = "";
    struct bus_key_list list;

    if (!bus_key_list_parse((const char *)data, size, &list, error, sizeof(error))) {
        CHECK(error[0] != '\0' && strlen(error) < sizeof(error) - 1);
        return 0;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct bus_allowed *item = &list.items[i];

        CHECK(bus_key_valid(item->key, strlen(item->key)));
        CHECK(bus_key_list_find(&list, item->key) != NULL);
        CHECK(strlen(item->name) <= BUS_KEY_NAME_MAX);
        for (const char *c = item->name; *c != '\0'; c++)
            CHECK(*c > ' ' && *c < 0x7f && *c != '"' && *c != '\\');
        CHECK(i == 0 || strcmp(list.items[i - 1].key, item->key) <= 0);
    }
    bus_key_list_fini(&list);
    return 0;
}
