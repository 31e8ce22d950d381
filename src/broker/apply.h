/*
 * apply.h: one batch of commands, written all or not at all. All SQL that changes a room is here
 * and in apply_control.c. Blocks; runs on a writer's thread.
 *
 * Messages become rows of the log in one bulk insert; control commands (create, join, leave, expel)
 * check what they need and change rooms and room_members in one transaction with it, with the
 * room's row locked, so that two brokers cannot do it at once.
 */
#ifndef BANTER_BROKER_APPLY_H
#define BANTER_BROKER_APPLY_H

#include "broker/command.h"
#include "broker/sequencer.h"
#include "common/db.h"

struct apply;

/* db and sequencer stay the caller's and outlive it. */
struct apply *apply_create(struct db *db, struct sequencer *sequencer);
void apply_destroy(struct apply **apply);

/*
 * Writes the commands, in their order. ERR_NONE: committed; each command has its outcome (a refusal
 * in command->err, or seq, time and events). Otherwise nothing was written and no number was used,
 * except for ERR_DB_UNCERTAIN: then the commands keep the outcome that they have if the transaction
 * did commit. ERR_DB_DUPLICATE: one of the keys is in the log, or another broker took a number:
 * look the keys up, drop the rooms from the sequencer, and do it again.
 */
enum err apply_batch(struct apply *apply, struct command **commands, size_t count) ATTR_MUSTCHECK;

/*
 * Looks up which of the commands the log has by their keys; found[i] says so, and such a command
 * then has its outcome: a duplicate, unless it is uncertain: then it was ours, and if its events
 * are not known any more, stale_head is set.
 */
enum err apply_find_written(struct apply *apply, struct command **commands, size_t count,
                            bool *found) ATTR_MUSTCHECK;

/* Tells the sequencer what the log says of these rooms, whatever it knew; those that do not exist
 * stay unknown. Not between numbering and commit. */
enum err apply_load_rooms(struct apply *apply, const uint64_t *room_ids,
                          size_t count) ATTR_MUSTCHECK;

/* For apply_control.c. */
struct db *apply_db(struct apply *apply);
struct sequencer *apply_sequencer(struct apply *apply);
/* Gives the command its next number in the room, and an event with it. */
struct command_event *apply_number(struct apply *apply, struct command *command,
                                   struct sequencer_room *room, enum event_kind kind);

#endif
