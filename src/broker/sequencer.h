/*
 * sequencer.h: the numbers of the rooms that a writer looks after. Pure; belongs to one thread.
 *
 * A room is put here with the head that its log has, and gives numbers from there. Numbers are
 * given while a batch is made and count once it is committed: sequencer_commit() makes them the
 * rooms' heads, sequencer_rollback() takes them all back, so a batch that failed leaves no hole.
 * Rooms that were not used for long are forgotten; their head is in the log.
 *
 * A room also knows some of its members, as of its head: whoever joins or leaves gets a number too,
 * so if another broker let somebody go, the next number is a conflict, the room is dropped, and
 * what was known goes with it.
 */
#ifndef BANTER_BROKER_SEQUENCER_H
#define BANTER_BROKER_SEQUENCER_H

#include "common/base.h"

struct sequencer;
struct sequencer_room;

/* Memberships that are known, in all rooms: some 200 bytes each. */
#define SEQUENCER_MEMBERS_MAX 100000

enum membership {
    MEMBERSHIP_UNKNOWN, /* the database knows */
    MEMBERSHIP_YES,
    MEMBERSHIP_NO, /* left in this batch */
};

/* rooms_max bounds what sequencer_trim() leaves. */
struct sequencer *sequencer_create(size_t rooms_max);
void sequencer_destroy(struct sequencer **sequencer);

/* The room, or NULL if it is not known here: it must be looked up in the log. Valid until the next
 * commit, rollback, drop or trim. */
struct sequencer_room *sequencer_find(struct sequencer *sequencer, uint64_t room_id);
/* Makes a room known: its last seq and that row's time (0 for an empty log). Replaces what was
 * known of it; not between numbering and commit. */
struct sequencer_room *sequencer_put(struct sequencer *sequencer, uint64_t room_id, uint64_t head,
                                     uint64_t last_us);

/* The last committed seq. */
uint64_t sequencer_head(const struct sequencer_room *room);
/* The next number. *created_at_us_out is now_us, or the row before's time if that is later: a
 * room's times never step back. */
uint64_t sequencer_next(struct sequencer *sequencer, struct sequencer_room *room, uint64_t now_us,
                        uint64_t *created_at_us_out);

/* In this batch the user joins (member) or leaves. */
void sequencer_set_member(struct sequencer *sequencer, struct sequencer_room *room,
                          uint64_t user_id, bool member);
/* The database says that the user is a member. */
void sequencer_found_member(struct sequencer *sequencer, const struct sequencer_room *room,
                            uint64_t user_id);
enum membership sequencer_membership(struct sequencer *sequencer, const struct sequencer_room *room,
                                     uint64_t user_id);
/* In this batch the room ends: it gives no more numbers, and the commit forgets it. */
void sequencer_set_removed(struct sequencer *sequencer, struct sequencer_room *room);
bool sequencer_is_removed(const struct sequencer_room *room);

void sequencer_commit(struct sequencer *sequencer);
void sequencer_rollback(struct sequencer *sequencer);

/* Forget a room, or all rooms of the shards (bit s: shard s); not between numbering and commit. */
void sequencer_drop(struct sequencer *sequencer, uint64_t room_id);
void sequencer_drop_shards(struct sequencer *sequencer, uint64_t shards);
/* Forgets the rooms that were not used for longest, beyond the bound. Same condition. */
void sequencer_trim(struct sequencer *sequencer);
size_t sequencer_count(const struct sequencer *sequencer);

#endif
