/* The database: the table of events with its two unique keys, transactions that lock what they
 * insert until they end, and the ways in which a statement or a COMMIT goes wrong. The statements
 * are told apart by how they begin; they are those of broker/apply.c and broker/event_rows.c. */
#include "sim.h"

#include "broker/apply_control.h"
#include "common/check.h"
#include "common/db.h"
#include "common/mem.h"
#include "common/store_log.h"

#include <string.h>

#define PENDING_MAX 64
#define OPEN_MAX    16
#define RESULT_MAX  32
#define LOCK_TRIES  6

struct pending_row {
    uint64_t room_id;
    uint64_t seq;
    struct sim_row row;
};

/* A transaction; it may outlive its connection when that went during the COMMIT. */
struct trx {
    bool open;
    bool orphan; /* the client is gone, the COMMIT is under way */
    unsigned count;
    struct pending_row rows[PENDING_MAX];
};

struct db {
    int broker;
    struct trx *trx; /* NULL: each statement is its own */
    enum err broken; /* until the rollback */
    bool committing;
    unsigned result_count;
    unsigned result_next;
    uint64_t result[RESULT_MAX][4];
    uint8_t keys[RESULT_MAX][DEDUPE_KEY_BYTES];
};

static struct sim_row rows[ROOMS_MAX + 1][ROWS_MAX];
static uint64_t heads[ROOMS_MAX + 1];
static struct trx open_trx[OPEN_MAX];
static bool away;

void sim_db_reset(void)
{
    memset(heads, 0, sizeof(heads));
    memset(open_trx, 0, sizeof(open_trx));
    away = false;
}

struct db *sim_db_create(int broker)
{
    struct db *db = mem_alloc(sizeof(*db));

    db->broker = broker;
    return db;
}

uint64_t sim_db_head(uint64_t room_id)
{
    return heads[room_id];
}

const struct sim_row *sim_db_row(uint64_t room_id, uint64_t seq)
{
    return seq >= 1 && seq <= heads[room_id] ? &rows[room_id][seq - 1] : NULL;
}

uint64_t sim_db_find(uint64_t room_id, const uint8_t key[DEDUPE_KEY_BYTES])
{
    for (uint64_t seq = 1; seq <= heads[room_id]; seq++)
        if (memcmp(rows[room_id][seq - 1].key, key, DEDUPE_KEY_BYTES) == 0)
            return seq;
    return 0;
}

void sim_db_outage(bool is_away)
{
    away = is_away;
}

/* ---- transactions -----------------------------------------------------------------------------*/

static struct trx *open_one(void)
{
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (!open_trx[i].open) {
            open_trx[i].open = true;
            open_trx[i].orphan = false;
            open_trx[i].count = 0;
            return &open_trx[i];
        }
    UNREACHABLE();
}

/* The log's first promise: dense, and each key once. */
static void commit_row(const struct pending_row *pending)
{
    uint64_t room_id = pending->room_id;

    if (pending->seq != heads[room_id] + 1)
        sim_fail("hole: room %llu got %llu after %llu", (unsigned long long)room_id,
                 (unsigned long long)pending->seq, (unsigned long long)heads[room_id]);
    if (sim_db_find(room_id, pending->row.key) != 0)
        sim_fail("room %llu has a key twice", (unsigned long long)room_id);
    if (heads[room_id] > 0 &&
        rows[room_id][heads[room_id] - 1].created_at_us > pending->row.created_at_us)
        sim_fail("room %llu: time steps back", (unsigned long long)room_id);
    CHECK(heads[room_id] < ROWS_MAX);
    rows[room_id][heads[room_id]++] = pending->row;
    sim_trace("db: commit %llu:%llu %s", (unsigned long long)room_id,
              (unsigned long long)pending->seq, pending->row.body);
}

static void end(struct trx *trx, bool commit)
{
    for (unsigned i = 0; commit && i < trx->count; i++)
        commit_row(&trx->rows[i]);
    trx->open = false;
}

bool sim_db_resolve(void)
{
    for (unsigned i = 0; i < OPEN_MAX; i++)
        if (open_trx[i].open && open_trx[i].orphan) {
            bool commit = sim_percent(60);

            sim_trace("db: an orphaned COMMIT %s", commit ? "holds" : "is undone");
            end(&open_trx[i], commit);
            return true;
        }
    return false;
}

void sim_db_abandon(struct db *db)
{
    if (db->trx == NULL)
        return;
    if (db->committing && sim_percent(70))
        db->trx->orphan = true;
    else
        end(db->trx, false);
    db->trx = NULL;
}

