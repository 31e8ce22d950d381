#include "broker/apply.h"

#include "broker/apply_control.h"
#include "broker/event_rows.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mem.h"

#include <string.h>

struct apply {
    struct db *db;
    struct sequencer *sequencer;
    struct event_rows rows;
    uint64_t *missing; /* rooms to load; as long as the longest batch so far */
    size_t missing_capacity;
};

struct apply *apply_create(struct db *db, struct sequencer *sequencer)
{
    struct apply *apply = mem_alloc(sizeof(*apply));

    apply->db = db;
    apply->sequencer = sequencer;
    return apply;
}

void apply_destroy(struct apply **apply)
{
    if (*apply == NULL)
        return;
    event_rows_fini(&(*apply)->rows);
    mem_free((*apply)->missing);
    mem_free(*apply);
    *apply = NULL;
}

struct db *apply_db(struct apply *apply)
{
    return apply->db;
}

struct sequencer *apply_sequencer(struct apply *apply)
{
    return apply->sequencer;
}

/* ---- loading rooms ----------------------------------------------------------------------------*/

/* After a broker has started, every room that somebody is in is asked for at once: so several go in
 * one query. Each costs two dives into the log's primary key. */
#define ROOMS_PER_QUERY 16
#define ROOM_COLUMNS                                                                               \
    "SELECT r.id, "                                                                                \
    "(SELECT e.seq FROM events e WHERE e.room_id = r.id ORDER BY e.seq DESC LIMIT 1), "            \
    "(SELECT e.created_at_us FROM events e WHERE e.room_id = r.id ORDER BY e.seq DESC LIMIT 1) "   \
    "FROM rooms r WHERE r.removed_at_us IS NULL AND r.id "

static enum err load_some(struct apply *apply, const uint64_t *room_ids, size_t count)
{
    static const char one_sql[] = ROOM_COLUMNS "= ?";
    static const char many_sql[] =
        ROOM_COLUMNS "IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    struct db_value values[ROOMS_PER_QUERY];
    enum err err;

    for (size_t i = 0; i < ROOMS_PER_QUERY; i++)
        values[i] = db_u64(i < count ? room_ids[i] : 0); /* no room has the id 0 */
    err = count == 1 ? db_run(apply->db, one_sql, values, 1)
                     : db_run(apply->db, many_sql, values, ROOMS_PER_QUERY);
    if (err != ERR_NONE)
        return err;
    while (db_next(apply->db))
        sequencer_put(apply->sequencer, db_col_u64(apply->db, 0), db_col_u64(apply->db, 1),
                      db_col_u64(apply->db, 2));
    return ERR_NONE;
}

enum err apply_load_rooms(struct apply *apply, const uint64_t *room_ids, size_t count)
{
    uint64_t some[ROOMS_PER_QUERY];
    size_t some_count = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < count && err == ERR_NONE; i++) {
        if (room_ids[i] == 0)
            continue;
        some[some_count++] = room_ids[i];
        if (some_count == ROOMS_PER_QUERY) {
            err = load_some(apply, some, some_count);
            some_count = 0;
        }
    }
    if (err == ERR_NONE && some_count > 0)
        err = load_some(apply, some, some_count);
    return err;
}

static enum err load_missing(struct apply *apply, struct command **commands, size_t count)
{
    size_t missing = 0;
    uint64_t last = 0;

    if (apply->missing_capacity < count) {
        apply->missing = mem_realloc(apply->missing, count * sizeof(*apply->missing));
        apply->missing_capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t room_id = commands[i]->room_id;

        if (room_id == last || sequencer_find(apply->sequencer, room_id) != NULL)
            continue;
        apply->missing[missing++] = last = room_id;
    }
    return apply_load_rooms(apply, apply->missing, missing);
}

/* ---- looking keys up --------------------------------------------------------------------------*/

#define KEYS_PER_QUERY 8
#define ONE_KEY        "(room_id = ? AND dedupe_key = ?)"

