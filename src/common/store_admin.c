#include "common/store_admin.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

#include <stdio.h>
#include <string.h>

/* How often a transaction is tried before its error is the caller's. */
#define ATTEMPTS_MAX 4

/* ---- accounts ---------------------------------------------------------------------------------*/

#define USER_COLUMNS                                                                               \
    "u.id, u.username, u.email, u.created_at_us, u.disabled_at_us, "                               \
    "(SELECT COUNT(*) FROM sessions s WHERE s.user_id = u.id AND s.expires_at_us > ?), "           \
    "(SELECT COUNT(*) FROM room_members m WHERE m.user_id = u.id) "

static void read_user(struct db *db, struct admin_user *user_out)
{
    user_out->id = db_col_u64(db, 0);
    user_out->username = db_col_bytes(db, 1);
    user_out->email = db_col_bytes(db, 2);
    user_out->created_at_us = db_col_u64(db, 3);
    user_out->disabled_at_us = db_col_u64(db, 4);
    user_out->sessions = db_col_u64(db, 5);
    user_out->rooms = db_col_u64(db, 6);
}

static enum err each_user(struct db *db, enum err err, admin_user_fn *fn, void *context)
{
    while (err == ERR_NONE && db_next(db)) {
        struct admin_user user;

        read_user(db, &user);
        fn(context, &user);
    }
    return err;
}

enum err store_admin_users(struct db *db, struct span search, uint64_t after_id, uint64_t limit,
                           admin_user_fn *fn, void *context)
{
    enum err err;

    if (search.data == NULL)
        err = DB_RUN(db,
                     "SELECT " USER_COLUMNS "FROM users u "
                     "WHERE u.id > ? AND u.username IS NOT NULL ORDER BY u.id LIMIT ?",
                     db_u64(clock_wall_us()), db_u64(after_id), db_u64(limit));
    else
        err = DB_RUN(db,
                     "SELECT " USER_COLUMNS "FROM users u "
                     "WHERE u.id > ? AND (INSTR(u.username, ?) > 0 OR INSTR(u.email, ?) > 0) "
                     "ORDER BY u.id LIMIT ?",
                     db_u64(clock_wall_us()), db_u64(after_id), db_bytes(search.data, search.len),
                     db_bytes(search.data, search.len), db_u64(limit));
    return each_user(db, err, fn, context);
}

enum err store_admin_user(struct db *db, struct span username, admin_user_fn *fn, void *context)
{
    struct admin_user user;
    enum err err = DB_RUN(db, "SELECT " USER_COLUMNS "FROM users u WHERE u.username = ?",
                          db_u64(clock_wall_us()), db_bytes(username.data, username.len));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    read_user(db, &user);
    fn(context, &user);
    return ERR_NONE;
}

enum err store_admin_end_sessions(struct db *db, uint64_t user_id, uint64_t *ended_out)
{
    enum err err = DB_RUN(db, "DELETE FROM sessions WHERE user_id = ?", db_u64(user_id));

    *ended_out = err == ERR_NONE ? db_affected(db) : 0;
    return err;
}

/* hash NULL: disable. */
static enum err try_shut_out(struct db *db, uint64_t user_id, const char *hash)
{
    uint64_t ended;
    enum err err = db_begin(db);

    if (err == ERR_NONE && hash == NULL)
        err = DB_RUN(db,
                     "UPDATE users SET disabled_at_us = COALESCE(disabled_at_us, ?) "
                     "WHERE id = ? AND deleted_at_us IS NULL",
                     db_u64(clock_wall_us()), db_u64(user_id));
    else if (err == ERR_NONE)
        err =
            DB_RUN(db, "UPDATE users SET password_hash = ? WHERE id = ? AND deleted_at_us IS NULL",
                   db_text(hash), db_u64(user_id));
    if (err == ERR_NONE && db_affected(db) == 0)
        err = ERR_NO_ROW;
    if (err == ERR_NONE)
        err = store_admin_end_sessions(db, user_id, &ended);
    if (err == ERR_NONE)
        err = db_commit(db);
    if (err != ERR_NONE)
        db_rollback(db);
    return err;
}

