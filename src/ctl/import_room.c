#include "ctl/import_room.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/mem.h"

#include <string.h>

/* A batch: few commits, little memory. */
#define BATCH_ROWS  4000
#define BATCH_BYTES (1024 * 1024)
#define PURGE_ROWS  10000
/* The server may not have noticed yet that an import before us died. */
#define LOCK_WAIT_S 3
/* An import that does not move for so long has lost its room. */
#define LEASE_US (UINT64_C(600) * 1000000)

struct member {
    uint64_t user_id;
    uint64_t joined_seq;
    uint64_t last_read_seq;
};

struct import_room {
    struct db *db;
    uint64_t id;
    uint64_t seq; /* the last that was added */
    uint64_t written;
    bool finished;
    char lock[64];

    size_t rows;
    uint64_t room_ids[BATCH_ROWS];
    uint64_t seqs[BATCH_ROWS];
    uint64_t kinds[BATCH_ROWS];
    uint64_t actor_ids[BATCH_ROWS];
    uint64_t created_at_us[BATCH_ROWS];
    struct span keys[BATCH_ROWS];
    struct span bodies[BATCH_ROWS];
    bool no_body[BATCH_ROWS];
    uint8_t key_bytes[BATCH_ROWS][DEDUPE_KEY_BYTES];
    size_t body_at[BATCH_ROWS]; /* in text, which moves while it grows */
    struct strbuf text;

    struct member *members;
    size_t member_count;
    size_t member_capacity;
};

/* ---- one import of a key at a time ------------------------------------------------------------*/

/* For whoever starts the same import twice. What keeps the log right is the lease: a server's lock
 * does not reach the other nodes of a cluster. */
static enum err take_lock(struct import_room *room, const uint8_t key[DEDUPE_KEY_BYTES],
                          bool *taken_out)
{
    char hex[2 * DEDUPE_KEY_BYTES + 1];
    enum err err;

    digest_hex(key, DEDUPE_KEY_BYTES, hex);
    memcpy(room->lock, "banter-import-", 14);
    memcpy(room->lock + 14, hex, sizeof(hex));
    err = DB_RUN(room->db, "SELECT GET_LOCK(?, ?)", db_text(room->lock), db_u64(LOCK_WAIT_S));
    *taken_out = err == ERR_NONE && db_next(room->db) && db_col_u64(room->db, 0) == 1;
    return err;
}

static void drop_lock(struct import_room *room)
{
    enum err ignored = DB_RUN(room->db, "DO RELEASE_LOCK(?)", db_text(room->lock));

    (void)ignored; /* a lost connection has dropped it */
}

/* ---- beginning --------------------------------------------------------------------------------*/

/* The lease ends first, so that whoever has it writes no more. */
static enum err clear(struct db *db, uint64_t room_id)
{
    enum err err = DB_RUN(db,
                          "UPDATE rooms SET removed_at_us = ? WHERE id = ? AND "
                          "removed_at_us IS NOT NULL",
                          db_u64(clock_wall_us()), db_u64(room_id));

    if (err == ERR_NONE && db_affected(db) == 0)
        return ERR_NONE;
    while (err == ERR_NONE) {
        err = DB_RUN(db, "DELETE FROM events WHERE room_id = ? ORDER BY seq LIMIT ?",
                     db_u64(room_id), db_u64(PURGE_ROWS));
        if (err == ERR_NONE && db_affected(db) < PURGE_ROWS)
            break;
    }
    if (err == ERR_NONE)
        err = DB_RUN(db, "DELETE FROM rooms WHERE id = ? AND removed_at_us IS NOT NULL",
                     db_u64(room_id));
    return err;
}

static enum err look(struct import_room *room, const struct import_room_spec *spec,
                     enum import_found *found_out, uint64_t *room_id_out)
{
    enum err err = DB_RUN(room->db,
                          "SELECT r.id, r.removed_at_us, m.user_id FROM rooms r "
                          "LEFT JOIN room_members m ON m.room_id = r.id "
                          "WHERE r.create_key = ? LIMIT 1",
                          db_bytes(spec->key, DEDUPE_KEY_BYTES));
    bool unseen;

    *found_out = IMPORT_NEW;
    if (err != ERR_NONE || !db_next(room->db))
        return err;
    *room_id_out = db_col_u64(room->db, 0);
    /* One that was cut off has no member yet; one that was removed has them until its end. */
    unseen = !db_col_is_null(room->db, 1);
    *found_out = unseen ? IMPORT_REMOVED : IMPORT_DONE;
    if (unseen && db_col_is_null(room->db, 2)) {
        *found_out = IMPORT_NEW;
        err = clear(room->db, *room_id_out);
    }
    return err;
}

