/*
 * store_admin.h: what operators ask of the database and change in it. Blocks.
 *
 * A walker's function must not use the connection; spans are valid during its call.
 */
#ifndef BANTER_COMMON_STORE_ADMIN_H
#define BANTER_COMMON_STORE_ADMIN_H

#include "common/db.h"
#include "common/digest.h"

struct admin_user {
    uint64_t id;
    struct span username;
    struct span email;
    uint64_t created_at_us;
    uint64_t disabled_at_us; /* 0: it is not */
    uint64_t sessions;       /* that have not expired */
    uint64_t rooms;
};
typedef void admin_user_fn(void *context, const struct admin_user *user);

/* Accounts by id, above after_id, at most limit; with a search text (not NULL) those with it in
 * name or address, in any letter case. */
enum err store_admin_users(struct db *db, struct span search, uint64_t after_id, uint64_t limit,
                           admin_user_fn *fn, void *context) ATTR_MUSTCHECK;
/* The account with this name, in any letter case; ERR_NO_ROW. */
enum err store_admin_user(struct db *db, struct span username, admin_user_fn *fn,
                          void *context) ATTR_MUSTCHECK;

/* These two end the account's sessions in the same transaction; the caller then has the workers
 * told (COMMAND_REVOKE). They may be repeated. */
enum err store_admin_disable(struct db *db, uint64_t user_id) ATTR_MUSTCHECK;
enum err store_admin_set_password(struct db *db, uint64_t user_id,
                                  const char *password_hash) ATTR_MUSTCHECK;
enum err store_admin_enable(struct db *db, uint64_t user_id) ATTR_MUSTCHECK;

struct admin_session {
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    uint64_t created_at_us;
    uint64_t expires_at_us;
};
typedef void admin_session_fn(void *context, const struct admin_session *session);
/* Of a user, the oldest first; also expired ones that are still there. */
enum err store_admin_sessions(struct db *db, uint64_t user_id, admin_session_fn *fn,
                              void *context) ATTR_MUSTCHECK;
enum err store_admin_end_sessions(struct db *db, uint64_t user_id,
                                  uint64_t *ended_out) ATTR_MUSTCHECK;

struct admin_room {
    uint64_t id;
    struct span name;
    uint64_t members;
    struct span creator; /* data NULL: the account is gone */
    uint64_t created_at_us;
    uint64_t head;
    uint64_t last_at_us; /* 0: an empty log */
};
typedef void admin_room_fn(void *context, const struct admin_room *room);
/* Rooms by id, above after_id, at most limit; with a search text those with it in their name. */
enum err store_admin_rooms(struct db *db, struct span search, uint64_t after_id, uint64_t limit,
                           admin_room_fn *fn, void *context) ATTR_MUSTCHECK;
enum err store_admin_room(struct db *db, uint64_t room_id, admin_room_fn *fn,
                          void *context) ATTR_MUSTCHECK;
/* Every room's head, 0 for an empty log: rooms by id, above after_id, at most limit. */
typedef void admin_head_fn(void *context, uint64_t room_id, uint64_t head);
enum err store_admin_heads(struct db *db, uint64_t after_id, uint64_t limit, admin_head_fn *fn,
                           void *context) ATTR_MUSTCHECK;

/* A piece of a room's log: of the first limit events above after_seq, how many there are, and the
 * first and the last seq; 0 events at its end. */
struct admin_piece {
    uint64_t count;
    uint64_t first_seq;
    uint64_t last_seq;
};
enum err store_admin_log_piece(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                               struct admin_piece *piece_out) ATTR_MUSTCHECK;
/* Their numbers, for a piece that has a hole. */
enum err store_admin_log_numbers(struct db *db, uint64_t room_id, uint64_t after_seq,
                                 uint64_t limit, void (*fn)(void *context, uint64_t seq),
                                 void *context) ATTR_MUSTCHECK;
/* How many rooms there are, and about how many events all logs have. */
enum err store_admin_sizes(struct db *db, uint64_t *rooms_out, uint64_t *events_out) ATTR_MUSTCHECK;

/* Who has how many shards, by owner; valid says whether its leases have not run out. */
typedef void admin_lease_fn(void *context, uint64_t owner, uint64_t shards, bool valid);
enum err store_admin_leases(struct db *db, admin_lease_fn *fn, void *context) ATTR_MUSTCHECK;
/* The version of the schema, 0 for an empty database. */
enum err store_admin_schema(struct db *db, uint64_t *version_out) ATTR_MUSTCHECK;
/* "11.4.3-MariaDB" and so on; connects. */
enum err store_admin_server(struct db *db, char *out, size_t size) ATTR_MUSTCHECK;

#endif
