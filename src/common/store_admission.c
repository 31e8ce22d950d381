#include "common/store_admission.h"

#include "common/clock.h"

/* Who asks, the room, and the member's row if there is one; then the session's two placeholders. */
#define SESSION_AND_MEMBERSHIP                                                                     \
    "FROM sessions s JOIN users u ON u.id = s.user_id "                                            \
    "LEFT JOIN rooms r ON r.id = ? AND r.removed_at_us IS NULL "                                   \
    "LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = s.user_id "                      \
    "WHERE " STORE_SESSION_LIVE

/* The head is asked for by a constant: MariaDB then takes the end of the primary key, where a
 * reference to the outer query's room would make it read the room's whole log. */

/* The columns from `first` on: the room, the member's row. */
static enum err read_membership(struct db *db, unsigned first)
{
    if (db_col_is_null(db, first))
        return ERR_ROOM_NOT_FOUND;
    return db_col_is_null(db, first + 1) ? ERR_NOT_A_MEMBER : ERR_NONE;
}

/* The same, and the head in the column after them. */
static enum err read_admission(struct db *db, unsigned first, uint64_t *head_out)
{
    enum err err = read_membership(db, first);

    if (err == ERR_NONE)
        *head_out = db_col_u64(db, first + 2);
    return err;
}

enum err store_session_check_member(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                                    uint64_t room_id, struct store_session *session_out)
{
    enum err err =
        DB_RUN(db, "SELECT " STORE_SESSION_COLUMNS ", r.id, m.user_id " SESSION_AND_MEMBERSHIP,
               db_u64(room_id), db_bytes(token_hash, DIGEST_SHA256_SIZE), db_u64(clock_wall_us()));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    store_session_read(db, session_out);
    return read_membership(db, STORE_SESSION_COLUMN_COUNT);
}

enum err store_admit_session(struct db *db, const uint8_t token_hash[DIGEST_SHA256_SIZE],
                             uint64_t room_id, struct store_session *session_out,
                             uint64_t *head_out)
{
    enum err err =
        DB_RUN(db,
               "SELECT " STORE_SESSION_COLUMNS ", r.id, m.user_id, "
               "(SELECT MAX(e.seq) FROM events e WHERE e.room_id = ?) " SESSION_AND_MEMBERSHIP,
               db_u64(room_id), db_u64(room_id), db_bytes(token_hash, DIGEST_SHA256_SIZE),
               db_u64(clock_wall_us()));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_NO_ROW;
    store_session_read(db, session_out);
    return read_admission(db, STORE_SESSION_COLUMN_COUNT, head_out);
}

enum err store_admit_user(struct db *db, uint64_t user_id, uint64_t room_id, uint64_t *head_out)
{
    enum err err = DB_RUN(db,
                          "SELECT r.id, m.user_id, "
                          "(SELECT MAX(e.seq) FROM events e WHERE e.room_id = ?) FROM rooms r "
                          "LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = ? "
                          "WHERE r.id = ? AND r.removed_at_us IS NULL",
                          db_u64(room_id), db_u64(user_id), db_u64(room_id));

    if (err != ERR_NONE)
        return err;
    return db_next(db) ? read_admission(db, 0, head_out) : ERR_ROOM_NOT_FOUND;
}
