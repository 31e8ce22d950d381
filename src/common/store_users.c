#include "common/store_users.h"

#include "common/check.h"
#include "common/clock.h"

#include <string.h>

/* How often a statement or a transaction is tried before its error is the caller's. */
#define ATTEMPTS_MAX 4
/* Sessions that have expired, cleared away by each login. */
#define SWEEP_ROWS 10
/* Sessions that a login ends because there are too many; more only where there was no bound. */
#define TRIM_ROWS 100
#define US_PER_S  UINT64_C(1000000)

static struct db_value from_span(struct span span)
{
    return db_bytes(span.data, span.len);
}

static struct db_value from_token(const uint8_t token_hash[DIGEST_SHA256_SIZE])
{
    return db_bytes(token_hash, DIGEST_SHA256_SIZE);
}

/* A column that the schema keeps shorter than size. */
static void copy_text(char *out, size_t size, struct span span)
{
    CHECK(span.len < size);
    if (span.len > 0)
        memcpy(out, span.data, span.len);
    out[span.len] = '\0';
}

static bool worth_repeating(enum err err)
{
    return err == ERR_DB_RETRY || err == ERR_DB_UNCERTAIN;
}

/* For what may be done twice: an uncertain outcome is settled by doing it again. */
static enum err run_idempotent(struct db *db, const char *sql, const struct db_value *values,
                               size_t count)
{
    enum err err = ERR_NONE;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = db_run(db, sql, values, count);
        if (!worth_repeating(err))
            break;
    }
    return err;
}

#define RUN_IDEMPOTENT(db, sql, ...)                                                               \
    run_idempotent((db), (sql), (const struct db_value[]){__VA_ARGS__},                            \
                   ARRAY_LEN(((const struct db_value[]){__VA_ARGS__})))

/* Whether the account is there after an insert whose answer was lost. The salted hash tells ours
 * from one that somebody else registered meanwhile. */
static enum err settle_create(struct db *db, struct span username, const char *password_hash,
                              uint64_t *id_out)
{
    enum err err = DB_RUN(db, "SELECT id FROM users WHERE username = ? AND password_hash = ?",
                          from_span(username), db_text(password_hash));

    if (err != ERR_NONE || !db_next(db))
        return ERR_DB_UNCERTAIN;
    *id_out = db_col_u64(db, 0);
    return ERR_NONE;
}

enum err store_user_create(struct db *db, struct span username, struct span email,
                           const char *password_hash, uint64_t *id_out)
{
    enum err err = ERR_NONE;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = DB_RUN(db,
                     "INSERT INTO users (username, email, password_hash, created_at_us) "
                     "VALUES (?, ?, ?, ?)",
                     from_span(username), from_span(email), db_text(password_hash),
                     db_u64(clock_wall_us()));
        if (err != ERR_DB_RETRY)
            break;
    }
    if (err == ERR_DB_UNCERTAIN)
        return settle_create(db, username, password_hash, id_out);
    if (err == ERR_DB_DUPLICATE)
        return db_duplicate_key(db, "email") ? ERR_EMAIL_TAKEN : ERR_USERNAME_TAKEN;
    if (err == ERR_NONE)
        *id_out = db_insert_id(db);
    return err;
}

enum err store_user_find(struct db *db, struct span username, struct store_user *user_out)
{
    enum err err = DB_RUN(db,
                          "SELECT id, username, password_hash, disabled_at_us FROM users "
                          "WHERE username = ?",
                          from_span(username));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    user_out->id = db_col_u64(db, 0);
    copy_text(user_out->username, sizeof(user_out->username), db_col_bytes(db, 1));
    copy_text(user_out->password_hash, sizeof(user_out->password_hash), db_col_bytes(db, 2));
    user_out->disabled = !db_col_is_null(db, 3);
    return ERR_NONE;
}

