#include "common/store_log.h"

#include "common/digest.h"
#include "common/limits.h"

/* The columns that each_event() reads; e is a part of the log, u are the actors. */
#define EVENT_COLUMNS "e.seq, e.kind, e.actor_id, e.created_at_us, u.username, e.body"

static void each_event(struct db *db, uint64_t room_id, store_event_fn *fn, void *context)
{
    while (db_next(db)) {
        const struct log_event event = {
            .room_id = room_id,
            .seq = db_col_u64(db, 0),
            .kind = (enum event_kind)db_col_u64(db, 1),
            .actor_id = db_col_u64(db, 2),
            .created_at_us = db_col_u64(db, 3),
            .actor_name = db_col_bytes(db, 4),
            .text = db_col_bytes(db, 5),
        };

        fn(context, &event);
    }
}

enum err store_log_after(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                         store_event_fn *fn, void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT " EVENT_COLUMNS " FROM events e "
                          "LEFT JOIN users u ON u.id = e.actor_id "
                          "WHERE e.room_id = ? AND e.seq > ? ORDER BY e.seq LIMIT ?",
                          db_u64(room_id), db_u64(after_seq), db_u64(limit));

    if (err == ERR_NONE)
        each_event(db, room_id, fn, context);
    return err;
}

static enum err messages_after(struct db *db, uint64_t room_id, const struct store_page *page)
{
    return DB_RUN(db,
                  "SELECT " EVENT_COLUMNS " FROM events e "
                  "LEFT JOIN users u ON u.id = e.actor_id "
                  "WHERE e.room_id = ? AND e.seq > ? AND e.kind = ? ORDER BY e.seq LIMIT ?",
                  db_u64(room_id), db_u64(page->after), db_u64(EVENT_MESSAGE), db_u64(page->limit));
}

/* In the log's own order, so that the rows need no place to be sorted in: a text among the columns
 * would make that a file of the server's. */
static enum err messages_before(struct db *db, uint64_t room_id, const struct store_page *page)
{
    uint64_t bound = page->before != 0 ? page->before : UINT64_MAX;

    return DB_RUN(db,
                  "SELECT " EVENT_COLUMNS " FROM events e "
                  "LEFT JOIN users u ON u.id = e.actor_id "
                  "WHERE e.room_id = ? AND e.seq < ? AND e.kind = ? ORDER BY e.seq DESC LIMIT ?",
                  db_u64(room_id), db_u64(bound), db_u64(EVENT_MESSAGE), db_u64(page->limit));
}

enum err store_log_messages(struct db *db, uint64_t room_id, const struct store_page *page,
                            store_event_fn *fn, void *context)
{
    enum err err =
        page->forward ? messages_after(db, room_id, page) : messages_before(db, room_id, page);

    if (err == ERR_NONE)
        each_event(db, room_id, fn, context);
    return err;
}

enum err store_log_head(struct db *db, uint64_t room_id, uint64_t *head_out)
{
    enum err err = DB_RUN(db, "SELECT MAX(seq) FROM events WHERE room_id = ?", db_u64(room_id));

    if (err == ERR_NONE)
        *head_out = db_next(db) ? db_col_u64(db, 0) : 0;
    return err;
}

enum err store_log_find_key(struct db *db, uint64_t room_id, const uint8_t key[DEDUPE_KEY_BYTES],
                            uint64_t *seq_out, uint64_t *created_at_us_out)
{
    enum err err = DB_RUN(db,
                          "SELECT seq, created_at_us FROM events "
                          "WHERE room_id = ? AND dedupe_key = ?",
                          db_u64(room_id), db_bytes(key, DEDUPE_KEY_BYTES));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    *seq_out = db_col_u64(db, 0);
    *created_at_us_out = db_col_u64(db, 1);
    return ERR_NONE;
}

enum err store_log_epoch(struct db *db, uint64_t *epoch_out)
{
    enum err err = db_run(db, "SELECT value FROM meta WHERE name = 'epoch'", NULL, 0);

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    *epoch_out = db_col_u64(db, 0);
    return ERR_NONE;
}

enum err store_log_audit(struct db *db, uint64_t room_id, struct store_audit *audit_out)
{
    enum err err = store_log_epoch(db, &audit_out->epoch);

    if (err == ERR_NONE)
        err = DB_RUN(db, "SELECT MIN(seq), MAX(seq), COUNT(*) FROM events WHERE room_id = ?",
                     db_u64(room_id));
    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_INTERNAL;
    audit_out->first_seq = db_col_u64(db, 0);
    audit_out->last_seq = db_col_u64(db, 1);
    audit_out->count = db_col_u64(db, 2);
    return ERR_NONE;
}

enum err store_log_renew_epoch(struct db *db, uint64_t *epoch_out)
{
    uint64_t random;

    digest_random(&random, sizeof(random));
    *epoch_out = random % JSON_INTEGER_MAX + 1;
    return DB_RUN(db, "UPDATE meta SET value = ? WHERE name = 'epoch'", db_u64(*epoch_out));
}
