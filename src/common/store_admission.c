#include "common/store_admission.h"

#include "common/check.h"
#include "common/clock.h"

#include <string.h>

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

/* ---- many at once -----------------------------------------------------------------------------*/

/* Lists have one length, so that the statements stay the same: what is left over repeats a value,
 * which the optimizer drops. */
#define EIGHT(item) item ", " item ", " item ", " item ", " item ", " item ", " item ", " item
#define LIST(item)  "(" EIGHT(item) ", " EIGHT(item) ", " EIGHT(item) ", " EIGHT(item) ")"
#define ANY_EIGHT(item)                                                                            \
    item " OR " item " OR " item " OR " item " OR " item " OR " item " OR " item " OR " item
#define ANY(item)                                                                                  \
    ANY_EIGHT(item) " OR " ANY_EIGHT(item) " OR " ANY_EIGHT(item) " OR " ANY_EIGHT(item)
_Static_assert(STORE_ADMISSIONS_MAX == 32, "the lists have four times eight items");
_Static_assert(2 * STORE_ADMISSIONS_MAX <= DB_VALUES_MAX, "a pair of values for each");

/* The questions that are still open and of one kind, and the values of a statement for them. */
struct sheet {
    struct store_admission *asked[STORE_ADMISSIONS_MAX];
    size_t count;
    struct db_value values[DB_VALUES_MAX];
};

static void fail_all(const struct sheet *sheet, enum err err)
{
    for (size_t i = 0; i < sheet->count; i++)
        sheet->asked[i]->err = err;
}

/* The question whose values are in this row of a list; the last one's again where none is left. */
static const struct store_admission *in_row(const struct sheet *sheet, size_t row)
{
    return sheet->asked[MIN(row, sheet->count - 1)];
}

static void read_sessions(struct db *db, const struct sheet *sheet)
{
    while (db_next(db)) {
        struct span hash = db_col_bytes(db, STORE_SESSION_COLUMN_COUNT);

        for (size_t i = 0; i < sheet->count; i++) {
            struct store_admission *asked = sheet->asked[i];

            if (hash.len != DIGEST_SHA256_SIZE ||
                memcmp(hash.data, asked->token_hash, DIGEST_SHA256_SIZE) != 0)
                continue;
            store_session_read(db, &asked->session);
            asked->user_id = asked->session.user_id;
            asked->err = ERR_NONE;
        }
    }
}

static void find_sessions(struct db *db, struct sheet *sheet)
{
    enum err err;

    if (sheet->count == 0)
        return;
    fail_all(sheet, ERR_NO_ROW);
    for (size_t row = 0; row < STORE_ADMISSIONS_MAX; row++)
        sheet->values[row] = db_bytes(in_row(sheet, row)->token_hash, DIGEST_SHA256_SIZE);
    sheet->values[STORE_ADMISSIONS_MAX] = db_u64(clock_wall_us());
    err = db_run(db,
                 "SELECT " STORE_SESSION_COLUMNS ", s.token_hash FROM sessions s "
                 "JOIN users u ON u.id = s.user_id "
                 "WHERE s.token_hash IN " LIST("?") " AND " STORE_SESSION_LIVE_AT,
                 sheet->values, STORE_ADMISSIONS_MAX + 1);
    if (err == ERR_NONE)
        read_sessions(db, sheet);
    else
        fail_all(sheet, err);
}

/* By ORDER BY and LIMIT the log is read from its end, for each room one row. */
static enum err find_heads(struct db *db, struct sheet *sheet)
{
    enum err err;

    fail_all(sheet, ERR_ROOM_NOT_FOUND);
    for (size_t row = 0; row < STORE_ADMISSIONS_MAX; row++)
        sheet->values[row] = db_u64(in_row(sheet, row)->room_id);
    err = db_run(db,
                 "SELECT r.id, (SELECT e.seq FROM events e WHERE e.room_id = r.id "
                 "ORDER BY e.seq DESC LIMIT 1) FROM rooms r "
                 "WHERE r.id IN " LIST("?") " AND r.removed_at_us IS NULL",
                 sheet->values, STORE_ADMISSIONS_MAX);
    while (err == ERR_NONE && db_next(db))
        for (size_t i = 0; i < sheet->count; i++)
            if (sheet->asked[i]->room_id == db_col_u64(db, 0)) {
                sheet->asked[i]->head = db_col_u64(db, 1);
                sheet->asked[i]->err = ERR_NOT_A_MEMBER;
            }
    return err;
}

static enum err find_members(struct db *db, struct sheet *sheet)
{
    enum err err;

    for (size_t row = 0; row < STORE_ADMISSIONS_MAX; row++) {
        sheet->values[2 * row] = db_u64(in_row(sheet, row)->room_id);
        sheet->values[2 * row + 1] = db_u64(in_row(sheet, row)->user_id);
    }
    err = db_run(db,
                 "SELECT m.room_id, m.user_id FROM room_members m "
                 "WHERE " ANY("(m.room_id = ? AND m.user_id = ?)"),
                 sheet->values, 2 * (size_t)STORE_ADMISSIONS_MAX);
    while (err == ERR_NONE && db_next(db))
        for (size_t i = 0; i < sheet->count; i++) {
            struct store_admission *asked = sheet->asked[i];

            if (asked->room_id == db_col_u64(db, 0) && asked->user_id == db_col_u64(db, 1) &&
                asked->err == ERR_NOT_A_MEMBER)
                asked->err = ERR_NONE;
        }
    return err;
}

static void admit_many(struct db *db, struct store_admission *const *asked, size_t count)
{
    struct sheet sheet = {.count = 0};
    enum err err;

    for (size_t i = 0; i < count; i++)
        if (asked[i]->token_hash != NULL)
            sheet.asked[sheet.count++] = asked[i];
    find_sessions(db, &sheet);
    sheet.count = 0;
    for (size_t i = 0; i < count; i++)
        if (asked[i]->wants_room && asked[i]->err == ERR_NONE)
            sheet.asked[sheet.count++] = asked[i];
    if (sheet.count == 0)
        return;
    err = find_heads(db, &sheet);
    if (err == ERR_NONE)
        err = find_members(db, &sheet);
    if (err != ERR_NONE)
        fail_all(&sheet, err);
}

static void admit_one(struct db *db, struct store_admission *asked)
{
    if (asked->token_hash == NULL && asked->wants_room)
        asked->err = store_admit_user(db, asked->user_id, asked->room_id, &asked->head);
    else if (asked->token_hash != NULL && asked->wants_room)
        asked->err = store_admit_session(db, asked->token_hash, asked->room_id, &asked->session,
                                         &asked->head);
    else if (asked->token_hash != NULL)
        asked->err = store_session_find(db, asked->token_hash, &asked->session);
}

void store_admit(struct db *db, struct store_admission *const *asked, size_t count)
{
    CHECK(count <= STORE_ADMISSIONS_MAX);
    for (size_t i = 0; i < count; i++)
        asked[i]->err = ERR_NONE;
    if (count == 1)
        admit_one(db, asked[0]);
    else
        admit_many(db, asked, count);
}
