/*
 * store_admission.h: may this user hear this room, and from where on? Blocks; for pool threads.
 *
 * The head is that of the log in which the user was a member, or an earlier one: whatever ends the
 * membership has a seq above it. Alone that is one statement, whose answers are of one moment; many
 * at once share two, of which the first asks for the heads (if anybody wants them) and the second
 * for the sessions and memberships. When a gateway has died and thousands come back, what they cost
 * the database is a few rows each.
 */
#ifndef BANTER_COMMON_STORE_ADMISSION_H
#define BANTER_COMMON_STORE_ADMISSION_H

#include "common/store_users.h"

/* A live session whose user is a member of the room, in one statement: ERR_NO_ROW without such a
 * session (as store_session_find()), else ERR_ROOM_NOT_FOUND or ERR_NOT_A_MEMBER; *session_out is
 * filled with both. */
enum err store_session_check_member(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                                    uint64_t room_id,
                                    struct store_session *session_out) ATTR_MUSTCHECK;
/* The same, and the head. */
enum err store_admit_session(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                             uint64_t room_id, struct store_session *session_out,
                             uint64_t *head_out) ATTR_MUSTCHECK;
/* For a user whose session is known. */
enum err store_admit_user(struct db *db, uint64_t user_id, uint64_t room_id,
                          uint64_t *head_out) ATTR_MUSTCHECK;

/* A question, and its answer. */
struct store_admission {
    const uint8_t *token_hash; /* borrowed; NULL: the user is known */
    uint64_t user_id;          /* then */
    bool wants_room;           /* else there is nothing to ask but whose token it is */
    uint64_t room_id;
    bool wants_head; /* of that room */
    /* ERR_NONE, ERR_NO_ROW for a token, ERR_ROOM_NOT_FOUND, ERR_NOT_A_MEMBER, or what the database
     * failed with. */
    enum err err;
    struct store_session session; /* of the token, if there is one */
    uint64_t head;                /* if it was wanted, and there is no error */
};

#define STORE_ADMISSIONS_MAX 32

/* Answers up to STORE_ADMISSIONS_MAX questions. */
void store_admit(struct db *db, struct store_admission *const *asked, size_t count);

#endif
