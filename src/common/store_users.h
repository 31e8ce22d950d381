/*
 * store_users.h: accounts and sessions. Blocks; for pool threads.
 */
#ifndef BANTER_COMMON_STORE_USERS_H
#define BANTER_COMMON_STORE_USERS_H

#include "common/db.h"
#include "common/digest.h"
#include "common/limits.h"
#include "common/strbuf.h"

#define PASSWORD_HASH_SIZE 160

struct store_user {
    uint64_t id;
    char username[USERNAME_BYTES_MAX + 1];
    char password_hash[PASSWORD_HASH_SIZE]; /* as password.h has them; "": it cannot log in */
    bool disabled;                          /* it may not log in */
};

/* ERR_USERNAME_TAKEN or ERR_EMAIL_TAKEN when the name or address is in use, in any letter case; the
 * former when both are. */
enum err store_user_create(struct db *db, struct span username, struct span email,
                           const char *password_hash, uint64_t *id_out) ATTR_MUSTCHECK;
/* The account with this name, in any letter case, or ERR_NO_ROW. */
enum err store_user_find(struct db *db, struct span username,
                         struct store_user *user_out) ATTR_MUSTCHECK;
/* A number of bytes that are the same for all spellings of a name which the unique key takes for
 * one, whether somebody has it or not: only the database knows them all (letters that weigh
 * nothing). */
enum err store_user_name_key(struct db *db, struct span username,
                             uint8_t key_out[DIGEST_SHA256_SIZE]) ATTR_MUSTCHECK;
/* The account's password has another hash; nothing if it is no longer the old one. */
enum err store_user_renew_hash(struct db *db, uint64_t user_id, const char *old_hash,
                               const char *new_hash) ATTR_MUSTCHECK;
/* Erases name, e-mail address and password, and deletes the sessions; one transaction. The caller
 * then has the memberships ended (COMMAND_EXPEL); the broker ends what it missed. */
enum err store_user_delete(struct db *db, uint64_t user_id) ATTR_MUSTCHECK;

struct store_session {
    uint64_t user_id;
    uint64_t expires_at_us;
    char username[USERNAME_BYTES_MAX + 1];
};

/* For who has shown the password of this hash. ERR_NO_ROW if it is not the account's any more, or
 * the account is disabled or gone: checking a password takes long enough for that. Also clears away
 * a few sessions that have expired. */
enum err store_session_create(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                              uint64_t user_id, const char *password_hash,
                              uint64_t ttl_s) ATTR_MUSTCHECK;
/* Ends the user's oldest sessions beyond max, which is not 0 and counts the one that stays in any
 * case, unless it has ended already; a hundred of them at most, in one transaction. Never fewer
 * than max are left, however many logins do this at once. Appends the hashes of the tokens of those
 * that ended to ended, DIGEST_SHA256_SIZE bytes each; the caller then has the workers told
 * (COMMAND_REVOKE). After an error the next login ends what is left. */
enum err store_session_trim(struct db *db, uint64_t user_id, uint64_t max,
                            const uint8_t kept_hash[DIGEST_SHA256_SIZE],
                            struct strbuf *ended) ATTR_MUSTCHECK;
/* ERR_NO_ROW for one that is unknown or expired, or whose user is gone or disabled. */
enum err store_session_find(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                            struct store_session *session_out) ATTR_MUSTCHECK;
/* For statements that find a session among other things: its columns, the first of the result, and
 * what makes it live; s are the sessions, u the users. Two placeholders: the token's hash and now.
 */
#define STORE_SESSION_COLUMNS      "s.user_id, s.expires_at_us, u.username"
#define STORE_SESSION_COLUMN_COUNT 3
#define STORE_SESSION_LIVE         "s.token_hash = ? AND " STORE_SESSION_LIVE_AT
/* The same but for the token; one placeholder: now. */
#define STORE_SESSION_LIVE_AT                                                                      \
    "s.expires_at_us > ? AND u.deleted_at_us IS NULL AND u.disabled_at_us IS NULL"
void store_session_read(struct db *db, struct store_session *session_out);
/* ERR_NONE also when there is none. */
enum err store_session_delete(struct db *db,
                              const uint8_t token_hash[DIGEST_SHA256_SIZE]) ATTR_MUSTCHECK;

/* What a session is called where its token must not be: the first bytes of the token's hash, as
 * hexadecimal digits. The hash is of 256 random bits, so its beginning opens nothing. */
#define SESSION_ID_BYTES 8

struct store_login {
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    uint64_t created_at_us;
    uint64_t expires_at_us;
};
typedef void store_login_fn(void *context, const struct store_login *login);
/* The user's sessions that have not expired, the newest first, at most limit. fn must not use the
 * connection. */
enum err store_session_list(struct db *db, uint64_t user_id, uint64_t limit, store_login_fn *fn,
                            void *context) ATTR_MUSTCHECK;

/* The session with this id; ERR_NO_ROW if the user has none. The caller of this and of the next two
 * then has the workers told (COMMAND_REVOKE). */
enum err store_session_end(struct db *db, uint64_t user_id, const uint8_t id[SESSION_ID_BYTES],
                           uint8_t token_hash_out[DIGEST_SHA256_SIZE]) ATTR_MUSTCHECK;
/* All sessions but one. Appends the hashes of the others' tokens to ended, DIGEST_SHA256_SIZE bytes
 * each. */
enum err store_session_end_others(struct db *db, uint64_t user_id,
                                  const uint8_t kept_hash[DIGEST_SHA256_SIZE],
                                  struct strbuf *ended) ATTR_MUSTCHECK;
/* A new password, and the end of all sessions but one, in one transaction. ERR_NO_ROW if the
 * password is no longer the one of the old hash, or the account is gone. */
enum err store_user_change_password(struct db *db, uint64_t user_id, const char *old_hash,
                                    const char *new_hash,
                                    const uint8_t kept_hash[DIGEST_SHA256_SIZE],
                                    struct strbuf *ended) ATTR_MUSTCHECK;

#endif