enum err store_user_name_key(struct db *db, struct span username,
                             uint8_t key_out[DIGEST_SHA256_SIZE])
{
    /* The collation of users.username. */
    enum err err = DB_RUN(db,
                          "SELECT WEIGHT_STRING(CONVERT(? USING utf8mb4) "
                          "COLLATE utf8mb4_uca1400_nopad_as_ci)",
                          from_span(username));
    struct span weights;

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_INTERNAL;
    weights = db_col_bytes(db, 0);
    digest_sha256(weights.data, weights.len, key_out);
    return ERR_NONE;
}

enum err store_user_renew_hash(struct db *db, uint64_t user_id, const char *old_hash,
                               const char *new_hash)
{
    return RUN_IDEMPOTENT(db,
                          "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?",
                          db_text(new_hash), db_u64(user_id), db_text(old_hash));
}

static enum err try_delete(struct db *db, uint64_t user_id)
{
    enum err err = db_begin(db);

    if (err == ERR_NONE)
        err = DB_RUN(db,
                     "UPDATE users SET username = NULL, email = NULL, password_hash = NULL, "
                     "deleted_at_us = ? WHERE id = ? AND deleted_at_us IS NULL",
                     db_u64(clock_wall_us()), db_u64(user_id));
    if (err == ERR_NONE)
        err = DB_RUN(db, "DELETE FROM sessions WHERE user_id = ?", db_u64(user_id));
    if (err == ERR_NONE)
        err = db_commit(db);
    if (err != ERR_NONE)
        db_rollback(db);
    return err;
}

enum err store_user_delete(struct db *db, uint64_t user_id)
{
    enum err err = ERR_NONE;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = try_delete(db, user_id);
        if (!worth_repeating(err))
            break;
    }
    return err;
}

/* Logins clear away what logins left: no timer, no owner, and never more than a few rows behind. */
static void sweep_sessions(struct db *db, uint64_t now_us)
{
    /* Whatever goes wrong here, the next login tries again. */
    enum err ignored = DB_RUN(db, "DELETE FROM sessions WHERE expires_at_us < ? LIMIT ?",
                              db_u64(now_us), db_u64(SWEEP_ROWS));

    (void)ignored;
}

enum err store_session_create(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                              uint64_t user_id, const char *password_hash, uint64_t ttl_s)
{
    uint64_t now_us = clock_wall_us();
    enum err err;

    sweep_sessions(db, now_us);
    /* A token is 256 random bits: a row that is there already is this one, from a first try. The
     * lock waits for who changes the account at this moment: at READ COMMITTED the statement would
     * see it as it was, and insert what the other has just deleted. */
    err = RUN_IDEMPOTENT(db,
                         "INSERT INTO sessions (token_hash, user_id, created_at_us, expires_at_us) "
                         "SELECT ?, u.id, ?, ? FROM users u WHERE u.id = ? "
                         "AND u.password_hash = ? AND u.disabled_at_us IS NULL "
                         "AND u.deleted_at_us IS NULL LOCK IN SHARE MODE "
                         "ON DUPLICATE KEY UPDATE user_id = sessions.user_id",
                         from_token(token_hash), db_u64(now_us), db_u64(now_us + ttl_s * US_PER_S),
                         db_u64(user_id), db_text(password_hash));
    return err == ERR_NONE && db_affected(db) == 0 ? ERR_NO_ROW : err;
}

/* A user's sessions beyond max, the oldest last. The kept one counts while it is there: another
 * login may have ended it. */
struct surplus {
    uint8_t hashes[TRIM_ROWS][DIGEST_SHA256_SIZE];
    size_t count;
};

static enum err find_surplus(struct db *db, uint64_t user_id, uint64_t max,
                             const uint8_t kept_hash[DIGEST_SHA256_SIZE],
                             struct surplus *surplus_out)
{
    enum err err =
        DB_RUN(db,
               "SELECT token_hash FROM sessions WHERE user_id = ? "
               "ORDER BY token_hash = ? DESC, created_at_us DESC, token_hash LIMIT ? OFFSET ?",
               db_u64(user_id), from_token(kept_hash), db_u64(TRIM_ROWS), db_u64(max));

