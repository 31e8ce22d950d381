#include "broker/apply_control.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/store_log.h"

/* The room's row, locked until the transaction ends: whoever changes the room's members locks it
 * first, so what is read after it cannot change under us. */
struct locked_room {
    struct sequencer_room *numbers;
    uint64_t creator_id;
};

static const char member_sql[] = "SELECT 1 FROM room_members WHERE room_id = ? AND user_id = ?";

/* Whether a query has a row. */
static enum err has_row(struct db *db, enum err err, bool *has_out)
{
    if (err == ERR_NONE)
        *has_out = db_next(db);
    return err;
}

static bool answers_with_name(enum command_kind kind)
{
    return kind == COMMAND_JOIN || kind == COMMAND_LEAVE || kind == COMMAND_CREATE_ROOM;
}

enum err apply_read_room_name(struct apply *apply, struct command *command)
{
    struct db *db = apply_db(apply);
    enum err err;

    if (!answers_with_name(command->kind) || command->room_name != NULL)
        return ERR_NONE;
    err = DB_RUN(db, "SELECT name FROM rooms WHERE id = ?", db_u64(command->result_room_id));
    if (err == ERR_NONE && db_next(db))
        command_set_room_name(command, db_col_bytes(db, 0));
    return err;
}

/* ---- create -----------------------------------------------------------------------------------*/

enum err apply_find_created(struct apply *apply, struct command *command, bool *found_out)
{
    struct db *db = apply_db(apply);
    enum err err = DB_RUN(db, "SELECT id, name, created_at_us FROM rooms WHERE create_key = ?",
                          db_bytes(command->pending.key, DEDUPE_KEY_BYTES));

    if (err != ERR_NONE)
        return err;
    *found_out = db_next(db);
    if (!*found_out)
        return ERR_NONE;
    apply_set_found(command, 1, db_col_u64(db, 2)); /* its own creation is a room's first event */
    command->result_room_id = db_col_u64(db, 0);
    command_set_room_name(command, db_col_bytes(db, 1));
    return ERR_NONE;
}

/* ERR_INVALID_TOKEN as the refusal for an account that is gone. */
static enum err check_account(struct apply *apply, struct command *command)
{
    struct db *db = apply_db(apply);
    bool has = false;
    enum err err = has_row(db,
                           DB_RUN(db, "SELECT 1 FROM users WHERE id = ? AND deleted_at_us IS NULL",
                                  db_u64(command->sender_id)),
                           &has);

    if (err == ERR_NONE && !has)
        command->err = ERR_INVALID_TOKEN;
    return err;
}

/* The new room's number is 1, whoever looks after its shard, so the sequencer is not asked: the
 * room may belong to another writer or broker, which finds it in the log. */
static enum err create_room(struct apply *apply, struct command *command)
{
    struct db *db = apply_db(apply);
    struct command_event *event;
    bool found;
    enum err err = apply_find_created(apply, command, &found);

    if (err != ERR_NONE || found)
        return err;
    err = check_account(apply, command);
    if (err != ERR_NONE || command->err != ERR_NONE)
        return err;
    command->seq = 1;
    command->created_at_us = clock_wall_us();
    err = DB_RUN(db,
                 "INSERT INTO rooms (name, creator_id, member_count, create_key, created_at_us) "
                 "VALUES (?, ?, 1, ?, ?)",
                 db_bytes(command->text.data, command->text.len), db_u64(command->sender_id),
                 db_bytes(command->pending.key, DEDUPE_KEY_BYTES), db_u64(command->created_at_us));
    if (err != ERR_NONE)
        return err;
    command->result_room_id = db_insert_id(db);
    command_set_room_name(command, command->text);
    event = command_add_event(command, EVENT_ROOM_CREATED, 1);
    event->body = command->text;
    event->named_sender = true;
    return DB_RUN(db, "INSERT INTO room_members (room_id, user_id, joined_seq) VALUES (?, ?, 1)",
                  db_u64(command->result_room_id), db_u64(command->sender_id));
}

