/*
 * event_rows.h: rows of the log as the columns of a bulk insert.
 */
#ifndef BANTER_BROKER_EVENT_ROWS_H
#define BANTER_BROKER_EVENT_ROWS_H

#include "broker/command.h"
#include "common/db.h"

struct event_rows {
    uint64_t *room_ids;
    uint64_t *seqs;
    uint64_t *kinds;
    uint64_t *actor_ids;
    uint64_t *created_at_us;
    struct span *keys; /* point into the commands, as bodies do */
    struct span *bodies;
    bool *no_body;
    size_t count;
    size_t capacity;
};

/* Starts zeroed. */
void event_rows_fini(struct event_rows *rows);
void event_rows_reset(struct event_rows *rows);
/* Adds the command's events; the command must stay as it is until the insert. */
void event_rows_add(struct event_rows *rows, const struct command *command);
/* Inserts all; a single one by an ordinary statement. */
enum err event_rows_insert(const struct event_rows *rows, struct db *db) ATTR_MUSTCHECK;

#endif