    surplus_out->count = 0;
    while (err == ERR_NONE && db_next(db)) {
        struct span hash = db_col_bytes(db, 0);

        CHECK(hash.len == DIGEST_SHA256_SIZE && surplus_out->count < TRIM_ROWS);
        memcpy(surplus_out->hashes[surplus_out->count++], hash.data, hash.len);
    }
    return err;
}

static enum err try_trim(struct db *db, uint64_t user_id, uint64_t max,
                         const uint8_t kept_hash[DIGEST_SHA256_SIZE], struct surplus *surplus_out)
{
    enum err err = db_begin(db);

    surplus_out->count = 0;
    /* One login at a time: two that look before either has deleted would each end the one that
     * the other keeps. What this one finds then is what the last one has left: each statement sees
     * what is committed when it begins. */
    if (err == ERR_NONE)
        err = DB_RUN(db, "SELECT id FROM users WHERE id = ? FOR UPDATE", db_u64(user_id));
    if (err == ERR_NONE)
        err = find_surplus(db, user_id, max, kept_hash, surplus_out);
    for (size_t i = 0; i < surplus_out->count && err == ERR_NONE; i++)
        err = DB_RUN(db, "DELETE FROM sessions WHERE token_hash = ?",
                     from_token(surplus_out->hashes[i]));
    if (err == ERR_NONE)
        err = db_commit(db);
    if (err != ERR_NONE)
        db_rollback(db);
    return err;
}

enum err store_session_trim(struct db *db, uint64_t user_id, uint64_t max,
                            const uint8_t kept_hash[DIGEST_SHA256_SIZE], struct strbuf *ended)
{
    struct surplus surplus;
    enum err err = find_surplus(db, user_id, max, kept_hash, &surplus);

    /* Nearly always there is none, and nobody waits. */
    if (err != ERR_NONE || surplus.count == 0)
        return err;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = try_trim(db, user_id, max, kept_hash, &surplus);
        if (err != ERR_DB_RETRY)
            break;
    }
    /* Uncertain: telling of a session that is still there closes its sockets, which come back. */
    if (err == ERR_NONE || err == ERR_DB_UNCERTAIN)
        strbuf_add(ended, surplus.hashes, surplus.count * DIGEST_SHA256_SIZE);
    return err;
}

void store_session_read(struct db *db, struct store_session *session_out)
{
    session_out->user_id = db_col_u64(db, 0);
    session_out->expires_at_us = db_col_u64(db, 1);
    copy_text(session_out->username, sizeof(session_out->username), db_col_bytes(db, 2));
}

enum err store_session_find(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                            struct store_session *session_out)
{
    enum err err = DB_RUN(db,
                          "SELECT " STORE_SESSION_COLUMNS " FROM sessions s "
                          "JOIN users u ON u.id = s.user_id WHERE " STORE_SESSION_LIVE,
                          from_token(token_hash), db_u64(clock_wall_us()));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    store_session_read(db, session_out);
    return ERR_NONE;
}

enum err store_session_delete(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE])
{
    return RUN_IDEMPOTENT(db, "DELETE FROM sessions WHERE token_hash = ?", from_token(token_hash));
}

enum err store_session_list(struct db *db, uint64_t user_id, uint64_t limit, store_login_fn *fn,
                            void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT token_hash, created_at_us, expires_at_us FROM sessions "
                          "WHERE user_id = ? AND expires_at_us > ? "
                          "ORDER BY created_at_us DESC, token_hash LIMIT ?",
                          db_u64(user_id), db_u64(clock_wall_us()), db_u64(limit));

    while (err == ERR_NONE && db_next(db)) {
        struct store_login login = {.created_at_us = db_col_u64(db, 1),
                                    .expires_at_us = db_col_u64(db, 2)};
        struct span hash = db_col_bytes(db, 0);

        CHECK(hash.len == sizeof(login.token_hash));
        memcpy(login.token_hash, hash.data, hash.len);
        fn(context, &login);
    }
    return err;
}