enum lock { LOCK_FREE, LOCK_DUPLICATE, LOCK_HELD };

static enum lock look(const struct trx *self, const struct pending_row *row)
{
    if (row->seq <= heads[row->room_id] || sim_db_find(row->room_id, row->row.key) != 0)
        return LOCK_DUPLICATE;
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        const struct trx *other = &open_trx[i];

        for (unsigned r = 0; other->open && r < other->count; r++) {
            const struct pending_row *theirs = &other->rows[r];
            bool same_key = memcmp(theirs->row.key, row->row.key, DEDUPE_KEY_BYTES) == 0;

            if (theirs->room_id == row->room_id && (theirs->seq == row->seq || same_key))
                return other == self ? LOCK_DUPLICATE : LOCK_HELD;
        }
    }
    return LOCK_FREE;
}

/* Waits for others' locks, as long as they let it. */
static enum err insert(struct db *db, const struct pending_row *row)
{
    struct trx *trx = db->trx;
    enum lock lock;

    for (unsigned tries = 0; (lock = look(trx, row)) == LOCK_HELD; tries++) {
        if (tries == LOCK_TRIES)
            return ERR_DB_RETRY;
        sim_writer_yield(db->broker);
    }
    if (lock == LOCK_DUPLICATE)
        return ERR_DB_DUPLICATE;
    CHECK(trx->count < PENDING_MAX);
    trx->rows[trx->count++] = *row;
    return ERR_NONE;
}

/* ---- what goes wrong --------------------------------------------------------------------------*/

static enum err break_with(struct db *db, enum err err)
{
    if (db->trx != NULL && err != ERR_DB_DUPLICATE) {
        end(db->trx, false);
        db->trx = NULL;
        db->broken = err;
    }
    return err;
}

/* Before a statement: time passes, and the connection or the transaction may go. */
static enum err before(struct db *db)
{
    sim_writer_yield(db->broker);
    if (db->broken != ERR_NONE)
        return db->broken;
    if (away || sim_trouble(sim.faults->db_error))
        return break_with(db, ERR_DATABASE_UNAVAILABLE);
    if (sim_trouble(sim.faults->db_error))
        return break_with(db, ERR_DB_RETRY);
    return ERR_NONE;
}

enum err db_begin(struct db *db)
{
    enum err err = before(db);

    if (err == ERR_NONE)
        db->trx = open_one();
    return err;
}

void db_rollback(struct db *db)
{
    if (db->trx != NULL)
        end(db->trx, false);
    db->trx = NULL;
    db->broken = ERR_NONE;
}

enum err db_commit(struct db *db)
{
    struct trx *trx = db->trx;
    bool lost;

    if (db->broken != ERR_NONE)
        return db->broken;
    db->committing = true;
    sim_writer_yield(db->broker);
    db->committing = false;
    db->trx = NULL;
    lost = away || sim_trouble(sim.faults->db_uncertain);
    if (!lost) {
        end(trx, true);
    } else {
        sim_trace("db: b%d's COMMIT gets no answer", db->broker);
        switch (sim_below(3)) {
        case 0:
            end(trx, true);
            break;
        case 1:
            end(trx, false);
            break;
        default:
            trx->orphan = true;
        }
    }
    sim_writer_yield(db->broker);
    return lost ? ERR_DB_UNCERTAIN : ERR_NONE;
}

/* ---- the broker's statements ------------------------------------------------------------------*/

static struct pending_row make_row(uint64_t room_id, uint64_t seq, uint64_t actor_id,
                                   uint64_t created_at_us, struct span key, struct span body)
{
    struct pending_row row = {.room_id = room_id, .seq = seq};

    row.row.actor_id = actor_id;
    row.row.created_at_us = created_at_us;
    CHECK(key.len == DEDUPE_KEY_BYTES && body.len < sizeof(row.row.body));
    memcpy(row.row.key, key.data, key.len);
    memcpy(row.row.body, body.data, body.len);
    return row;
}

/* The database never takes a text that begins with '!'. */
static bool poisoned(const struct pending_row *row)
{
    return row->row.body[0] == '!';
}

/* Outside of a transaction it is one of its own. */
static enum err insert_rows(struct db *db, const struct pending_row *rows_in, size_t row_count)
{
    bool own = db->trx == NULL;
    enum err err = ERR_NONE;

    if (own)
        db->trx = open_one();
    for (size_t i = 0; err == ERR_NONE && i < row_count; i++)
        err = poisoned(&rows_in[i]) ? ERR_DB_FAILED : insert(db, &rows_in[i]);
    if (err != ERR_NONE)
        err = break_with(db, err);
    else if (own)
        return db_commit(db);
    if (own)
        db_rollback(db);
    return err;
}

