/*
 * limit.h: the parts of the limit server (main.c says what it is for).
 */
#ifndef BANTER_BENCH_LIMIT_H
#define BANTER_BENCH_LIMIT_H

#include "common/base.h"

struct room;

/* A connection. What it has not read or written yet is on the heap, and mostly nothing. */
struct member {
    int fd;
    int epoll;
    struct room *room; /* NULL before the handshake */
    uint32_t place;    /* in the room's list */
    bool leaving;      /* closed at the end of the turn */
    uint8_t *rest;     /* an incomplete frame or head */
    size_t rest_len;
    uint8_t *out; /* what the kernel did not take */
    size_t out_len;
};

/* ---- room.c -----------------------------------------------------------------------------------*/

/* at_once: each message is sent to each member when it is read; otherwise all messages of a turn
 * go to a member in one call, from one buffer that the members share. */
void rooms_init(bool at_once);
/* Rooms are numbered by their paths' last part; false for a number that is too high. */
bool room_join(struct member *member, uint32_t number);
void room_leave(struct member *member);
/* payload is a text message's; it is framed and goes to all in the room, the sender among them. */
void room_publish(struct room *room, const uint8_t *payload, size_t len);
/* The end of a turn. */
void rooms_flush(void);

/* ---- member.c ---------------------------------------------------------------------------------*/

/* Sends, and keeps what the kernel does not take. */
void member_send(struct member *member, const uint8_t *data, size_t len);
/* The socket takes more. */
void member_flush(struct member *member);
/* Everything that was read, in buffer, after the rest of the time before: heads and frames. */
void member_take(struct member *member, uint8_t *data, size_t len);

#endif
