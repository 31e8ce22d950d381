/*
 * store_admission.h: may this user hear this room, and from where on? Blocks; for pool threads.
 *
 * Each is one statement, so that its answers are of one moment: the head is that of the very state
 * of the log in which the user was a member, and whatever ends the membership has a seq above it.
 * When a gateway has died and thousands come back at once, one exchange with the database each is
 * what they cost.
 */
#ifndef BANTER_COMMON_STORE_ADMISSION_H
#define BANTER_COMMON_STORE_ADMISSION_H

#include "common/store_users.h"

/* ERR_NO_ROW for a session that store_session_find() would not find, ERR_ROOM_NOT_FOUND,
 * ERR_NOT_A_MEMBER; *session_out is filled for the latter two as well. */
/* A live session whose user is a member of the room, in one statement: ERR_NO_ROW without such a
 * session (as store_session_find()), else ERR_ROOM_NOT_FOUND or ERR_NOT_A_MEMBER; *session_out is
 * filled with both. */
enum err store_session_check_member(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                                    uint64_t room_id,
                                    struct store_session *session_out) ATTR_MUSTCHECK;
enum err store_admit_session(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                             uint64_t room_id, struct store_session *session_out,
                             uint64_t *head_out) ATTR_MUSTCHECK;
/* The same for a user whose session is known. */
enum err store_admit_user(struct db *db, uint64_t user_id, uint64_t room_id,
                          uint64_t *head_out) ATTR_MUSTCHECK;

#endif
