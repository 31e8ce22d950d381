/*
 * login_delay.h: logins that fail slow down, for the account and the address that they came from.
 *
 * Nobody locks an account: another address is not delayed. A few failures are free, then each
 * doubles the wait, up to a bound; after a while without one they are forgotten, and a login that
 * succeeds clears them. An attempt counts as failed from its beginning, so that many at once are
 * no way around.
 *
 * Pure but for the memory of slot_cache.h; the caller brings the time, and may be on any thread.
 */
#ifndef BANTER_GATEWAY_LOGIN_DELAY_H
#define BANTER_GATEWAY_LOGIN_DELAY_H

#include "gateway/slot_cache.h"

/* Failures that cost nothing: people mistype. */
#define LOGIN_FAILURES_FREE 5
/* Without an attempt for so long, what was before is forgotten. */
#define LOGIN_FORGET_MS UINT64_C(900000)

struct login_delay {
    struct slot_cache *cache; /* borrowed, used for nothing else */
    uint64_t first_ms;        /* 0: no delay at all */
    uint64_t max_ms;
    uint64_t failures_free; /* LOGIN_FAILURES_FREE for one client */
};

/* A key for a name (store_user_name_key()) and an address. The name's, not the account's: whether
 * there is one makes no difference, in no spelling of it. */
uint64_t login_delay_key(struct span folded, uint64_t address);
/* How long the next attempt has to wait; 0: it may begin. */
uint64_t login_delay_left(const struct login_delay *delay, uint64_t key, uint64_t now_ms);
/* The same, and an attempt that may begin is counted as failed. */
uint64_t login_delay_begin(const struct login_delay *delay, uint64_t key, uint64_t now_ms);
/* It has succeeded. */
void login_delay_clear(const struct login_delay *delay, uint64_t key);

#endif
