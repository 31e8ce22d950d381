/*
 * housekeeping.h: what nobody waits for, every half minute. Main thread; its SQL runs on a pool.
 *
 *   members whose account was deleted   expelled, for workers that died before they said so
 *   removed rooms                       their log goes in pieces, then the row
 *   sessions and tickets that ended     deleted
 *
 * Each broker does it for the rooms of its own shards; sessions and tickets are shard 0's owner's.
 */
#ifndef BANTER_BROKER_HOUSEKEEPING_H
#define BANTER_BROKER_HOUSEKEEPING_H

#include "common/bus_proto.h"
#include "common/loop.h"
#include "common/pool.h"

struct housekeeping;

struct housekeeping_calls {
    uint64_t (*owned)(void *context);
    /* A COMMAND_EXPEL to be run like any other; nobody waits for it. */
    void (*submit)(void *context, const struct bus_command *command);
    void *context;
};

/* Destroy the pool before the housekeeping. */
struct housekeeping *housekeeping_create(struct loop *loop, struct pool *pool,
                                         const struct housekeeping_calls *calls);
/* No more rounds; one that runs ends after its current piece. */
void housekeeping_stop(struct housekeeping *housekeeping);
void housekeeping_destroy(struct housekeeping **housekeeping);

#endif
