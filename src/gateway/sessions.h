/*
 * sessions.h: the logins that have a socket on this worker, so that ending one ends its sockets.
 *
 * Revocations come over the bus at once; in case one is lost (or the broker is away), every session
 * that has sockets is looked up again in the database from time to time.
 */
#ifndef BANTER_GATEWAY_SESSIONS_H
#define BANTER_GATEWAY_SESSIONS_H

#include "common/bus_proto.h"
#include "common/digest.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/pool.h"
#include "common/store_users.h"

struct sessions;

/* Shared by all sockets of one login. */
struct session {
    uint64_t user_id;
    uint64_t expires_at_us;
    struct list_node node;
    struct list members; /* struct session_member */
    bool rechecking;
    bool again; /* is to be looked up once more, as soon as that can be */
    bool ended; /* its members were told; who joins now is looked up again */
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    char username[];
};

/* Embedded in whoever ends with the session. */
struct session_member {
    struct list_node node;
    struct session *session; /* NULL while it has none */
    /* Must not leave the session before it returns. */
    void (*on_ended)(struct session_member *member);
};

struct sessions *sessions_create(struct loop *loop, struct pool *db, uint64_t check_ms);
/* No members may be left, and the pool must be gone. */
void sessions_destroy(struct sessions **sessions);

/* How many revocations were heard so far: to be asked before the database is. */
uint64_t sessions_revoked(const struct sessions *sessions);
#define SESSIONS_UNKNOWN UINT64_MAX /* when nobody has asked */
/*
 * The member joins the session of this token, as the database has just given it. The session was
 * not here to be revoked while the database was asked: unless no revocation has come since
 * revoked_before, it is looked up once more.
 */
void sessions_attach(struct sessions *sessions, struct session_member *member,
                     const uint8_t token_hash[DIGEST_SHA256_SIZE],
                     const struct store_session *found, uint64_t revoked_before);
/* Leaves; does nothing if it has no session. The last one out frees it. */
void sessions_detach(struct sessions *sessions, struct session_member *member);
/* Ends the sessions that it names: on_ended is called for each of their members. */
void sessions_on_revoke(struct sessions *sessions, const struct bus_revoke *revoke);

#endif