/* ---- what join, leave and expel have in common ------------------------------------------------*/

/* Refuses with ERR_ROOM_NOT_FOUND; else the room is locked, and its name is in the outcome. */
static enum err lock_room(struct apply *apply, struct command *command,
                          struct locked_room *room_out)
{
    struct db *db = apply_db(apply);
    enum err err;

    room_out->numbers = sequencer_find(apply_sequencer(apply), command->room_id);
    if (room_out->numbers == NULL || sequencer_is_removed(room_out->numbers)) {
        command->err = ERR_ROOM_NOT_FOUND;
        return ERR_NONE;
    }
    err = DB_RUN(db,
                 "SELECT creator_id, name FROM rooms WHERE id = ? AND removed_at_us IS NULL "
                 "FOR UPDATE",
                 db_u64(command->room_id));
    if (err != ERR_NONE)
        return err;
    if (!db_next(db)) {
        command->err = ERR_ROOM_NOT_FOUND;
        return ERR_NONE;
    }
    room_out->creator_id = db_col_u64(db, 0);
    if (answers_with_name(command->kind))
        command_set_room_name(command, db_col_bytes(db, 1));
    return ERR_NONE;
}

static enum err is_member(struct apply *apply, const struct command *command, bool *is_out)
{
    struct db *db = apply_db(apply);

    return has_row(db, DB_RUN(db, member_sql, db_u64(command->room_id), db_u64(command->sender_id)),
                   is_out);
}

static enum err change_member_count(struct apply *apply, const struct command *command, bool up)
{
    struct db *db = apply_db(apply);

    if (up)
        return DB_RUN(db, "UPDATE rooms SET member_count = member_count + 1 WHERE id = ?",
                      db_u64(command->room_id));
    /* LEAST keeps a count that somebody set by hand from going below zero, which would be refused.
     */
    return DB_RUN(db,
                  "UPDATE rooms SET member_count = member_count - LEAST(member_count, 1) "
                  "WHERE id = ?",
                  db_u64(command->room_id));
}

static enum err remove_member(struct apply *apply, struct command *command,
                              const struct locked_room *room, bool named)
{
    struct db *db = apply_db(apply);
    enum err err = DB_RUN(db, "DELETE FROM room_members WHERE room_id = ? AND user_id = ?",
                          db_u64(command->room_id), db_u64(command->sender_id));

    if (err == ERR_NONE)
        err = change_member_count(apply, command, false);
    if (err != ERR_NONE)
        return err;
    apply_number(apply, command, room->numbers, EVENT_MEMBER_LEFT)->named_sender = named;
    sequencer_set_member(apply_sequencer(apply), room->numbers, command->sender_id, false);
    return ERR_NONE;
}

/* ---- join, leave, expel -----------------------------------------------------------------------*/

static enum err join_room(struct apply *apply, struct command *command, struct locked_room *room)
{
    struct db *db = apply_db(apply);
    struct command_event *event;
    bool member = false;
    enum err err = is_member(apply, command, &member);

    if (err == ERR_NONE && member)
        command->err = ERR_ALREADY_MEMBER;
    if (err == ERR_NONE && command->err == ERR_NONE)
        err = check_account(apply, command);
    if (err != ERR_NONE || command->err != ERR_NONE)
        return err;
    event = apply_number(apply, command, room->numbers, EVENT_MEMBER_JOINED);
    event->named_sender = true;
    sequencer_set_member(apply_sequencer(apply), room->numbers, command->sender_id, true);
    err = DB_RUN(db, "INSERT INTO room_members (room_id, user_id, joined_seq) VALUES (?, ?, ?)",
                 db_u64(command->room_id), db_u64(command->sender_id), db_u64(event->seq));
    return err == ERR_NONE ? change_member_count(apply, command, true) : err;
}

