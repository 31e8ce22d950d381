// needs: common/mem common/check
/* Any text is a list of networks or a sentence; what is taken contains its own first addresses.
 * A setting is one text: there is nothing to cut. */
#include "common/networks.h"

#include "common/check.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char error[128] = "";
    struct networks networks;

    if (networks_parse(text, &networks, error, sizeof(error))) {
        for (size_t i = 0; i < networks.count; i++) {
            char address[IP_ADDRESS_TEXT_SIZE];
            struct ip_address again;

            CHECK(networks.items[i].bits <= 128);
            CHECK(networks_contain(&networks, &networks.items[i].first));
            ip_address_format(&networks.items[i].first, address);
            CHECK(ip_address_parse((struct span){(uint8_t *)address, strlen(address)}, &again));
            CHECK(memcmp(&again, &networks.items[i].first, sizeof(again)) == 0);
        }
        networks_fini(&networks);
    } else {
        CHECK(error[0] != '\0' && networks.count == 0);
    }
    mem_free(text);
    return 0;
}
