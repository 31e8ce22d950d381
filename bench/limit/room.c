#include "limit.h"

#include "common/mem.h"

#include <string.h>

#define ROOMS_MAX 1000000
#define HEAD_MAX  4 /* of a frame below 64 KiB, RFC 6455 section 5.2 */

struct room {
    struct member **members;
    uint32_t count;
    uint32_t space;
    uint8_t *due; /* the frames of this turn */
    size_t due_len;
    size_t due_space;
    struct room *next_due;
};

static struct {
    bool at_once;
    struct room **rooms;
    uint32_t count;
    struct room *due;
} all;

void rooms_init(bool at_once)
{
    all.at_once = at_once;
}

static struct room *room_of(uint32_t number)
{
    if (number >= all.count) {
        uint32_t count = MAX(number + 1, all.count * 2);

        all.rooms = mem_realloc(all.rooms, count * sizeof(struct room *));
        memset(all.rooms + all.count, 0, (count - all.count) * sizeof(struct room *));
        all.count = count;
    }
    if (all.rooms[number] == NULL)
        all.rooms[number] = mem_alloc(sizeof(struct room));
    return all.rooms[number];
}

bool room_join(struct member *member, uint32_t number)
{
    struct room *room;

    if (number >= ROOMS_MAX)
        return false;
    room = room_of(number);
    if (room->count == room->space) {
        room->space = MAX((uint32_t)4, room->space * 2);
        room->members = mem_realloc(room->members, room->space * sizeof(struct member *));
    }
    member->room = room;
    member->place = room->count;
    room->members[room->count++] = member;
    return true;
}

void room_leave(struct member *member)
{
    struct room *room = member->room;

    if (room == NULL)
        return;
    room->members[member->place] = room->members[--room->count];
    room->members[member->place]->place = member->place;
    member->room = NULL;
}

static void send_to_all(struct room *room, const uint8_t *data, size_t len)
{
    for (uint32_t i = 0; i < room->count; i++)
        member_send(room->members[i], data, len);
}

static size_t write_head(uint8_t *out, size_t len)
{
    size_t at = 0;

    out[at++] = 0x81; /* the whole text */
    if (len < 126) {
        out[at++] = (uint8_t)len;
    } else {
        out[at++] = 126;
        out[at++] = (uint8_t)(len >> 8);
        out[at++] = (uint8_t)len;
    }
    return at;
}

void room_publish(struct room *room, const uint8_t *payload, size_t len)
{
    if (room->due_space - room->due_len < len + HEAD_MAX) {
        room->due_space = room->due_space * 2 + len + HEAD_MAX;
        room->due = mem_realloc(room->due, room->due_space);
    }
    if (room->due_len == 0 && !all.at_once) {
        room->next_due = all.due;
        all.due = room;
    }
    room->due_len += write_head(room->due + room->due_len, len);
    memcpy(room->due + room->due_len, payload, len);
    room->due_len += len;
    if (all.at_once) {
        send_to_all(room, room->due, room->due_len);
        room->due_len = 0;
    }
}

void rooms_flush(void)
{
    struct room *room;

    while ((room = all.due) != NULL) {
        all.due = room->next_due;
        send_to_all(room, room->due, room->due_len);
        room->due_len = 0;
    }
}
