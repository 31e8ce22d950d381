#include "common/store_rooms.h"

#include "common/check.h"

static void read_room(struct db *db, struct store_room *room_out)
{
    room_out->id = db_col_u64(db, 0);
    room_out->creator_id = db_col_u64(db, 1);
    room_out->member_count = db_col_u64(db, 2);
    room_out->created_at_us = db_col_u64(db, 3);
    room_out->name = db_col_bytes(db, 4);
}

enum err store_rooms_list(struct db *db, uint64_t after_id, uint64_t limit, store_room_fn *fn,
                          void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT id, creator_id, member_count, created_at_us, name FROM rooms "
                          "WHERE id > ? AND removed_at_us IS NULL ORDER BY id LIMIT ?",
                          db_u64(after_id), db_u64(limit));

    while (err == ERR_NONE && db_next(db)) {
        struct store_room room;

        read_room(db, &room);
        fn(context, &room);
    }
    return err;
}

enum err store_room_find(struct db *db, uint64_t room_id, struct store_room *room_out)
{
    enum err err = DB_RUN(db,
                          "SELECT id, creator_id, member_count, created_at_us, name FROM rooms "
                          "WHERE id = ? AND removed_at_us IS NULL",
                          db_u64(room_id));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_ROOM_NOT_FOUND;
    read_room(db, room_out);
    return ERR_NONE;
}

enum err store_room_check_member(struct db *db, uint64_t room_id, uint64_t user_id)
{
    enum err err = DB_RUN(db,
                          "SELECT m.user_id FROM rooms r "
                          "LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = ? "
                          "WHERE r.id = ? AND r.removed_at_us IS NULL",
                          db_u64(user_id), db_u64(room_id));

    if (err != ERR_NONE)
        return err;
    if (!db_next(db))
        return ERR_ROOM_NOT_FOUND;
    return db_col_is_null(db, 0) ? ERR_NOT_A_MEMBER : ERR_NONE;
}

enum err store_room_members(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                            store_member_fn *fn, void *context, uint64_t *last_seq_out)
{
    enum err err = DB_RUN(db,
                          "SELECT m.user_id, m.joined_seq, u.username FROM room_members m "
                          "JOIN users u ON u.id = m.user_id AND u.deleted_at_us IS NULL "
                          "WHERE m.room_id = ? AND m.joined_seq > ? "
                          "ORDER BY m.joined_seq LIMIT ?",
                          db_u64(room_id), db_u64(after_seq), db_u64(limit));

    *last_seq_out = after_seq;
    while (err == ERR_NONE && db_next(db)) {
        *last_seq_out = db_col_u64(db, 1);
        fn(context, room_id, db_col_u64(db, 0), db_col_bytes(db, 2));
    }
    return err;
}

/* Where each room's part ends is one dive into the index `joining`; numbering the members instead
 * (ROW_NUMBER) reads and sorts them all, which takes ten times as long for rooms of thousands. */
enum err store_rooms_members_of_page(struct db *db, uint64_t first_id, uint64_t last_id,
                                     uint64_t per_room_max, store_member_fn *fn, void *context)
{
    enum err err;

    CHECK(per_room_max > 0);
    err = DB_RUN(db,
                 "SELECT m.room_id, m.user_id, u.username FROM ("
                 "SELECT r.id, (SELECT x.joined_seq FROM room_members x WHERE x.room_id = r.id "
                 "ORDER BY x.joined_seq LIMIT 1 OFFSET ?) AS last_seq FROM rooms r "
                 "WHERE r.id BETWEEN ? AND ? AND r.removed_at_us IS NULL) AS p "
                 "JOIN room_members m FORCE INDEX (joining) ON m.room_id = p.id "
                 "AND (p.last_seq IS NULL OR m.joined_seq <= p.last_seq) "
                 "JOIN users u ON u.id = m.user_id AND u.deleted_at_us IS NULL "
                 "ORDER BY m.room_id, m.joined_seq",
                 db_u64(per_room_max - 1), db_u64(first_id), db_u64(last_id));
    while (err == ERR_NONE && db_next(db))
        fn(context, db_col_u64(db, 0), db_col_u64(db, 1), db_col_bytes(db, 2));
    return err;
}

enum err store_user_rooms(struct db *db, uint64_t user_id, void (*fn)(void *, uint64_t room_id),
                          void *context)
{
    enum err err = DB_RUN(db,
                          "SELECT m.room_id FROM room_members m "
                          "JOIN rooms r ON r.id = m.room_id AND r.removed_at_us IS NULL "
                          "WHERE m.user_id = ? ORDER BY m.room_id",
                          db_u64(user_id));

    while (err == ERR_NONE && db_next(db))
        fn(context, db_col_u64(db, 0));
    return err;
}
