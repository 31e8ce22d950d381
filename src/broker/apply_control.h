/*
 * apply_control.h: the commands that change who is in a room, inside of a batch's transaction.
 * Blocks; runs on a writer's thread. The statements' order and locks are in apply_control.c.
 */
#ifndef BANTER_BROKER_APPLY_CONTROL_H
#define BANTER_BROKER_APPLY_CONTROL_H

#include "broker/apply.h"

/*
 * Does one CREATE_ROOM, JOIN, LEAVE, EXPEL or REMOVE_ROOM: numbers its events and changes the
 * tables. First of all it looks its key up, so that a repeat is answered with the first outcome and
 * not with "already a member". ERR_NONE with a refusal in command->err is an outcome too; any other
 * result is the database's, and the transaction is to be rolled back.
 */
enum err apply_control(struct apply *apply, struct command *command) ATTR_MUSTCHECK;

/* The outcome of a CREATE_ROOM by its key, into the command; *found_out false if there is none. */
enum err apply_find_created(struct apply *apply, struct command *command,
                            bool *found_out) ATTR_MUSTCHECK;
/* The outcome of a command that found its key in the log. */
void apply_set_found(struct command *command, uint64_t seq, uint64_t created_at_us);
/* Reads the room's name into the outcome, for those kinds whose answer has it. */
enum err apply_read_room_name(struct apply *apply, struct command *command) ATTR_MUSTCHECK;

#endif
