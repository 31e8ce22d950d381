#include "common/networks.h"

#include "common/mem.h"

#include <arpa/inet.h>
#include <stdio.h>

#define ADDRESS_BITS 128
#define MAPPED_BITS  96 /* that every IPv4-mapped address begins with */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct ip_address ip_address_v4(const uint8_t bytes[4])
{
    struct ip_address address;

    memcpy(address.bytes, mapped_prefix, sizeof(mapped_prefix));
    memcpy(address.bytes + sizeof(mapped_prefix), bytes, 4);
    return address;
}

static bool is_mapped(const struct ip_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool ip_address_known(const struct ip_address *address)
{
    static const struct ip_address none;

    return memcmp(address, &none, sizeof(none)) != 0;
}

bool ip_address_parse(struct span text, struct ip_address *out)
{
    char copy[IP_ADDRESS_TEXT_SIZE];
    uint8_t v4[4];

    /* inet_pton() reads a C string: a NUL inside must not cut it. */
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1) {
        *out = ip_address_v4(v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

char *ip_address_format(const struct ip_address *address, char out[IP_ADDRESS_TEXT_SIZE])
{
    const uint8_t *bytes = address->bytes;

    if (is_mapped(address))
        inet_ntop(AF_INET, bytes + sizeof(mapped_prefix), out, IP_ADDRESS_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, bytes, out, IP_ADDRESS_TEXT_SIZE);
    return out;
}

static uint8_t mask_of(unsigned bits, unsigned index)
{
    unsigned before = index * 8;

    if (bits >= before + 8)
        return 0xff;
    if (bits <= before)
        return 0;
    return (uint8_t)(0xff << (8 - (bits - before)));
}

static bool contains(const struct network *network, const struct ip_address *address)
{
    for (unsigned i = 0; i < IP_ADDRESS_BYTES; i++)
        if (((network->first.bytes[i] ^ address->bytes[i]) & mask_of(network->bits, i)) != 0)
            return false;
    return true;
}

/* Whether an address of a network has no bits behind the prefix, as it must. */
static bool is_first(const struct network *network)
{
    for (unsigned i = 0; i < IP_ADDRESS_BYTES; i++)
        if ((network->first.bytes[i] & ~mask_of(network->bits, i)) != 0)
            return false;
    return true;
}

static bool parse_bits(struct span text, unsigned max, unsigned *out)
{
    unsigned bits = 0;

    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    *out = bits;
    return bits <= max;
}

/* NULL, or what is wrong. */
static const char *parse_one(struct span text, struct network *out)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct span address = {text.data, slash != NULL ? (size_t)(slash - text.data) : text.len};
    bool v4;

    if (text.len == 0)
        return "there is nothing between two commas";
    if (!ip_address_parse(address, &out->first))
        return "an address as 192.0.2.1 or 2001:db8::1 is needed, or a network as 10.0.0.0/8";
    out->bits = ADDRESS_BITS;
    if (slash == NULL)
        return NULL;
    v4 = memchr(address.data, ':', address.len) == NULL;
    if (!parse_bits((struct span){slash + 1, text.len - address.len - 1},
                    v4 ? ADDRESS_BITS - MAPPED_BITS : ADDRESS_BITS, &out->bits))
        return v4 ? "a prefix of 0 to 32 is needed after the slash"
                  : "a prefix of 0 to 128 is needed after the slash";
    if (v4)
        out->bits += MAPPED_BITS;
    return is_first(out) ? NULL : "the address has bits behind the prefix";
}

static struct span trim(const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return (struct span){(const uint8_t *)text, len};
}

bool networks_parse(const char *text, struct networks *out, char *error, size_t error_size)
{
    size_t room = 1;

    memset(out, 0, sizeof(*out));
    if (text[strspn(text, " \t")] == '\0')
        return true;
    for (const char *at = text; *at != '\0'; at++)
        room += *at == ',';
    out->items = mem_alloc_array(room, sizeof(struct network));
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        const char *problem = parse_one(trim(at, len), &out->items[out->count]);

        if (problem != NULL) {
            snprintf(error, error_size, "%s", problem);
            networks_fini(out);
            return false;
        }
        out->count++;
        at += len;
        if (*at == '\0')
            return true;
    }
}

void networks_fini(struct networks *networks)
{
    mem_free(networks->items);
    memset(networks, 0, sizeof(*networks));
}

bool networks_contain(const struct networks *networks, const struct ip_address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (contains(&networks->items[i], address))
            return true;
    return false;
}
