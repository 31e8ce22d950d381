/*
 * original.h: bringing over a database of the original FastAPI application. Blocks.
 *
 * Its tables are read through three connections, so that members and messages can come as streams
 * in the order of the rooms while rooms are written; no table is held in memory, only the ids.
 */
#ifndef BANTER_CTL_ORIGINAL_H
#define BANTER_CTL_ORIGINAL_H

#include "common/map.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"

/* As wide as imported_users.source. */
#define ORIGINAL_SOURCE_CHARS_MAX 64

struct original {
    struct ctl *ctl;
    struct db *db;    /* ours */
    struct db *users; /* the original's; users and rooms */
    struct db *members;
    struct db *messages;
    const char *source;
    const char *offset; /* "+02:00", of its DATETIME columns */
    bool dry_run;

    /* The statements, once the columns are known; owned, and constant while connections live. */
    char *users_sql;    /* id, username, email, password, created_us */
    char *rooms_sql;    /* id, name, creator_id, created_us */
    char *members_sql;  /* room_id, user_id; in the order of rooms, then of joining */
    char *top_sql;      /* the highest id of a user */
    char *messages_sql; /* room_id, id, sender_id, text, created_us; by room, time, id */

    struct map *people; /* original id to ours, as a pointer's value */
    struct map *ghosts; /* the same for accounts that the original no longer has */
    char ghost_source[ORIGINAL_SOURCE_CHARS_MAX + 1];
    uint64_t top_id; /* no user here or there has an id above it */
    struct progress progress;

    struct {
        uint64_t users, rooms, messages; /* that the original has */
        uint64_t users_new, users_before, ids_changed, renamed, emails_dropped, passwords_kept,
            passwords_dropped, gone;
        uint64_t rooms_new, rooms_before, rooms_skipped, room_ids_changed, members_new,
            members_skipped, messages_new, messages_skipped, messages_split;
    } counts;
};

/* Finds the tables and columns. CTL_FAILED, and it was said what was expected and what is there. */
enum ctl_status original_look(struct original *original) ATTR_MUSTCHECK;

/* These two continue where an earlier run ended. */
enum err original_import_users(struct original *original) ATTR_MUSTCHECK;
enum err original_import_rooms(struct original *original) ATTR_MUSTCHECK;

/* Our id of somebody, 0 if the original has no such user. */
uint64_t original_user(const struct original *original, uint64_t id);
/* The same, with an account without a name made for who is not there. */
enum err original_sender(struct original *original, uint64_t id, uint64_t *ours_out) ATTR_MUSTCHECK;

/* Tells a change that somebody may want to know of: "user 17: …". */
void original_tell(const struct original *original, const char *what, uint64_t id,
                   const char *change, const char *detail);

#endif
