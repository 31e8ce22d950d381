/*
 * leases.h: which shards this broker owns. Main thread; its SQL runs on a pool.
 *
 * Table broker_leases has a row for each shard, and behind them rows in which brokers announce
 * themselves, so that a newcomer that owns nothing yet is counted. Every third of lease_ms a broker
 * extends its rows by the database's clock, counts the brokers that live, takes free or expired
 * shards up to its fair share, and gives some of a surplus away. A broker that cannot reach the
 * database goes on owning what it has: a lease only keeps brokers out of each other's way, and what
 * keeps the log right is its primary key.
 *
 * An owner is 64 bits: the upper half names the place (machine, host name and bus address), the
 * lower half is random for each process. The caller has bound the address before it creates this,
 * so whoever had it is dead, and its shards are taken over at once: a broker that was killed and
 * started again does not wait for its own old leases. (Should two live brokers still name the same
 * place, the later one takes the shards once, and the earlier one sees another owner and yields.)
 */
#ifndef BANTER_BROKER_LEASES_H
#define BANTER_BROKER_LEASES_H

#include "common/loop.h"
#include "common/pool.h"

struct leases;

struct leases_options {
    uint64_t lease_ms;
    const char *address;      /* what the broker has bound */
    const char *database_url; /* for leases_release() */
    /* The shards (bit s) that are owned now; called when that changes. */
    void (*changed)(void *context, uint64_t owned);
    void *context;
};

/* The first round begins at once. The pool outlives no leases: destroy it first. */
struct leases *leases_create(struct loop *loop, struct pool *pool,
                             const struct leases_options *options);
void leases_destroy(struct leases **leases);

/* Says in the metrics whether the leases are renewed in time; also while a round hangs. */
void leases_count(const struct leases *leases);
uint64_t leases_owned(const struct leases *leases);
/* Another broker may have taken a shard: look now, not in the next round. */
void leases_check(struct leases *leases);
/* No more rounds. */
void leases_stop(struct leases *leases);
/* After the pool is gone: frees the rows, so that others take the shards at once. Blocks. */
void leases_release(struct leases *leases);

#endif
