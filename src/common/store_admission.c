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

/* The questions are a table of the statement's own, so that the server looks each of them up by
 * primary keys; a list of pairs after IN or OR costs it several times as much. The table has one
 * length, so that the statement stays the same; what is left over is NULL and finds nothing. The
 * casts say what a value is compared as, which a placeholder here would not. */
#define EIGHT(row, a, b, c, d, e, f, g, h)                                                         \
    row(a) ", " row(b) ", " row(c) ", " row(d) ", " row(e) ", " row(f) ", " row(g) ", " row(h)
#define ALL(row)                                                                                   \
    EIGHT(row, 0, 1, 2, 3, 4, 5, 6, 7)                                                             \
    ", " EIGHT(row, 8, 9, 10, 11, 12, 13, 14, 15) ", " EIGHT(                                      \
        row, 16, 17, 18, 19, 20, 21, 22, 23) ", " EIGHT(row, 24, 25, 26, 27, 28, 29, 30, 31)
#define BY_TOKEN(number) "(" #number ", CAST(? AS BINARY(32)), CAST(? AS UNSIGNED))"
#define BY_USER(number)  "(" #number ", CAST(? AS UNSIGNED), CAST(? AS UNSIGNED))"
#define HEAD(number)     "(SELECT MAX(e.seq) FROM events e WHERE e.room_id = ?)"
_Static_assert(STORE_ADMISSIONS_MAX == 32, "ALL has so many rows");
_Static_assert(2 * STORE_ADMISSIONS_MAX + 1 <= DB_VALUES_MAX, "two values for each, and now");

/* Questions that are still open and of one kind. */
struct sheet {
    struct store_admission *asked[STORE_ADMISSIONS_MAX];
    size_t count;
};

static bool by_token(const struct store_admission *asked)
{
    return asked->token_hash != NULL;
}

static bool by_user(const struct store_admission *asked)
{
    return asked->token_hash == NULL && asked->wants_room;
}

static bool wants_head(const struct store_admission *asked)
{
    return asked->wants_room && asked->wants_head;
}

static struct sheet pick(struct store_admission *const *asked, size_t count,
                         bool (*belongs)(const struct store_admission *asked))
{
    struct sheet sheet = {.count = 0};

    for (size_t i = 0; i < count; i++)
        if (belongs(asked[i]))
            sheet.asked[sheet.count++] = asked[i];
    return sheet;
}

static void fail_all(const struct sheet *sheet, enum err err)
{
    for (size_t i = 0; i < sheet->count; i++)
        sheet->asked[i]->err = err;
}

/* Before the memberships: the header says why. Each head is asked for by a constant, as above. */
static enum err find_heads(struct db *db, const struct sheet *sheet)
{
    struct db_value values[STORE_ADMISSIONS_MAX];
    enum err err;

    for (size_t i = 0; i < STORE_ADMISSIONS_MAX; i++)
        values[i] = i < sheet->count ? db_u64(sheet->asked[i]->room_id) : db_null();
    err = db_run(db, "SELECT " ALL(HEAD), values, STORE_ADMISSIONS_MAX);
    if (err == ERR_NONE && db_next(db))
        for (unsigned i = 0; i < sheet->count; i++)
            sheet->asked[i]->head = db_col_u64(db, i);
    return err;
}

/* Two values for each question, the rest NULL; the number of values. */
static size_t fill(struct db_value *values, const struct sheet *sheet)
{
    for (size_t i = 0; i < STORE_ADMISSIONS_MAX; i++) {
        const struct store_admission *asked = i < sheet->count ? sheet->asked[i] : NULL;
        struct db_value *row = &values[2 * i];

        row[0] = row[1] = db_null();
        if (asked == NULL)
            continue;
        row[0] = asked->token_hash != NULL ? db_bytes(asked->token_hash, DIGEST_SHA256_SIZE)
                                           : db_u64(asked->user_id);
        if (asked->wants_room)
            row[1] = db_u64(asked->room_id);
    }
    return 2 * (size_t)STORE_ADMISSIONS_MAX;
}

#define ROOM_AND_MEMBER(user)                                                                      \
    "LEFT JOIN rooms r ON r.id = q.room_id AND r.removed_at_us IS NULL "                           \
    "LEFT JOIN room_members m ON m.room_id = r.id AND m.user_id = " user

static void find_by_token(struct db *db, const struct sheet *sheet)
{
    struct db_value values[2 * STORE_ADMISSIONS_MAX + 1];
    size_t count = fill(values, sheet);
    enum err err;

    values[count++] = db_u64(clock_wall_us());
    err = db_run(db,
                 "WITH q (number, token_hash, room_id) AS (VALUES " ALL(
                     BY_TOKEN) ") "
                               "SELECT " STORE_SESSION_COLUMNS ", q.number, r.id, m.user_id "
                               "FROM q STRAIGHT_JOIN sessions s ON s.token_hash = q.token_hash "
                               "JOIN users u ON u.id = s.user_id " ROOM_AND_MEMBER(
                                   "s.user_id") " WHERE " STORE_SESSION_LIVE_AT,
                 values, count);
    fail_all(sheet, err == ERR_NONE ? ERR_NO_ROW : err);
    while (err == ERR_NONE && db_next(db)) {
        struct store_admission *asked = sheet->asked[db_col_u64(db, STORE_SESSION_COLUMN_COUNT)];

        store_session_read(db, &asked->session);
        asked->user_id = asked->session.user_id;
        asked->err =
            asked->wants_room ? read_membership(db, STORE_SESSION_COLUMN_COUNT + 1) : ERR_NONE;
    }
}

static void find_by_user(struct db *db, const struct sheet *sheet)
{
    struct db_value values[2 * STORE_ADMISSIONS_MAX];
    size_t count = fill(values, sheet);
    enum err err = db_run(db,
                          "WITH q (number, user_id, room_id) AS (VALUES " ALL(
                              BY_USER) ") "
                                       "SELECT q.number, r.id, m.user_id FROM q " ROOM_AND_MEMBER(
                                           "q.user_id") " WHERE q.user_id IS NOT NULL",
                          values, count);

    fail_all(sheet, err == ERR_NONE ? ERR_ROOM_NOT_FOUND : err);
    while (err == ERR_NONE && db_next(db))
        sheet->asked[db_col_u64(db, 0)]->err = read_membership(db, 1);
}

static void admit_many(struct db *db, struct store_admission *const *asked, size_t count)
{
    const struct sheet heads = pick(asked, count, wants_head);
    const struct sheet tokens = pick(asked, count, by_token);
    const struct sheet users = pick(asked, count, by_user);
    enum err err = heads.count > 0 ? find_heads(db, &heads) : ERR_NONE;

    if (tokens.count > 0)
        find_by_token(db, &tokens);
    if (users.count > 0)
        find_by_user(db, &users);
    if (err != ERR_NONE)
        fail_all(&heads, err);
}

static void admit_one(struct db *db, struct store_admission *asked)
{
    if (asked->token_hash == NULL && asked->wants_room)
        asked->err = store_admit_user(db, asked->user_id, asked->room_id, &asked->head);
    else if (asked->token_hash != NULL && wants_head(asked))
        asked->err = store_admit_session(db, asked->token_hash, asked->room_id, &asked->session,
                                         &asked->head);
    else if (asked->token_hash != NULL && asked->wants_room)
        asked->err =
            store_session_check_member(db, asked->token_hash, asked->room_id, &asked->session);
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
