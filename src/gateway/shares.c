#include "gateway/shares.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/mem.h"
#include "gateway/tally.h"

#include <string.h>

struct shares {
    struct tally *addresses;
    struct tally *sites;
};

/* No /64 has the number of a site: 0000::/8 is nobody's (RFC 4291, 2.4). */
uint64_t shares_site(uint64_t address)
{
    uint8_t bytes[sizeof(address)];
    uint64_t site;

    memcpy(bytes, &address, sizeof(bytes));
    if (bytes[0] == 0)
        return 0;
    memmove(bytes + 2, bytes, 6);
    bytes[0] = 0;
    bytes[1] = 48;
    memcpy(&site, bytes, sizeof(site));
    return site;
}

struct shares *shares_create(uint64_t max)
{
    struct shares *shares = mem_alloc(sizeof(*shares));

    shares->addresses = tally_create((uint32_t)max);
    shares->sites = tally_create((uint32_t)(max * SITE_SHARES));
    return shares;
}

void shares_destroy(struct shares **shares)
{
    if (*shares == NULL)
        return;
    tally_destroy(&(*shares)->addresses);
    tally_destroy(&(*shares)->sites);
    mem_free(*shares);
    *shares = NULL;
}

bool shares_has_room(const struct shares *shares, uint64_t address)
{
    return tally_has_room(shares->addresses, address) &&
           tally_has_room(shares->sites, shares_site(address));
}

bool shares_take(struct shares *shares, uint64_t address)
{
    if (!shares_has_room(shares, address))
        return false;
    CHECK(tally_add(shares->addresses, address));
    CHECK(tally_add(shares->sites, shares_site(address)));
    return true;
}

void shares_give(struct shares *shares, uint64_t address)
{
    tally_remove(shares->addresses, address);
    tally_remove(shares->sites, shares_site(address));
}
