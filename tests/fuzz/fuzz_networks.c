// needs: common/mem common/check
/*
 * networks: any text is a list of networks or a sentence; what is taken contains its own first
 * addresses. The text is one setting and comes whole; but a list that is cut at a comma is two
 * lists with the same networks, and good when both of them are.
 */
#include "common/networks.h"

#include "common/check.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static void check_parts(const char *text, bool good, const struct networks *whole)
{
    const char *comma = strchr(text, ',');
    char error[128];
    struct networks first;
    struct networks rest;
    bool both;
    char *head;

    if (comma == NULL)
        return;
    head = mem_strndup(text, (size_t)(comma - text));
    both = networks_parse(head, &first, error, sizeof(error)) && !is_blank(head);
    both = networks_parse(comma + 1, &rest, error, sizeof(error)) && !is_blank(comma + 1) && both;
    CHECK(good == both);
    if (good) {
        CHECK(first.count == 1 && whole->count == 1 + rest.count);
        CHECK(memcmp(whole->items, first.items, sizeof(*first.items)) == 0);
        CHECK(memcmp(whole->items + 1, rest.items, rest.count * sizeof(*rest.items)) == 0);
    }
    networks_fini(&first);
    networks_fini(&rest);
    mem_free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char error[128] = "";
    struct networks networks;

    bool good = networks_parse(text, &networks, error, sizeof(error));

    check_parts(text, good, &networks);
    if (good) {
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