static enum err shut_out(struct db *db, uint64_t user_id, const char *hash)
{
    enum err err = ERR_NONE;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = try_shut_out(db, user_id, hash);
        if (err != ERR_DB_RETRY && err != ERR_DB_UNCERTAIN)
            break;
    }
    return err;
}

enum err store_admin_disable(struct db *db, uint64_t user_id)
{
    return shut_out(db, user_id, NULL);
}

enum err store_admin_set_password(struct db *db, uint64_t user_id, const char *password_hash)
{
    CHECK(password_hash != NULL);
    return shut_out(db, user_id, password_hash);
}

enum err store_admin_enable(struct db *db, uint64_t user_id)
{
    enum err err =
        DB_RUN(db, "UPDATE users SET disabled_at_us = NULL WHERE id = ? AND deleted_at_us IS NULL",
               db_u64(user_id));

    return err == ERR_NONE && db_affected(db) == 0 ? ERR_NO_ROW : err;
}

enum err store_admin_sessions(struct db *db, uint64_t user_id, admin_session_fn *fn, void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT token_hash, created_at_us, expires_at_us FROM sessions "
                          "WHERE user_id = ? ORDER BY created_at_us, token_hash",
                          db_u64(user_id));

    while (err == ERR_NONE && db_next(db)) {
        struct admin_session session = {.created_at_us = db_col_u64(db, 1),
                                        .expires_at_us = db_col_u64(db, 2)};
        struct span hash = db_col_bytes(db, 0);

        CHECK(hash.len == sizeof(session.token_hash));
        memcpy(session.token_hash, hash.data, hash.len);
        fn(context, &session);
    }
    return err;
}

/* ---- rooms and logs ---------------------------------------------------------------------------*/

#define ROOM_COLUMNS                                                                               \
    "r.id, r.name, r.member_count, u.username, r.created_at_us, e.seq, e.created_at_us "           \
    "FROM rooms r LEFT JOIN users u ON u.id = r.creator_id "                                       \
    "LEFT JOIN events e ON e.room_id = r.id AND e.seq = "                                          \
    "(SELECT MAX(seq) FROM events WHERE room_id = r.id) "

static enum err each_room(struct db *db, enum err err, admin_room_fn *fn, void *context,
                          size_t *count_out)
{
    *count_out = 0;
    while (err == ERR_NONE && db_next(db)) {
        const struct admin_room room = {
            .id = db_col_u64(db, 0),
            .name = db_col_bytes(db, 1),
            .members = db_col_u64(db, 2),
            .creator = db_col_bytes(db, 3),
            .created_at_us = db_col_u64(db, 4),
            .head = db_col_u64(db, 5),
            .last_at_us = db_col_u64(db, 6),
        };

        fn(context, &room);
        (*count_out)++;
    }
    return err;
}

enum err store_admin_rooms(struct db *db, struct span search, uint64_t after_id, uint64_t limit,
                           admin_room_fn *fn, void *context)
{
    size_t count;
    enum err err;

    if (search.data == NULL)
        err = DB_RUN(db,
                     "SELECT " ROOM_COLUMNS
                     "WHERE r.id > ? AND r.removed_at_us IS NULL ORDER BY r.id LIMIT ?",
                     db_u64(after_id), db_u64(limit));
    else
        /* Names of rooms compare byte by byte; people who search do not. */
        err = DB_RUN(db,
                     "SELECT " ROOM_COLUMNS "WHERE r.id > ? AND r.removed_at_us IS NULL "
                     "AND INSTR(LOWER(r.name), LOWER(?)) > 0 ORDER BY r.id LIMIT ?",
                     db_u64(after_id), db_bytes(search.data, search.len), db_u64(limit));
    return each_room(db, err, fn, context, &count);
}

enum err store_admin_room(struct db *db, uint64_t room_id, admin_room_fn *fn, void *context)
{
    size_t count;
    enum err err =
        each_room(db,
                  DB_RUN(db, "SELECT " ROOM_COLUMNS "WHERE r.id = ? AND r.removed_at_us IS NULL",
                         db_u64(room_id)),
                  fn, context, &count);

