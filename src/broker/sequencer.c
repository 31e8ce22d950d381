#include "broker/sequencer.h"

#include "broker/members.h"
#include "common/bus_proto.h"
#include "common/check.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"

#include <string.h>

struct sequencer_room {
    struct list_node by_use;   /* sequencer.by_use: least lately used first */
    struct list_node in_batch; /* sequencer.batch: it gave numbers, or ends, in this batch */
    uint64_t room_id;
    uint64_t members; /* its name in sequencer.members, another one whenever its head was read */
    uint64_t head;    /* committed */
    uint64_t last_us;
    uint64_t batch_head; /* head plus what this batch gave */
    uint64_t batch_last_us;
    bool removed;
    bool has_changes; /* sequencer.changes has some of this room */
};

/* Who came or went in this batch. */
struct change {
    struct sequencer_room *room;
    uint64_t user_id;
    bool member;
};

struct sequencer {
    struct map *rooms;
    struct list by_use;
    struct list batch;
    struct change *changes;
    size_t change_count;
    size_t change_capacity;
    size_t rooms_max;
    struct members *members;
    uint64_t last_members; /* of the names that were given to rooms */
};

struct sequencer *sequencer_create(size_t rooms_max)
{
    struct sequencer *sequencer = mem_alloc(sizeof(*sequencer));

    sequencer->rooms = MAP_CREATE_INSIDE(struct sequencer_room, room_id);
    list_init(&sequencer->by_use);
    list_init(&sequencer->batch);
    sequencer->rooms_max = rooms_max;
    sequencer->members = members_create(SEQUENCER_MEMBERS_MAX);
    return sequencer;
}

static void forget(struct sequencer *sequencer, struct sequencer_room *room)
{
    map_remove_u64(sequencer->rooms, room->room_id);
    list_remove(&room->by_use);
    CHECK(!list_node_linked(&room->in_batch));
    mem_free(room);
}

void sequencer_destroy(struct sequencer **sequencer)
{
    if (*sequencer == NULL)
        return;
    sequencer_rollback(*sequencer);
    LIST_FOREACH_SAFE (node, &(*sequencer)->by_use) {
        forget(*sequencer, LIST_ITEM(node, struct sequencer_room, by_use));
    }
    map_destroy(&(*sequencer)->rooms);
    members_destroy(&(*sequencer)->members);
    mem_free((*sequencer)->changes);
    mem_free(*sequencer);
    *sequencer = NULL;
}

struct sequencer_room *sequencer_find(struct sequencer *sequencer, uint64_t room_id)
{
    struct sequencer_room *room = map_find_u64(sequencer->rooms, room_id);

    if (room != NULL) {
        list_remove(&room->by_use);
        list_push_back(&sequencer->by_use, &room->by_use);
    }
    return room;
}

struct sequencer_room *sequencer_put(struct sequencer *sequencer, uint64_t room_id, uint64_t head,
                                     uint64_t last_us)
{
    struct sequencer_room *room = sequencer_find(sequencer, room_id);

    if (room == NULL) {
        room = mem_alloc(sizeof(*room));
        room->room_id = room_id;
        list_push_back(&sequencer->by_use, &room->by_use);
        map_put_u64(sequencer->rooms, room_id, room);
    }
    CHECK(!list_node_linked(&room->in_batch));
    room->members = ++sequencer->last_members;
    room->head = room->batch_head = head;
    room->last_us = room->batch_last_us = last_us;
    return room;
}

uint64_t sequencer_head(const struct sequencer_room *room)
{
    return room->head;
}

static void join_batch(struct sequencer *sequencer, struct sequencer_room *room)
{
    if (!list_node_linked(&room->in_batch))
        list_push_back(&sequencer->batch, &room->in_batch);
}

uint64_t sequencer_next(struct sequencer *sequencer, struct sequencer_room *room, uint64_t now_us,
                        uint64_t *created_at_us_out)
{
    CHECK(!room->removed);
    join_batch(sequencer, room);
    room->batch_last_us = MAX(room->batch_last_us, now_us);
    *created_at_us_out = room->batch_last_us;
    return ++room->batch_head;
}