enum err db_bulk(struct db *db, const char *sql, const struct db_column *columns, size_t count,
                 size_t row_count)
{
    struct pending_row made[PENDING_MAX];
    enum err err = before(db);

    CHECK(strncmp(sql, "INSERT INTO events", 18) == 0 && count == 7 && row_count <= PENDING_MAX);
    if (err != ERR_NONE)
        return err;
    for (size_t i = 0; i < row_count; i++)
        made[i] = make_row(columns[0].numbers[i], columns[1].numbers[i], columns[3].numbers[i],
                           columns[4].numbers[i], columns[5].bytes[i], columns[6].bytes[i]);
    return insert_rows(db, made, row_count);
}

static enum err insert_one(struct db *db, const struct db_value *values)
{
    struct pending_row row = make_row(values[0].number, values[1].number, values[3].number,
                                      values[4].number, values[5].bytes, values[6].bytes);

    return insert_rows(db, &row, 1);
}

static void select_heads(struct db *db, const struct db_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t room_id = values[i].number;
        uint64_t *row = db->result[db->result_count];

        if (room_id == 0 || room_id > sim.rooms)
            continue;
        row[0] = room_id;
        row[1] = heads[room_id];
        row[2] = heads[room_id] > 0 ? rows[room_id][heads[room_id] - 1].created_at_us : 0;
        db->result_count++;
    }
}

static void select_keys(struct db *db, const struct db_value *values, size_t count)
{
    for (size_t i = 0; i < count; i += 2) {
        uint64_t room_id = values[i].number;
        uint64_t seq = sim_db_find(room_id, values[i + 1].bytes.data);
        uint64_t *row = db->result[db->result_count];

        if (seq == 0)
            continue;
        row[0] = room_id;
        row[2] = seq;
        row[3] = rows[room_id][seq - 1].created_at_us;
        memcpy(db->keys[db->result_count++], values[i + 1].bytes.data, DEDUPE_KEY_BYTES);
    }
}

enum err db_run(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
    enum err err = before(db);

    db->result_count = db->result_next = 0;
    if (err != ERR_NONE)
        return err;
    if (strncmp(sql, "INSERT INTO events", 18) == 0)
        return insert_one(db, values);
    if (strncmp(sql, "SELECT r.id", 11) == 0)
        select_heads(db, values, count);
    else if (strncmp(sql, "SELECT room_id, dedupe_key", 26) == 0)
        select_keys(db, values, count);
    else if (strncmp(sql, "SELECT 1 FROM room_members", 26) == 0)
        db->result_count = 1; /* everybody is in every room */
    else
        sim_fail("the simulated database does not know: %.60s", sql);
    return ERR_NONE;
}

bool db_next(struct db *db)
{
    return db->result_next++ < db->result_count;
}

uint64_t db_col_u64(struct db *db, unsigned column)
{
    return db->result[db->result_next - 1][column];
}

struct span db_col_bytes(struct db *db, unsigned column)
{
    (void)column;
    return (struct span){db->keys[db->result_next - 1], DEDUPE_KEY_BYTES};
}

/* ---- a worker's pages -------------------------------------------------------------------------*/

enum err store_log_after(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                         store_event_fn *fn, void *context)
{
    enum err err = before(db);

    for (uint64_t seq = after_seq + 1;
         err == ERR_NONE && seq <= heads[room_id] && seq <= after_seq + limit; seq++) {
        const struct sim_row *row = &rows[room_id][seq - 1];
        const struct log_event event = {
            .room_id = room_id,
            .seq = seq,
            .kind = EVENT_MESSAGE,
            .actor_id = row->actor_id,
            .created_at_us = row->created_at_us,
            .actor_name = {(const uint8_t *)"u", 1},
            .text = {(const uint8_t *)row->body, strlen(row->body)},
        };

        fn(context, &event);
    }
    return err;
}

/* ---- no control commands here -----------------------------------------------------------------*/

enum err apply_control(struct apply *apply, struct command *command)
{
    (void)apply;
    (void)command;
    UNREACHABLE();
}

enum err apply_find_created(struct apply *apply, struct command *command, bool *found_out)
{
    (void)apply;
    (void)command;
    (void)found_out;
    UNREACHABLE();
}

enum err apply_read_room_name(struct apply *apply, struct command *command)
{
    (void)apply;
    (void)command;
    return ERR_NONE;
}
