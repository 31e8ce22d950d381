/*
 * presence_hub.h: who is online where, over all workers. Pure.
 *
 * A worker reports the first and the last socket of a user in a room; the hub keeps for each such
 * pair which workers have it, and says when the first one anywhere appears ("joined") and when the
 * last one goes ("left"). It is soft state: after a broker starts, or takes a shard over, the
 * workers' heartbeats carry digests that do not fit, and the hub asks each for a snapshot.
 *
 * "left" is said at once when a worker reports it. When a worker died or drains, its users have
 * PRESENCE_LINGER_MS to come back through another one before it is said, so that nobody flickers.
 * A snapshot announces nothing for pairs that are new in it: they were online before we knew. It
 * may come in pieces, and only after the last is what the worker had and none of them named taken
 * away; if a piece was lost, nothing is, and the next heartbeat's digest brings a whole one.
 */
#ifndef BANTER_BROKER_PRESENCE_HUB_H
#define BANTER_BROKER_PRESENCE_HUB_H

#include "common/bus_proto.h"

struct presence_hub;

#define PRESENCE_LINGER_MS 2000
/* A worker is asked for a shard's snapshot at most this often. */
#define PRESENCE_RESYNC_MS 1000

/* What the hub wants done; called inside of the functions below, and must not call back. */
struct presence_hub_calls {
    void (*announce)(void *context, uint64_t room_id, uint64_t user_id, bool joined);
    void (*resync)(void *context, uint64_t worker_id, uint32_t shard);
    void *context;
};

struct presence_hub *presence_hub_create(const struct presence_hub_calls *calls,
                                         uint64_t worker_timeout_ms);
void presence_hub_destroy(struct presence_hub **hub);

/* A worker's report about rooms of this shard; entries of other shards are ignored. */
void presence_hub_report(struct presence_hub *hub, uint32_t shard,
                         const struct bus_presence *presence, uint64_t now_ms);
/* owned: the shards (bit s) that this broker looks after, so that it should know all of them. */
void presence_hub_heartbeat(struct presence_hub *hub, const struct bus_heartbeat *heartbeat,
                            uint64_t owned, uint64_t now_ms);
/* Drops silent workers and says "left" for who did not come back. Call it a few times a second. */
void presence_hub_tick(struct presence_hub *hub, uint64_t now_ms);
/* Forgets the shards (bit s) without a word: another broker looks after them now. */
void presence_hub_forget(struct presence_hub *hub, uint64_t shards);

bool presence_hub_is_online(const struct presence_hub *hub, uint64_t room_id, uint64_t user_id);

size_t presence_hub_workers(const struct presence_hub *hub);
size_t presence_hub_pairs(const struct presence_hub *hub);

#endif