static enum err leave_room(struct apply *apply, struct command *command, struct locked_room *room)
{
    bool member = false;
    enum err err = is_member(apply, command, &member);

    if (err != ERR_NONE)
        return err;
    if (!member)
        command->err = ERR_NOT_IN_ROOM;
    else if (room->creator_id == command->sender_id)
        command->err = ERR_CREATOR_CANNOT_LEAVE;
    else
        err = remove_member(apply, command, room, true);
    return err;
}

/* Its log is deleted later, in pieces (housekeeping.c). */
static enum err end_room(struct apply *apply, struct command *command, struct locked_room *room)
{
    apply_number(apply, command, room->numbers, EVENT_ROOM_REMOVED);
    sequencer_set_removed(apply_sequencer(apply), room->numbers);
    return DB_RUN(apply_db(apply), "UPDATE rooms SET removed_at_us = ? WHERE id = ?",
                  db_u64(command->created_at_us), db_u64(command->room_id));
}

/* To the longest-standing member; if nobody is left, the room ends. */
static enum err pass_room_on(struct apply *apply, struct command *command, struct locked_room *room)
{
    struct db *db = apply_db(apply);
    struct command_event *event;
    uint64_t heir;
    char *name;
    enum err err = DB_RUN(db,
                          "SELECT m.user_id, u.username FROM room_members m "
                          "LEFT JOIN users u ON u.id = m.user_id "
                          "WHERE m.room_id = ? ORDER BY m.joined_seq LIMIT 1",
                          db_u64(command->room_id));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return end_room(apply, command, room);
    heir = db_col_u64(db, 0);
    name = db_col_is_null(db, 1)
               ? NULL
               : mem_strndup((const char *)db_col_bytes(db, 1).data, db_col_bytes(db, 1).len);
    event = apply_number(apply, command, room->numbers, EVENT_OWNER_CHANGED);
    event->actor_id = heir;
    event->actor_name = name;
    return DB_RUN(db, "UPDATE rooms SET creator_id = ? WHERE id = ?", db_u64(heir),
                  db_u64(command->room_id));
}

/* The account is gone, so the event shows no name, as it will when it is read from the log. */
static enum err expel_member(struct apply *apply, struct command *command, struct locked_room *room)
{
    bool member = false;
    enum err err = is_member(apply, command, &member);

    if (err == ERR_NONE && !member)
        command->err = ERR_NOT_IN_ROOM;
    if (err != ERR_NONE || command->err != ERR_NONE)
        return err;
    err = remove_member(apply, command, room, false);
    if (err == ERR_NONE && room->creator_id == command->sender_id)
        err = pass_room_on(apply, command, room);
    return err;
}

enum err apply_control(struct apply *apply, struct command *command)
{
    struct locked_room room = {NULL, 0};
    uint64_t seq;
    uint64_t created_at_us;
    enum err err;

    if (command->kind == COMMAND_CREATE_ROOM)
        return create_room(apply, command);
    err = store_log_find_key(apply_db(apply), command->room_id, command->pending.key, &seq,
                             &created_at_us);
    if (err == ERR_NONE) {
        apply_set_found(command, seq, created_at_us);
        return apply_read_room_name(apply, command);
    }
    if (err != ERR_NO_ROW)
        return err;
    err = lock_room(apply, command, &room);
    if (err != ERR_NONE || command->err != ERR_NONE)
        return err;
    switch (command->kind) {
    case COMMAND_JOIN:
        return join_room(apply, command, &room);
    case COMMAND_LEAVE:
        return leave_room(apply, command, &room);
    case COMMAND_EXPEL:
        return expel_member(apply, command, &room);
    case COMMAND_REMOVE_ROOM:
        return end_room(apply, command, &room);
    case COMMAND_MESSAGE:
    case COMMAND_CREATE_ROOM:
    case COMMAND_REVOKE:
        break;
    }
    UNREACHABLE();
}