/* Whether nothing has this id: neither a room nor what is left of a log. */
static enum err is_free(struct db *db, uint64_t id, bool *free_out)
{
    enum err err = DB_RUN(db,
                          "SELECT (SELECT COUNT(*) FROM rooms WHERE id = ?) + "
                          "(SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE room_id = ? LIMIT 1) "
                          "AS e)",
                          db_u64(id), db_u64(id));

    *free_out = err == ERR_NONE && id > 0 && id <= JSON_INTEGER_MAX && db_next(db) &&
                db_col_u64(db, 0) == 0;
    return err;
}

static enum err reserve(struct import_room *room, const struct import_room_spec *spec)
{
    const uint64_t wanted[] = {spec->wanted_id, spec->second_id};
    uint64_t id = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < ARRAY_LEN(wanted) && err == ERR_NONE && id == 0; i++) {
        bool is = false;

        err = wanted[i] != 0 ? is_free(room->db, wanted[i], &is) : ERR_NONE;
        id = is ? wanted[i] : 0;
    }

    if (err == ERR_NONE)
        err = DB_RUN(room->db,
                     "INSERT INTO rooms (id, name, creator_id, member_count, create_key, "
                     "created_at_us, removed_at_us) VALUES (?, ?, ?, 0, ?, ?, ?)",
                     id != 0 ? db_u64(id) : db_null(), db_bytes(spec->name.data, spec->name.len),
                     db_u64(spec->creator_id), db_bytes(spec->key, DEDUPE_KEY_BYTES),
                     db_u64(spec->created_at_us), db_u64(clock_wall_us() + LEASE_US));
    if (err == ERR_NONE)
        room->id = id != 0 ? id : db_insert_id(room->db);
    return err;
}

enum err import_room_begin(struct db *db, const struct import_room_spec *spec,
                           enum import_found *found_out, uint64_t *room_id_out,
                           struct import_room **room_out)
{
    struct import_room *room = mem_alloc(sizeof(*room));
    bool taken;
    enum err err;

    *room_out = NULL;
    *found_out = IMPORT_NEW;
    room->db = db;
    err = take_lock(room, spec->key, &taken);
    if (err == ERR_NONE && !taken)
        *found_out = IMPORT_RUNNING;
    if (err == ERR_NONE && taken)
        err = look(room, spec, found_out, room_id_out);
    if (err == ERR_NONE && *found_out == IMPORT_NEW)
        err = reserve(room, spec);
    if (err == ERR_NONE && *found_out == IMPORT_NEW) {
        *room_id_out = room->id;
        *room_out = room;
        return ERR_NONE;
    }
    if (taken)
        drop_lock(room);
    mem_free(room);
    return err;
}

/* ---- the log ----------------------------------------------------------------------------------*/

/* In a transaction: moves the lease on, unless it is over. */
static enum err hold(struct import_room *room)
{
    uint64_t now_us = clock_wall_us();
    enum err err =
        DB_RUN(room->db, "UPDATE rooms SET removed_at_us = ? WHERE id = ? AND removed_at_us > ?",
               db_u64(now_us + LEASE_US), db_u64(room->id), db_u64(now_us));

    return err == ERR_NONE && db_affected(room->db) == 0 ? ERR_NO_ROW : err;
}

static enum err insert_rows(struct import_room *room)
{
    const struct db_column columns[] = {
        {.type = DB_U64, .numbers = room->room_ids},
        {.type = DB_U64, .numbers = room->seqs},
        {.type = DB_U64, .numbers = room->kinds},
        {.type = DB_U64, .numbers = room->actor_ids},
        {.type = DB_U64, .numbers = room->created_at_us},
        {.type = DB_BYTES, .bytes = room->keys},
        {.type = DB_BYTES, .bytes = room->bodies, .nulls = room->no_body},
    };

    for (size_t i = 0; i < room->rows; i++) {
        room->keys[i] = (struct span){room->key_bytes[i], DEDUPE_KEY_BYTES};
        room->bodies[i].data =
            (const uint8_t *)(room->text.data != NULL ? room->text.data : "") + room->body_at[i];
    }
    return db_bulk(room->db,
                   "INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, "
                   "body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   columns, ARRAY_LEN(columns), room->rows);
}

static enum err flush(struct import_room *room)
{
    enum err err;

