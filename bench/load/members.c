#include "client.h"

#include "common/mem.h"

static void add_sender(struct room *room, struct member *member)
{
    member->sender = mem_alloc(sizeof(*member->sender));
    member->sender->number = room->senders++;
    room->sending = mem_realloc(room->sending, room->senders * sizeof(*room->sending));
    room->sending[member->sender->number] = member;
}

/* In one piece, in the order in which the members are served. */
static void give_ledgers(struct members *members)
{
    size_t cells = 0;

    for (size_t i = 0; i < members->member_count; i++)
        cells += MAX(members->rooms[members->members[i].room].senders, (uint32_t)1);
    members->heard = mem_alloc_array(cells, sizeof(*members->heard));
    cells = 0;
    for (size_t i = 0; i < members->member_count; i++) {
        members->members[i].heard = members->heard + cells;
        cells += MAX(members->rooms[members->members[i].room].senders, (uint32_t)1);
    }
}

void members_make(struct members *members, const struct plan *plan)
{
    struct client *client = NULL;

    members->clients = mem_alloc_array(plan->connections, sizeof(*members->clients));
    members->members = mem_alloc_array(plan->count, sizeof(*members->members));
    members->rooms = mem_alloc_array(plan->rooms, sizeof(*members->rooms));
    members->member_count = plan->count;
    members->room_count = plan->rooms;
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_line *line = &plan->lines[i];
        struct member *member = &members->members[i];

        if (line->path != NULL) {
            client = &members->clients[members->client_count++];
            client->path = line->path;
            client->members = member;
        }
        client->member_count++;
        member->client = client;
        member->room = line->room;
        if (line->sends)
            add_sender(&members->rooms[line->room], member);
    }
    give_ledgers(members);
}

static uint64_t not_heard(const struct members *members, const struct member *member)
{
    const struct room *room = &members->rooms[member->room];
    uint64_t count = 0;

    for (uint32_t i = 0; i < room->senders; i++)
        count += room->sending[i]->sender->next - member->heard[i];
    return count;
}

bool members_heard_all(const struct members *members)
{
    for (size_t i = 0; i < members->member_count; i++) {
        const struct member *member = &members->members[i];

        if (member->client->state == CLIENT_READY && not_heard(members, member) > 0)
            return false;
    }
    return true;
}

void members_check(const struct members *members, struct results *results)
{
    uint64_t *orders = mem_alloc_array(members->room_count, sizeof(*orders));
    bool *known = mem_alloc_array(members->room_count, sizeof(*known));

    for (size_t i = 0; i < members->member_count; i++) {
        const struct member *member = &members->members[i];

        if (member->client->state != CLIENT_READY)
            continue;
        results->lost += not_heard(members, member);
        if (known[member->room] && orders[member->room] != member->order)
            results->reordered++;
        orders[member->room] = member->order;
        known[member->room] = true;
    }
    mem_free(orders);
    mem_free(known);
}