enum err store_session_end(struct db *db, uint64_t user_id, const uint8_t id[SESSION_ID_BYTES],
                           uint8_t token_hash_out[DIGEST_SHA256_SIZE])
{
    struct span hash;
    enum err err =
        DB_RUN(db,
               "SELECT token_hash FROM sessions "
               "WHERE user_id = ? AND LEFT(token_hash, ?) = ?",
               db_u64(user_id), db_u64(SESSION_ID_BYTES), db_bytes(id, SESSION_ID_BYTES));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    hash = db_col_bytes(db, 0);
    CHECK(hash.len == DIGEST_SHA256_SIZE);
    memcpy(token_hash_out, hash.data, hash.len);
    return store_session_delete(db, token_hash_out);
}

/* A new hash where the old one still is. */
struct new_password {
    const char *old_hash;
    const char *new_hash;
};

/* Both lock the account's row, and so keep logins from making sessions meanwhile. */
static enum err lock_user(struct db *db, uint64_t user_id, const struct new_password *password)
{
    enum err err;

    if (password == NULL)
        return DB_RUN(db, "SELECT id FROM users WHERE id = ? FOR UPDATE", db_u64(user_id));
    /* A row that has the new hash is ours, of a try whose answer was lost. */
    err = DB_RUN(db,
                 "UPDATE users SET password_hash = ? WHERE id = ? AND deleted_at_us IS NULL "
                 "AND password_hash IN (?, ?)",
                 db_text(password->new_hash), db_u64(user_id), db_text(password->old_hash),
                 db_text(password->new_hash));
    return err == ERR_NONE && db_affected(db) == 0 ? ERR_NO_ROW : err;
}

static enum err end_others(struct db *db, uint64_t user_id, const uint8_t *kept_hash,
                           struct strbuf *ended)
{
    enum err err =
        DB_RUN(db, "SELECT token_hash FROM sessions WHERE user_id = ? AND token_hash <> ?",
               db_u64(user_id), from_token(kept_hash));

    while (err == ERR_NONE && db_next(db)) {
        struct span hash = db_col_bytes(db, 0);

        CHECK(hash.len == DIGEST_SHA256_SIZE);
        strbuf_add(ended, hash.data, hash.len);
    }
    return err != ERR_NONE
               ? err
               : DB_RUN(db, "DELETE FROM sessions WHERE user_id = ? AND token_hash <> ?",
                        db_u64(user_id), from_token(kept_hash));
}

static enum err try_end_others(struct db *db, uint64_t user_id, const struct new_password *password,
                               const uint8_t *kept_hash, struct strbuf *ended)
{
    enum err err = db_begin(db);

    if (err == ERR_NONE)
        err = lock_user(db, user_id, password);
    if (err == ERR_NONE)
        err = end_others(db, user_id, kept_hash, ended);
    if (err == ERR_NONE)
        err = db_commit(db);
    if (err != ERR_NONE)
        db_rollback(db);
    return err;
}

static enum err lock_and_end_others(struct db *db, uint64_t user_id,
                                    const struct new_password *password, const uint8_t *kept_hash,
                                    struct strbuf *ended)
{
    enum err err = ERR_NONE;

    /* What a try ended whose answer was lost is in the list twice at most: the workers do not
     * mind. */
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = try_end_others(db, user_id, password, kept_hash, ended);
        if (!worth_repeating(err))
            break;
    }
    return err;
}

enum err store_session_end_others(struct db *db, uint64_t user_id,
                                  const uint8_t kept_hash[DIGEST_SHA256_SIZE], struct strbuf *ended)
{
    return lock_and_end_others(db, user_id, NULL, kept_hash, ended);
}

enum err store_user_change_password(struct db *db, uint64_t user_id, const char *old_hash,
                                    const char *new_hash,
                                    const uint8_t kept_hash[DIGEST_SHA256_SIZE],
                                    struct strbuf *ended)
{
    const struct new_password password = {old_hash, new_hash};

    return lock_and_end_others(db, user_id, &password, kept_hash, ended);
}