    if (room->rows == 0)
        return ERR_NONE;
    err = db_begin(room->db);
    if (err == ERR_NONE)
        err = hold(room);
    if (err == ERR_NONE)
        err = insert_rows(room);
    if (err == ERR_NONE)
        err = db_commit(room->db);
    if (err != ERR_NONE) {
        db_rollback(room->db);
        return err;
    }
    room->written += room->rows;
    room->rows = 0;
    strbuf_reset(&room->text);
    return ERR_NONE;
}

enum err import_room_add(struct import_room *room, const struct room_file_event *event,
                         uint64_t actor_id)
{
    size_t at = room->rows++;

    CHECK(event->seq == room->seq + 1);
    room->seq = event->seq;
    room->room_ids[at] = room->id;
    room->seqs[at] = event->seq;
    room->kinds[at] = (uint64_t)event->kind;
    room->actor_ids[at] = actor_id;
    room->created_at_us[at] = event->created_at_us;
    memcpy(room->key_bytes[at], event->key, DEDUPE_KEY_BYTES);
    room->body_at[at] = room->text.len;
    room->bodies[at].len = event->body.len;
    room->no_body[at] = event->body.data == NULL;
    if (event->body.len > 0)
        strbuf_add(&room->text, event->body.data, event->body.len);
    return room->rows == BATCH_ROWS || room->text.len >= BATCH_BYTES ? flush(room) : ERR_NONE;
}

uint64_t import_room_written(const struct import_room *room)
{
    return room->written;
}

/* ---- the end ----------------------------------------------------------------------------------*/

void import_room_add_member(struct import_room *room, uint64_t user_id, uint64_t joined_seq,
                            uint64_t last_read_seq)
{
    if (room->member_count == room->member_capacity) {
        room->member_capacity = MAX((size_t)64, 2 * room->member_capacity);
        room->members = mem_realloc(room->members, room->member_capacity * sizeof(*room->members));
    }
    room->members[room->member_count++] = (struct member){user_id, joined_seq, last_read_seq};
}

static enum err insert_members(struct import_room *room)
{
    size_t count = room->member_count;
    uint64_t *numbers = mem_alloc_array(4 * count, sizeof(*numbers));
    const struct db_column columns[] = {
        {.type = DB_U64, .numbers = numbers},
        {.type = DB_U64, .numbers = numbers + count},
        {.type = DB_U64, .numbers = numbers + 2 * count},
        {.type = DB_U64, .numbers = numbers + 3 * count},
    };
    enum err err;

    for (size_t i = 0; i < count; i++) {
        numbers[i] = room->id;
        numbers[count + i] = room->members[i].user_id;
        numbers[2 * count + i] = room->members[i].joined_seq;
        numbers[3 * count + i] = room->members[i].last_read_seq;
    }
    err = count == 0 ? ERR_NONE
                     : db_bulk(room->db,
                               "INSERT INTO room_members (room_id, user_id, joined_seq, "
                               "last_read_seq) VALUES (?, ?, ?, ?)",
                               columns, ARRAY_LEN(columns), count);
    mem_free(numbers);
    return err;
}

/* Believes nothing that was not read back. */
static enum err audit(struct import_room *room)
{
    enum err err =
        DB_RUN(room->db, "SELECT COUNT(*), MIN(seq), MAX(seq) FROM events WHERE room_id = ?",
               db_u64(room->id));

    if (err != ERR_NONE)
        return err;
    if (!db_next(room->db) || db_col_u64(room->db, 0) != room->seq ||
        db_col_u64(room->db, 1) != MIN(room->seq, (uint64_t)1) ||
        db_col_u64(room->db, 2) != room->seq)
        return ERR_NO_ROW;
    return ERR_NONE;
}

static enum err show(struct import_room *room)
{
    enum err err = hold(room);

    if (err == ERR_NONE)
        err = audit(room);
    if (err == ERR_NONE)
        err = insert_members(room);
    if (err == ERR_NONE)
        err =
            DB_RUN(room->db, "UPDATE rooms SET removed_at_us = NULL, member_count = ? WHERE id = ?",
                   db_u64(room->member_count), db_u64(room->id));
    return err;
}

enum err import_room_finish(struct import_room *room)
{
    enum err err = flush(room);

    if (err == ERR_NONE)
        err = db_begin(room->db);
    if (err == ERR_NONE) {
        err = show(room);
        if (err == ERR_NONE)
            err = db_commit(room->db);
        if (err != ERR_NONE)
            db_rollback(room->db);
    }
    /* It may be there: what is not known is not cleared away. */
    room->finished = err == ERR_NONE || err == ERR_DB_UNCERTAIN;
    return err;
}

void import_room_destroy(struct import_room **room)
{
    if (*room == NULL)
        return;
    db_rollback((*room)->db);
    if (!(*room)->finished) {
        /* Else the broker does it, or the next import. */
        enum err ignored = clear((*room)->db, (*room)->id);

        (void)ignored;
    }
    drop_lock(*room);
    strbuf_fini(&(*room)->text);
    mem_free((*room)->members);
    mem_free(*room);
    *room = NULL;
}