void apply_set_found(struct command *command, uint64_t seq, uint64_t created_at_us)
{
    /* Ours after all: its events are those that the attempt numbered. */
    bool ours = command->uncertain && command->event_count > 0 && command->seq == seq;

    if (!ours) {
        command_reset_outcome(command);
        command->duplicate = !command->uncertain;
        command->stale_head = true;
    }
    command->seq = seq;
    command->created_at_us = created_at_us;
}

static void match_row(struct apply *apply, struct command **commands, bool *found, size_t count)
{
    uint64_t room_id = db_col_u64(apply->db, 0);
    struct span key = db_col_bytes(apply->db, 1);

    for (size_t i = 0; i < count; i++) {
        if (commands[i]->kind == COMMAND_CREATE_ROOM || commands[i]->room_id != room_id ||
            key.len != DEDUPE_KEY_BYTES ||
            memcmp(commands[i]->pending.key, key.data, DEDUPE_KEY_BYTES) != 0)
            continue;
        apply_set_found(commands[i], db_col_u64(apply->db, 2), db_col_u64(apply->db, 3));
        found[i] = true;
    }
}

static enum err find_some(struct apply *apply, struct command **commands, bool *found, size_t count)
{
    static const char sql[] =
        "SELECT room_id, dedupe_key, seq, created_at_us FROM events WHERE " ONE_KEY " OR " ONE_KEY
        " OR " ONE_KEY " OR " ONE_KEY " OR " ONE_KEY " OR " ONE_KEY " OR " ONE_KEY " OR " ONE_KEY;
    struct db_value values[2 * KEYS_PER_QUERY];
    enum err err;

    for (size_t i = 0; i < KEYS_PER_QUERY; i++) {
        const struct command *command = commands[MIN(i, count - 1)];

        values[2 * i] = db_u64(command->room_id);
        values[2 * i + 1] = db_bytes(command->pending.key, DEDUPE_KEY_BYTES);
    }
    err = db_run(apply->db, sql, values, ARRAY_LEN(values));
    if (err != ERR_NONE)
        return err;
    while (db_next(apply->db))
        match_row(apply, commands, found, count);
    return ERR_NONE;
}

/* ---- a batch ----------------------------------------------------------------------------------*/

struct command_event *apply_number(struct apply *apply, struct command *command,
                                   struct sequencer_room *room, enum event_kind kind)
{
    uint64_t created_at_us;
    uint64_t seq = sequencer_next(apply->sequencer, room, clock_wall_us(), &created_at_us);

    /* All rows of a command have one time; the first may have set it. */
    if (command->event_count == 0) {
        command->seq = seq;
        command->created_at_us = created_at_us;
    }
    return command_add_event(command, kind, seq);
}

/* The worker has asked already, but it may be behind, and is not trusted. The database is asked for
 * the first message only. */
static enum err is_member(struct apply *apply, const struct command *command,
                          const struct sequencer_room *room, bool *is_out)
{
    enum membership known = sequencer_membership(apply->sequencer, room, command->sender_id);
    enum err err;

    *is_out = known == MEMBERSHIP_YES;
    if (known != MEMBERSHIP_UNKNOWN)
        return ERR_NONE;
    err = DB_RUN(apply->db, "SELECT 1 FROM room_members WHERE room_id = ? AND user_id = ?",
                 db_u64(command->room_id), db_u64(command->sender_id));
    if (err != ERR_NONE)
        return err;
    *is_out = db_next(apply->db);
    if (*is_out)
        sequencer_found_member(apply->sequencer, room, command->sender_id);
    return ERR_NONE;
}

/* Who left may still repeat what they said before. */
static enum err refuse_stranger(struct apply *apply, struct command *command)
{
    bool found = false;
    enum err err = find_some(apply, &command, &found, 1);

