#include "broker/members.h"

#include "common/map.h"
#include "common/mem.h"

#define KEY_BYTES (2 * sizeof(uint64_t)) /* room and user */

struct members {
    struct map *newer;
    struct map *older;
    size_t half;
};

struct members *members_create(size_t max)
{
    struct members *members = mem_alloc(sizeof(*members));

    members->newer = map_create(KEY_BYTES);
    members->older = map_create(KEY_BYTES);
    members->half = max / 2;
    return members;
}

void members_destroy(struct members **members)
{
    if (*members == NULL)
        return;
    map_destroy(&(*members)->newer);
    map_destroy(&(*members)->older);
    mem_free(*members);
    *members = NULL;
}

void members_add(struct members *members, uint64_t room, uint64_t user_id)
{
    const uint64_t key[2] = {room, user_id};

    if (map_count(members->newer) >= members->half) {
        map_destroy(&members->older);
        members->older = members->newer;
        members->newer = map_create(KEY_BYTES);
    }
    map_put(members->newer, key, members); /* any value that is not NULL */
}

void members_remove(struct members *members, uint64_t room, uint64_t user_id)
{
    const uint64_t key[2] = {room, user_id};

    map_remove(members->newer, key);
    map_remove(members->older, key);
}

bool members_has(struct members *members, uint64_t room, uint64_t user_id)
{
    const uint64_t key[2] = {room, user_id};

    if (map_find(members->newer, key) != NULL)
        return true;
    if (map_remove(members->older, key) == NULL)
        return false;
    members_add(members, room, user_id);
    return true;
}
