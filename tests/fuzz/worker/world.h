/*
 * world.h: a whole worker in the process of a fuzz target, over played floors (played.h), and
 * clients that talk to it through sockets as real ones do. One thread; nothing waits.
 */
#ifndef BANTER_TESTS_FUZZ_WORLD_H
#define BANTER_TESTS_FUZZ_WORLD_H

#include "common/strbuf.h"
#include "played.h"

/* The worker is made by the first call and lives as long as the process. */
void world_begin(struct played_choice choice);
/* Turns the loop until nothing happens any more. */
void world_settle(void);
/* So much time passes at once (played_pass()), and settles. */
void world_pass(uint64_t ms);
/* A time by a byte of the input: from 100 ms to 14 minutes, which is longer than all that a worker
 * waits for. */
#define WORLD_TIME_MS(byte) (UINT64_C(100) << (byte) % 14)
/* The broker says that it has all shards, as at the start. */
void world_own_shards(void);
/* Everything that the story had is gone: connections, sockets, commands. */
void world_end(void);

struct client {
    int fd;
    struct strbuf got; /* all that was received */
    bool ended;        /* the worker closed */
};

/* proxy: at the port for balancers, which expects a header of theirs. */
void client_open(struct client *client, bool proxy);
/* Sends bytes and settles. What the worker no longer takes is dropped. */
void client_send(struct client *client, const void *data, size_t len);
/* Sends them cut in pieces that a number chooses; 0 is one piece. */
void client_send_cut(struct client *client, const uint8_t *data, size_t len, uint8_t cuts);
/* Closes, settles, and frees what was received. */
void client_close(struct client *client);

#endif
