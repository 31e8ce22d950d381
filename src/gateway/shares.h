/*
 * shares.h: what client addresses hold now, and their shares of it.
 *
 * An address is a number of limiter_address(). Of IPv6 it is a /64, and whoever has one may have
 * the whole /48 around it, which is 65,536 of them: so all of a /48, a site, hold SITE_SHARES
 * shares together.
 *
 * Pure. It is as large as what it counts.
 */
#ifndef BANTER_GATEWAY_SHARES_H
#define BANTER_GATEWAY_SHARES_H

#include "common/base.h"

/* The number of the site that an address is in; 0 if it is no IPv6 address. No address has the same
 * number. */
uint64_t shares_site(uint64_t address);

struct shares;

/* max of one address; 0: nothing is counted, and nothing refused. */
struct shares *shares_create(uint64_t max);
/* Nothing may be held any more; sets *shares to NULL. */
void shares_destroy(struct shares **shares);
/* One more of this address; false if it or its site has as many as they may. Address 0 is never
 * counted or refused. */
bool shares_take(struct shares *shares, uint64_t address) ATTR_MUSTCHECK;
/* Whether one more would not be refused. */
bool shares_has_room(const struct shares *shares, uint64_t address);
/* One less, after one that was taken. */
void shares_give(struct shares *shares, uint64_t address);

#endif
