/*
 * writer.h: the threads that write, each with a connection of its own.
 *
 * A room always goes to the same writer, so its events are numbered by one thread. A writer takes
 * all that waits (up to a bound) and writes it as one batch, and while that commits the next
 * collects: load makes batches larger instead of slower. What is done comes back to the loop's
 * thread, in the order of the rooms' numbers.
 */
#ifndef BANTER_BROKER_WRITER_H
#define BANTER_BROKER_WRITER_H

#include "broker/command.h"
#include "common/loop.h"

struct writers;

struct writers_options {
    unsigned threads;
    size_t batch_max;
    const char *database_url;
    /* On the loop's thread: a command with its outcome, or a head. The receiver owns it. */
    void (*done)(void *context, struct job *job);
    /* On the loop's thread: another broker has written to a room of ours. */
    void (*conflict)(void *context);
    void *context;
};

/* Starts the threads. NULL, and a sentence in error, if the database URL does not fit. */
struct writers *writers_create(struct loop *loop, const struct writers_options *options,
                               char *error, size_t error_size) ATTR_MUSTCHECK;
/* What waits for the database is given up and freed; a batch that is being written ends first. Sets
 * *writers to NULL. */
void writers_destroy(struct writers **writers);

/* Take the job; never block. */
void writers_submit_command(struct writers *writers, struct command *command);
void writers_submit_head(struct writers *writers, uint64_t room_id);
/* All writers forget these shards before they write anything that is submitted later. */
void writers_forget(struct writers *writers, uint64_t shards);

#endif
