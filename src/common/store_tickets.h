/*
 * store_tickets.h: what a WebSocket may be opened with once, instead of the session's token.
 * Blocks; for pool threads.
 *
 * They are in the database, so that any worker of any gateway takes one, and no two take the same.
 */
#ifndef BANTER_COMMON_STORE_TICKETS_H
#define BANTER_COMMON_STORE_TICKETS_H

#include "common/db.h"
#include "common/digest.h"

/* A ticket for the session of this token. */
enum err store_ticket_create(struct db *db, const uint8_t ticket_hash[DIGEST_SHA256_SIZE],
                             const uint8_t token_hash[DIGEST_SHA256_SIZE],
                             uint64_t ttl_s) ATTR_MUSTCHECK;
/* Takes it away and says whose it is; the session may have ended since: the caller looks.
 * ERR_NO_ROW if it is unknown, used or too old. After ERR_DB_UNCERTAIN it may be gone: the client
 * gets another. */
enum err store_ticket_use(struct db *db, const uint8_t ticket_hash[DIGEST_SHA256_SIZE],
                          uint8_t token_hash_out[DIGEST_SHA256_SIZE]) ATTR_MUSTCHECK;

#endif
