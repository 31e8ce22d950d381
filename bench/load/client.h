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

struct client {
    int fd;
    enum client_state state;
    uint32_t room;
    const char *path;
    struct sender *sender; /* NULL: it only listens */
    uint32_t *heard;       /* for each sender of the room: the number that comes next */
    uint64_t order;        /* a hash of what was heard, in its order */
    uint8_t *rest;         /* an incomplete frame */
    size_t rest_len;
    uint8_t *out; /* what the kernel did not take yet */
    size_t out_len;
};

/* A room, as the load sees it. */
struct room {
    uint32_t senders;
    uint32_t members;
    struct client **sending; /* in the order of their numbers */
    uint64_t sent;
    uint64_t due_ns; /* open loop: when the next message is to be sent */
    uint32_t turn;
};

/* frames.c: text frames of RFC 6455, our side of them (masked with zeros, which is a mask). */
size_t frame_write(uint8_t *out, uint8_t opcode, const void *text, size_t len);
/* The length of the whole frame, 0 if it is not all there; its payload in *payload_out. */
size_t frame_read(const uint8_t *data, size_t len, uint8_t *opcode_out, const uint8_t **payload_out,
                  size_t *payload_len_out);

#endif
