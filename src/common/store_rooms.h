/*
 * store_rooms.h: reading rooms and memberships. Blocks; for pool threads.
 *
 * They change only with the log, in the broker's transaction (src/broker/apply.c). A callback must
 * not use the connection: the result that it is walking is held there.
 */
#ifndef BANTER_COMMON_STORE_ROOMS_H
#define BANTER_COMMON_STORE_ROOMS_H

#include "common/db.h"
#include "common/limits.h"

struct store_room {
    uint64_t id;
    uint64_t creator_id;
    uint64_t member_count;
    uint64_t created_at_us;
    struct span name;
};

typedef void store_room_fn(void *context, const struct store_room *room);
/* A member, in the order of joining; name is never NULL (accounts that are gone are not members).
 */
typedef void store_member_fn(void *context, uint64_t room_id, uint64_t user_id, struct span name);

/* Rooms with an id above after_id, by id, at most limit: all that exist, as the original listed. */
enum err store_rooms_list(struct db *db, uint64_t after_id, uint64_t limit, store_room_fn *fn,
                          void *context) ATTR_MUSTCHECK;
/* One room; ERR_ROOM_NOT_FOUND. The span in *room_out is valid until the next use of db. */
enum err store_room_find(struct db *db, uint64_t room_id,
                         struct store_room *room_out) ATTR_MUSTCHECK;
/* ERR_NONE for a member, ERR_NOT_A_MEMBER, or ERR_ROOM_NOT_FOUND. */
enum err store_room_check_member(struct db *db, uint64_t room_id, uint64_t user_id) ATTR_MUSTCHECK;
/* Members of a room in the order of joining, from the one after (after_seq, 0 for the first), at
 * most limit. *last_seq_out is the joined_seq of the last, to go on from. */
enum err store_room_members(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                            store_member_fn *fn, void *context,
                            uint64_t *last_seq_out) ATTR_MUSTCHECK;
/* The first per_room_max members of each room whose id is in [first_id, last_id], in one query: by
 * room, then in the order of joining. For a page of store_rooms_list(). An account that was deleted
 * and is still being expelled takes a place without being told. per_room_max is not 0. */
enum err store_rooms_members_of_page(struct db *db, uint64_t first_id, uint64_t last_id,
                                     uint64_t per_room_max, store_member_fn *fn,
                                     void *context) ATTR_MUSTCHECK;
/* Rooms that a user is a member of; ids only. */
enum err store_user_rooms(struct db *db, uint64_t user_id, void (*fn)(void *, uint64_t room_id),
                          void *context) ATTR_MUSTCHECK;

#endif
