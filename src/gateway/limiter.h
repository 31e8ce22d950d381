/*
 * limiter.h: what a worker grants to whom: tokens of rates, connections and sockets of an address,
 * sockets of a user, handshakes at a time, and nothing new while the worker's memory is full.
 *
 * Everything that a stranger can want much of asks here, and what is refused is counted here. Who
 * is a client address is decided here, too: one in TRUSTED_PROXIES is a balancer and not a client,
 * so it is not limited; of an IPv6 address the /64 counts, which is what one household gets
 * (RFC 6177), and all /64s of a /48 together have SITE_SHARES times what one has (shares.h).
 *
 * Rates and login delays hold for all workers of a gateway; what is open now, for this worker.
 * limiter_take() and the login functions may be called on any thread, the others on the loop. None
 * blocks.
 */
#ifndef BANTER_GATEWAY_LIMITER_H
#define BANTER_GATEWAY_LIMITER_H

#include "common/errors.h"
#include "common/rate.h"
#include "gateway/client_address.h"

struct settings;
struct slot_cache;
struct limiter;

/* Of a gateway: made before the workers are forked. */
struct limiter_memory {
    struct slot_cache *rates;
    struct slot_cache *logins;
};
void limiter_memory_create(struct limiter_memory *memory);

/* settings and memory stay the caller's. */
struct limiter *limiter_create(const struct settings *settings,
                               const struct limiter_memory *memory);
/* Nothing may be open any more; sets *limiter to NULL. */
void limiter_destroy(struct limiter **limiter);

/* TRUSTED_PROXIES; lives as long as the limiter. */
const struct networks *limiter_trusted(const struct limiter *limiter);
/* The number under which an address is counted; 0, which is never refused, for one that is not
 * known or a balancer's. */
uint64_t limiter_address(const struct limiter *limiter, const struct client_address *address);

/* ---- rates ---- */

/* Takes a token of who: a user's id, or an address's number. Without one false, and how long to
 * wait for it: at least 1 ms. */
bool limiter_take(struct limiter *limiter, enum rate_class kind, uint64_t who,
                  uint64_t *wait_ms_out) ATTR_MUSTCHECK;
struct rate limiter_rate(const struct limiter *limiter, enum rate_class kind);

/* Whose attempts are counted: those on a name (login_delay_key()) from an address, and from the
 * site that it is in. */
struct limiter_login {
    uint64_t of_address;
    uint64_t of_site;
    bool has_site;
};
struct limiter_login limiter_login_of(struct span folded, uint64_t address);
/* login_delay.h for both, with the clock: ms to wait, 0 for none. */
uint64_t limiter_login_left(struct limiter *limiter, const struct limiter_login *login);
uint64_t limiter_login_begin(struct limiter *limiter, const struct limiter_login *login);
void limiter_login_clear(struct limiter *limiter, const struct limiter_login *login);

/* ---- what is open ---- */

/* A connection of an address: ERR_NONE, and limiter_disconnected() is due when it ends; or
 * ERR_RATE_LIMITED, ERR_OVERLOADED. */
enum err limiter_connected(struct limiter *limiter, uint64_t address) ATTR_MUSTCHECK;
void limiter_disconnected(struct limiter *limiter, uint64_t address);
/* Whether a socket of the address, and of the user unless that is 0, may be opened now; counts
 * nothing but the refusal. */
enum err limiter_may_open(struct limiter *limiter, uint64_t address,
                          uint64_t user_id) ATTR_MUSTCHECK;
/* It was opened; limiter_closed() is due. */
void limiter_opened(struct limiter *limiter, uint64_t address);
void limiter_closed(struct limiter *limiter, uint64_t address);
/* A socket turns out to be a user's; false if he has enough. limiter_detached() is due. */
bool limiter_attached(struct limiter *limiter, uint64_t user_id) ATTR_MUSTCHECK;
void limiter_detached(struct limiter *limiter, uint64_t user_id);
/* A handshake's token is being checked, and not any more. */
void limiter_handshake_begins(struct limiter *limiter);
void limiter_handshake_ended(struct limiter *limiter);

/* While it is full, limiter_connected() and limiter_may_open() refuse everybody. */
void limiter_set_full(struct limiter *limiter, bool full);

#endif