    return err == ERR_NONE && count == 0 ? ERR_ROOM_NOT_FOUND : err;
}

enum err store_admin_heads(struct db *db, uint64_t after_id, uint64_t limit, admin_head_fn *fn,
                           void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT r.id, (SELECT MAX(seq) FROM events e WHERE e.room_id = r.id) "
                          "FROM rooms r WHERE r.id > ? AND r.removed_at_us IS NULL "
                          "ORDER BY r.id LIMIT ?",
                          db_u64(after_id), db_u64(limit));

    while (err == ERR_NONE && db_next(db))
        fn(context, db_col_u64(db, 0), db_col_u64(db, 1));
    return err;
}

enum err store_admin_log_piece(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                               struct admin_piece *piece_out)
{
    enum err err = DB_RUN(db,
                          "SELECT COUNT(*), MIN(seq), MAX(seq) FROM "
                          "(SELECT seq FROM events FORCE INDEX (PRIMARY) "
                          "WHERE room_id = ? AND seq > ? ORDER BY seq LIMIT ?) AS piece",
                          db_u64(room_id), db_u64(after_seq), db_u64(limit));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_INTERNAL;
    *piece_out = (struct admin_piece){db_col_u64(db, 0), db_col_u64(db, 1), db_col_u64(db, 2)};
    return ERR_NONE;
}

enum err store_admin_log_numbers(struct db *db, uint64_t room_id, uint64_t after_seq,
                                 uint64_t limit, void (*fn)(void *context, uint64_t seq),
                                 void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT seq FROM events FORCE INDEX (PRIMARY) "
                          "WHERE room_id = ? AND seq > ? ORDER BY seq LIMIT ?",
                          db_u64(room_id), db_u64(after_seq), db_u64(limit));

    while (err == ERR_NONE && db_next(db))
        fn(context, db_col_u64(db, 0));
    return err;
}

enum err store_admin_sizes(struct db *db, uint64_t *rooms_out, uint64_t *events_out)
{
    enum err err = DB_RUN(db,
                          "SELECT (SELECT COUNT(*) FROM rooms WHERE removed_at_us IS NULL), "
                          "(SELECT table_rows FROM information_schema.tables WHERE "
                          "table_schema = DATABASE() AND table_name = ?)",
                          db_text("events"));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_INTERNAL;
    *rooms_out = db_col_u64(db, 0);
    *events_out = db_col_u64(db, 1);
    return ERR_NONE;
}

/* ---- the whole --------------------------------------------------------------------------------*/

enum err store_admin_leases(struct db *db, admin_lease_fn *fn, void *context)
{
    enum err err =
        DB_RUN(db,
               "SELECT owner, COUNT(*), MIN(expires_at > UTC_TIMESTAMP(6)) "
               "FROM broker_leases WHERE owner <> 0 AND shard < ? GROUP BY owner ORDER BY owner",
               db_u64(SHARD_COUNT));

    while (err == ERR_NONE && db_next(db))
        fn(context, db_col_u64(db, 0), db_col_u64(db, 1), db_col_u64(db, 2) != 0);
    return err;
}

enum err store_admin_schema(struct db *db, uint64_t *version_out)
{
    enum err err = db_run(db,
                          "SELECT 1 FROM information_schema.tables WHERE "
                          "table_schema = DATABASE() AND table_name = 'schema_migrations'",
                          NULL, 0);

    *version_out = 0;
    if (err != ERR_NONE || !db_next(db))
        return err;
    err = db_run(db, "SELECT MAX(version) FROM schema_migrations", NULL, 0);
    if (err == ERR_NONE && db_next(db))
        *version_out = db_col_u64(db, 0);
    return err;
}

enum err store_admin_server(struct db *db, char *out, size_t size)
{
    enum err err = db_run(db, "SELECT VERSION()", NULL, 0);
    struct span version;

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_INTERNAL;
    version = db_col_bytes(db, 0);
    snprintf(out, size, "%.*s", (int)version.len, (const char *)version.data);
    return ERR_NONE;
}