    if (err == ERR_NONE && !found)
        command->err = ERR_NOT_A_MEMBER;
    return err;
}

static enum err number_message(struct apply *apply, struct command *command)
{
    struct sequencer_room *room = sequencer_find(apply->sequencer, command->room_id);
    struct command_event *event;
    bool member = false;
    enum err err;

    if (room == NULL || sequencer_is_removed(room)) {
        command->err = ERR_ROOM_NOT_FOUND;
        return ERR_NONE;
    }
    err = is_member(apply, command, room, &member);
    if (err != ERR_NONE)
        return err;
    if (!member)
        return refuse_stranger(apply, command);
    event = apply_number(apply, command, room, EVENT_MESSAGE);
    event->body = command->text;
    event->named_sender = true;
    return ERR_NONE;
}

static bool has_control(struct command **commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (commands[i]->kind != COMMAND_MESSAGE)
            return true;
    return false;
}

static enum err run_commands(struct apply *apply, struct command **commands, size_t count)
{
    event_rows_reset(&apply->rows);
    for (size_t i = 0; i < count; i++) {
        enum err err = ERR_NONE;

        command_reset_outcome(commands[i]);
        if (commands[i]->kind == COMMAND_MESSAGE)
            err = number_message(apply, commands[i]);
        else
            err = apply_control(apply, commands[i]);
        if (err != ERR_NONE)
            return err;
        event_rows_add(&apply->rows, commands[i]);
    }
    return ERR_NONE;
}

/* Messages need no transaction: their one insert is all or nothing, and one exchange with the
 * server takes the place of three. */
static enum err write_messages(struct apply *apply, struct command **commands, size_t count)
{
    enum err err = run_commands(apply, commands, count);

    if (err == ERR_NONE && apply->rows.count > 0)
        err = event_rows_insert(&apply->rows, apply->db);
    return err;
}

static enum err write_transaction(struct apply *apply, struct command **commands, size_t count)
{
    enum err err = db_begin(apply->db);

    if (err == ERR_NONE)
        err = run_commands(apply, commands, count);
    if (err == ERR_NONE && apply->rows.count > 0)
        err = event_rows_insert(&apply->rows, apply->db);
    /* Before the COMMIT nothing is uncertain: a lost connection takes its transaction along. */
    if (err == ERR_DB_UNCERTAIN)
        err = ERR_DATABASE_UNAVAILABLE;
    if (err == ERR_NONE && apply->rows.count > 0)
        err = db_commit(apply->db);
    if (err != ERR_NONE || apply->rows.count == 0)
        db_rollback(apply->db);
    return err;
}

enum err apply_batch(struct apply *apply, struct command **commands, size_t count)
{
    enum err err = load_missing(apply, commands, count);

    if (err != ERR_NONE)
        return err;
    if (has_control(commands, count))
        err = write_transaction(apply, commands, count);
    else
        err = write_messages(apply, commands, count);
    if (err == ERR_NONE)
        sequencer_commit(apply->sequencer);
    else
        sequencer_rollback(apply->sequencer);
    return err;
}

/* ---- written already? -------------------------------------------------------------------------*/

enum err apply_find_written(struct apply *apply, struct command **commands, size_t count,
                            bool *found)
{
    memset(found, 0, count * sizeof(*found));
    for (size_t from = 0; from < count; from += KEYS_PER_QUERY) {
        size_t some = MIN(count - from, (size_t)KEYS_PER_QUERY);
        enum err err = find_some(apply, commands + from, found + from, some);

        if (err != ERR_NONE)
            return err;
    }
    for (size_t i = 0; i < count; i++) {
        enum err err = ERR_NONE;

        if (commands[i]->kind == COMMAND_CREATE_ROOM)
            err = apply_find_created(apply, commands[i], &found[i]);
        else if (found[i])
            err = apply_read_room_name(apply, commands[i]);
        if (err != ERR_NONE)
            return err;
    }
    return ERR_NONE;
}