void sequencer_set_member(struct sequencer *sequencer, struct sequencer_room *room,
                          uint64_t user_id, bool member)
{
    if (sequencer->change_count == sequencer->change_capacity) {
        sequencer->change_capacity = MAX(16, 2 * sequencer->change_capacity);
        sequencer->changes = mem_realloc(sequencer->changes,
                                         sequencer->change_capacity * sizeof(*sequencer->changes));
    }
    sequencer->changes[sequencer->change_count++] = (struct change){room, user_id, member};
    room->has_changes = true;
    join_batch(sequencer, room);
}

void sequencer_found_member(struct sequencer *sequencer, const struct sequencer_room *room,
                            uint64_t user_id)
{
    members_add(sequencer->members, room->members, user_id);
}

enum membership sequencer_membership(struct sequencer *sequencer, const struct sequencer_room *room,
                                     uint64_t user_id)
{
    if (room->has_changes)
        for (size_t i = sequencer->change_count; i > 0; i--) {
            const struct change *change = &sequencer->changes[i - 1];

            if (change->room == room && change->user_id == user_id)
                return change->member ? MEMBERSHIP_YES : MEMBERSHIP_NO;
        }
    return members_has(sequencer->members, room->members, user_id) ? MEMBERSHIP_YES
                                                                   : MEMBERSHIP_UNKNOWN;
}

void sequencer_set_removed(struct sequencer *sequencer, struct sequencer_room *room)
{
    join_batch(sequencer, room);
    room->removed = true;
}

bool sequencer_is_removed(const struct sequencer_room *room)
{
    return room->removed;
}

static void apply_change(struct sequencer *sequencer, const struct change *change)
{
    if (change->member)
        members_add(sequencer->members, change->room->members, change->user_id);
    else
        members_remove(sequencer->members, change->room->members, change->user_id);
}

void sequencer_commit(struct sequencer *sequencer)
{
    struct list_node *node;

    for (size_t i = 0; i < sequencer->change_count; i++)
        apply_change(sequencer, &sequencer->changes[i]);
    sequencer->change_count = 0;
    while ((node = list_pop_front(&sequencer->batch)) != NULL) {
        struct sequencer_room *room = LIST_ITEM(node, struct sequencer_room, in_batch);

        room->head = room->batch_head;
        room->last_us = room->batch_last_us;
        room->has_changes = false;
        if (room->removed)
            forget(sequencer, room);
    }
}

void sequencer_rollback(struct sequencer *sequencer)
{
    struct list_node *node;

    sequencer->change_count = 0;
    while ((node = list_pop_front(&sequencer->batch)) != NULL) {
        struct sequencer_room *room = LIST_ITEM(node, struct sequencer_room, in_batch);

        room->batch_head = room->head;
        room->batch_last_us = room->last_us;
        room->has_changes = false;
        room->removed = false;
    }
}

void sequencer_drop(struct sequencer *sequencer, uint64_t room_id)
{
    struct sequencer_room *room = map_find_u64(sequencer->rooms, room_id);

    if (room != NULL)
        forget(sequencer, room);
}

void sequencer_drop_shards(struct sequencer *sequencer, uint64_t shards)
{
    LIST_FOREACH_SAFE (node, &sequencer->by_use) {
        struct sequencer_room *room = LIST_ITEM(node, struct sequencer_room, by_use);

        if ((shards >> bus_shard(room->room_id) & 1) != 0)
            forget(sequencer, room);
    }
}

void sequencer_trim(struct sequencer *sequencer)
{
    while (map_count(sequencer->rooms) > sequencer->rooms_max)
        forget(sequencer, LIST_ITEM(list_first(&sequencer->by_use), struct sequencer_room, by_use));
}

size_t sequencer_count(const struct sequencer *sequencer)
{
    return map_count(sequencer->rooms);
}
