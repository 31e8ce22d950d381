/*
 * client.h: one connection of the load generator, between its files.
 */
#ifndef BANTER_BENCH_CLIENT_H
#define BANTER_BENCH_CLIENT_H

#include "load.h"

enum client_state {
    CLIENT_IDLE,
    CLIENT_CONNECTING,
    CLIENT_SHAKING,
    CLIENT_JOINING,
    CLIENT_READY,
    CLIENT_GONE
};

#define SENT_TIMES 1024 /* messages of a sender whose send time is remembered */

/* What only those that send have. */
struct sender {
    uint32_t number; /* of the sender in its room */
    uint32_t next;
    uint32_t answered;
    uint64_t sent_ns[SENT_TIMES];
};

/* A connection in a room: what it says and hears there. */
struct member {
    struct client *client;
    uint32_t room;
    struct sender *sender; /* NULL: it only listens */
    uint32_t *heard;       /* for each sender of the room: the number that comes next */
    uint64_t order;        /* a hash of what was heard, in its order */
};

struct client {
    int fd;
    enum client_state state;
    const char *path;
    struct member *members; /* in the rooms of the plan's lines */
    uint32_t member_count;
    uint32_t subscribed; /* to so many of them, while it joins */
    uint8_t *rest;       /* an incomplete frame */
    size_t rest_len;
    uint8_t *out; /* what the kernel did not take yet */
    size_t out_len;
};

/* A room, as the load sees it. */
struct room {
    uint32_t senders;
    struct member **sending; /* in the order of their numbers */
    uint64_t due_ns;         /* open loop: when the next message is to be sent */
    uint32_t turn;
};

/* ---- members.c: who is in which room, and what each has heard ---------------------------------*/

struct members {
    struct client *clients;
    size_t client_count;
    struct member *members; /* those of a client one after the other */
    size_t member_count;
    uint32_t *heard; /* all members' */
    struct room *rooms;
    uint32_t room_count;
};

void members_make(struct members *members, const struct plan *plan);
/* Whether everybody who is still connected has heard all that was sent. */
bool members_heard_all(const struct members *members);
/* Counts what did not come as lost, and members of a room that heard another order. */
void members_check(const struct members *members, struct results *results);

/* The two that are called for each delivery. */

/* NULL: the client is not in that room. */
static inline struct member *members_find(const struct client *client, uint32_t room)
{
    for (uint32_t i = 0; i < client->member_count; i++)
        if (client->members[i].room == room)
            return &client->members[i];
    return NULL;
}

/* Whether it is the next of its sender there; else it is counted as repeated, and what was left out
 * as lost. */
static inline bool members_hear(const struct members *members, struct member *member,
                                const struct mark *mark, struct results *results)
{
    uint32_t *next = &member->heard[mark->sender];

    if (mark->sender >= members->rooms[member->room].senders) {
        results->errors++;
        return false;
    }
    if (mark->number < *next) {
        results->repeated++;
        return false;
    }
    results->lost += mark->number - *next;
    *next = mark->number + 1;
    member->order = (member->order ^ mark->sender ^ ((uint64_t)mark->number << 20)) *
                    UINT64_C(0x9e3779b97f4a7c15);
    return true;
}

/* frames.c: text frames of RFC 6455, our side of them (masked with zeros, which is a mask). */
size_t frame_write(uint8_t *out, uint8_t opcode, const void *text, size_t len);
/* The length of the whole frame, 0 if it is not all there; its payload in *payload_out. */
size_t frame_read(const uint8_t *data, size_t len, uint8_t *opcode_out, const uint8_t **payload_out,
                  size_t *payload_len_out);

#endif
