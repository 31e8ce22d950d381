/*
 * batch.h: brings a batch of commands to an end, whatever the database does. Blocks; runs on a
 * writer's thread.
 *
 *   committed            each has its outcome
 *   ERR_DB_DUPLICATE     those whose key the log has are answered with what it has; the others get
 *                        new numbers
 *   ERR_DB_UNCERTAIN     the keys say which were written: these were ours; the others go again
 *   ERR_DB_RETRY         again
 *   database away        again, with back-off, until a command's deadline: then it is answered
 *   ERR_DB_FAILED        halves, and halves of halves, until the command that the database does not
 *                        take is alone: only that one is answered with an error
 *
 * The error is ERR_OUTCOME_UNKNOWN for a command that a lost COMMIT may have held.
 */
#ifndef BANTER_BROKER_BATCH_H
#define BANTER_BROKER_BATCH_H

#include "broker/apply.h"

struct batch_calls {
    /* The command is the receiver's from here on; in the order in which events are published. */
    void (*finished)(void *context, struct command *command);
    /* What has finished can go out: nothing more will come for a while. */
    void (*flush)(void *context);
    /* Waits; false when the broker stops and what is left is to be given up. */
    bool (*pause)(void *context, uint64_t ms);
    /* Another broker has written to a room of ours. */
    void (*conflict)(void *context);
    void *context;
};

/*
 * Settles the commands. Returns how many are left: 0, or those that were given up because pause()
 * said so, moved to the front of the array; they stay the caller's.
 */
size_t batch_settle(struct apply *apply, const struct batch_calls *calls, struct command **commands,
                    size_t count) ATTR_MUSTCHECK;

/* Loads rooms with the same patience; false when pause() said to stop. */
bool batch_load_rooms(struct apply *apply, const struct batch_calls *calls,
                      const uint64_t *room_ids, size_t count) ATTR_MUSTCHECK;

#endif
