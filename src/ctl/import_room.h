/*
 * import_room.h: a room whose log is written from outside, and which nobody sees before all of it
 * is there. Blocks.
 *
 * Until then it has a row that says that it is removed, at a moment which lies ahead and moves on
 * with each batch: a lease. Gateways and brokers pass over such rooms, and should the import die,
 * the broker's housekeeping clears away what it left once that moment is over (or the next import
 * of the same key does, at once). A batch and the move of the lease are one transaction, so an
 * import whose room was taken from it notices before it writes.
 */
#ifndef BANTER_CTL_IMPORT_ROOM_H
#define BANTER_CTL_IMPORT_ROOM_H

#include "common/db.h"
#include "ctl/room_file.h"

struct import_room;

struct import_room_spec {
    uint8_t key[DEDUPE_KEY_BYTES]; /* which import it is; becomes the room's create_key */
    uint64_t wanted_id;            /* 0, or the id to take if it is free, */
    uint64_t second_id;            /* or else this one */
    struct span name;
    uint64_t creator_id;
    uint64_t created_at_us;
};

enum import_found {
    IMPORT_NEW,     /* *room_out is to be filled */
    IMPORT_DONE,    /* the room is there, by an import with this key; only its id is given */
    IMPORT_REMOVED, /* it was, and is being removed */
    IMPORT_RUNNING, /* another process is at it */
};

/* Looks for the room of this key, clears away what an import left that was cut off, and reserves an
 * id. The span is borrowed for the call, db until the end. */
enum err import_room_begin(struct db *db, const struct import_room_spec *spec,
                           enum import_found *found_out, uint64_t *room_id_out,
                           struct import_room **room_out) ATTR_MUSTCHECK;
/* The next event: seq counts 1, 2, 3 …; actor_id is an id here. What the event points to is copied;
 * rows are written some thousand at a time. ERR_DB_DUPLICATE: a key was there already, within the
 * rows since import_room_written(). ERR_NO_ROW: the room was taken from us. */
enum err import_room_add(struct import_room *room, const struct room_file_event *event,
                         uint64_t actor_id) ATTR_MUSTCHECK;
/* How many events the database has so far. */
uint64_t import_room_written(const struct import_room *room);
/* To become a member when the room appears. */
void import_room_add_member(struct import_room *room, uint64_t user_id, uint64_t joined_seq,
                            uint64_t last_read_seq);
/* Writes what is left, looks that the log is 1 … its count, and shows the room. */
enum err import_room_finish(struct import_room *room) ATTR_MUSTCHECK;
/* Sets *room to NULL; an import that was not finished is cleared away, if the database lets us. */
void import_room_destroy(struct import_room **room);

#endif
