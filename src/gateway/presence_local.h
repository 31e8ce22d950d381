/*
 * presence_local.h: which users have a socket in which rooms on this worker, and its report.
 *
 * Only the first socket of a user in a room and the last are news for the broker; they are gathered
 * and sent at the end of the turn. The digests let the broker notice a report that was lost.
 */
#ifndef BANTER_GATEWAY_PRESENCE_LOCAL_H
#define BANTER_GATEWAY_PRESENCE_LOCAL_H

#include "common/limits.h"
#include "common/loop.h"

struct bus_link;
struct presence_local;

/* The link is set later, since each needs the other; nothing is sent before. */
struct presence_local *presence_local_create(struct loop *loop);
void presence_local_set_link(struct presence_local *presence, struct bus_link *link);
void presence_local_destroy(struct presence_local **presence);

/* A socket of a user in a room, more or less; in pairs. */
void presence_local_add(struct presence_local *presence, uint64_t room_id, uint64_t user_id);
void presence_local_remove(struct presence_local *presence, uint64_t room_id, uint64_t user_id);

/* From now on nobody goes: whose socket is closed here comes back through another worker, and is
 * online until the link has said goodbye to the brokers and they have waited for who does not. */
void presence_local_set_draining(struct presence_local *presence);

/* Sends all of a shard, as a snapshot. */
void presence_local_send_shard(struct presence_local *presence, uint32_t shard);
void presence_local_digests(const struct presence_local *presence, uint64_t digest[SHARD_COUNT]);

#endif
