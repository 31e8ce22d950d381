#include "common/store_tickets.h"

#include "common/check.h"
#include "common/clock.h"

#define ATTEMPTS_MAX 4
#define US_PER_S     UINT64_C(1000000)

enum err store_ticket_create(struct db *db, const uint8_t ticket_hash[DIGEST_SHA256_SIZE],
                             const uint8_t token_hash[DIGEST_SHA256_SIZE], uint64_t ttl_s)
{
    enum err err = ERR_NONE;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = DB_RUN(db,
                     "INSERT INTO ws_tickets (ticket_hash, token_hash, expires_at_us) "
                     "VALUES (?, ?, ?)",
                     db_bytes(ticket_hash, DIGEST_SHA256_SIZE),
                     db_bytes(token_hash, DIGEST_SHA256_SIZE),
                     db_u64(clock_wall_us() + ttl_s * US_PER_S));
        if (err != ERR_DB_RETRY && err != ERR_DB_UNCERTAIN)
            break;
    }
    /* 256 random bits: a row that is there already is this one, from a try whose answer was lost.
     */
    return err == ERR_DB_DUPLICATE ? ERR_NONE : err;
}

/* Who deletes the row has the ticket. (Prepared, DELETE ... RETURNING does not say beforehand that
 * it has a result, which the client library needs to know.) */
static enum err take(struct db *db, const uint8_t ticket_hash[DIGEST_SHA256_SIZE])
{
    enum err err = ERR_NONE;

    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        err = DB_RUN(db, "DELETE FROM ws_tickets WHERE ticket_hash = ? AND expires_at_us > ?",
                     db_bytes(ticket_hash, DIGEST_SHA256_SIZE), db_u64(clock_wall_us()));
        if (err != ERR_DB_RETRY)
            break;
    }
    return err == ERR_NONE && db_affected(db) == 0 ? ERR_NO_ROW : err;
}

enum err store_ticket_use(struct db *db, const uint8_t ticket_hash[DIGEST_SHA256_SIZE],
                          uint8_t token_hash_out[DIGEST_SHA256_SIZE])
{
    struct span token_hash;
    enum err err = DB_RUN(db, "SELECT token_hash FROM ws_tickets WHERE ticket_hash = ?",
                          db_bytes(ticket_hash, DIGEST_SHA256_SIZE));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    token_hash = db_col_bytes(db, 0);
    CHECK(token_hash.len == DIGEST_SHA256_SIZE);
    memcpy(token_hash_out, token_hash.data, DIGEST_SHA256_SIZE);
    return take(db, ticket_hash);
}
