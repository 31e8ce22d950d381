/*
 * played_db.c: a database without tables. What a column holds is seen by its name in the statement,
 * so a statement that is new to the worker needs nothing here, as long as it names its columns and
 * asks as the others do: for one thing, for a list by LIMIT, or for a table of questions (WITH q).
 * Rooms, members and heads are those of played.h; all else comes from a hash.
 */
#include "common/check.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/mem.h"
#include "gateway/bus_link.h"
#include "played.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 40
#define ROWS_MAX    12 /* of a list */
#define KEY_SIZE    32 /* as much as is remembered of a value of bytes */

struct db {
    const char *sql;
    struct span columns[COLUMNS_MAX];
    size_t column_count;
    enum db_type types[DB_VALUES_MAX];
    uint64_t numbers[DB_VALUES_MAX];
    uint8_t keys[DB_VALUES_MAX][KEY_SIZE];
    size_t value_count;
    uint64_t hash; /* of the statement and its values */
    uint64_t rows;
    uint64_t row; /* of the present one, from 1; 0 before the first */
    bool in_transaction;
    enum err failed; /* the transaction's first error */
    char text[COLUMNS_MAX][128];
};

struct db *db_create(const char *url ATTR_UNUSED, char *error ATTR_UNUSED,
                     size_t error_size ATTR_UNUSED)
{
    return mem_alloc(sizeof(struct db));
}

void db_destroy(struct db **db)
{
    mem_free(*db);
    *db = NULL;
}

struct db_value db_text(const char *text)
{
    return text != NULL ? db_bytes(text, strlen(text)) : db_null();
}

void db_library_init(void)
{
}

void db_library_fini(void)
{
}

/* ---- reading the statement ---- */

static bool says(const struct db *db, const char *part)
{
    return strstr(db->sql, part) != NULL;
}

static void add_column(struct db *db, const char *from, const char *to)
{
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    CHECK(db->column_count < COLUMNS_MAX);
    db->columns[db->column_count++] = (struct span){(const uint8_t *)from, (size_t)(to - from)};
}

/* The expressions between SELECT and its FROM. */
static void read_columns(struct db *db)
{
    const char *table = strstr(db->sql, ") SELECT ");
    const char *at = table != NULL ? table + strlen(") SELECT ") : db->sql + strlen("SELECT ");
    const char *start = at;
    unsigned depth = 0;

    for (; *at != '\0' && (depth > 0 || strncmp(at, " FROM ", 6) != 0); at++) {
        if (*at == '(')
            depth++;
        else if (*at == ')')
            depth--;
        else if (*at == ',' && depth == 0) {
            add_column(db, start, at);
            start = at + 1;
        }
    }
    add_column(db, start, at);
}

static bool ends_with(struct span text, const char *ending)
{
    size_t len = strlen(ending);

    return text.len >= len && memcmp(text.data + text.len - len, ending, len) == 0;
}

static bool holds(struct span text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* A table of questions: WITH q (number, ...) AS (VALUES ...), two values in each row. */
static bool has_questions(const struct db *db)
{
    return strncmp(db->sql, "WITH q ", 7) == 0;
}

static uint64_t asked_room(const struct db *db)
{
    if (has_questions(db))
        return db->row > 0 ? db->numbers[2 * (db->row - 1) + 1] : 0;
    return strncmp(db->sql, "SELECT m.user_id FROM rooms r", 29) == 0 ? db->numbers[1]
                                                                      : db->numbers[0];
}

/* ---- how many rows ---- */

/* Those of a page of a log: after, or before, the second value. */
static uint64_t count_log(const struct db *db)
{
    uint64_t head = played_head(db->numbers[0]);
    uint64_t bound = db->numbers[1];
    uint64_t limit = MIN(db->numbers[db->value_count - 1], (uint64_t)ROWS_MAX);

    if (says(db, "e.seq < ?"))
        return MIN(bound > 0 ? MIN(bound - 1, head) : 0, limit);
    return bound < head ? MIN(head - bound, limit) : 0;
}

/* Whose session it is: the same whatever statement asks. */
static uint64_t user_of_token(const struct db *db)
{
    size_t place = has_questions(db) ? 2 * (db->row - 1) : 0;

    while (!has_questions(db) && place < db->value_count && db->types[place] != DB_BYTES)
        place++;
    CHECK(place < db->value_count);
    return played_hash(db->keys[place], KEY_SIZE, 0) % PLAYED_USERS + 1;
}

static uint64_t count_questions(const struct db *db)
{
    uint64_t count = 0;

    while (2 * count + 1 < db->value_count && db->types[2 * count] != DB_NULL)
        count++;
    return count;
}

static uint64_t count_rows(const struct db *db)
{
    uint64_t limit = db->value_count > 0 ? db->numbers[db->value_count - 1] : 0;

    if (has_questions(db))
        return count_questions(db);
    if (says(db, "FROM events e LEFT JOIN"))
        return count_log(db);
    if (says(db, "FROM rooms WHERE id > ?"))
        return db->numbers[0] < PLAYED_ROOMS
                   ? MIN(MIN(limit, (uint64_t)ROWS_MAX), PLAYED_ROOMS - db->numbers[0])
                   : 0;
    if (says(db, "BETWEEN ? AND ?"))
        return MIN(2 * (db->numbers[2] - db->numbers[1] + 1), (uint64_t)ROWS_MAX);
    if (says(db, "FROM rooms WHERE id = ?") || says(db, "FROM rooms r LEFT JOIN room_members"))
        return played_room_exists(asked_room(db)) ? 1 : 0;
    if (says(db, "LIMIT ? OFFSET ?"))
        return db->hash % 3;
    if (says(db, "LIMIT ?"))
        return MIN(limit, db->hash % 6);
    if (says(db, "FROM room_members m JOIN rooms") || says(db, "token_hash <> ?"))
        return db->hash % 6;
    if (says(db, "FROM sessions s"))
        return user_of_token(db) != 8 ? 1 : 0;
    return 1;
}

/* ---- statements ---- */

/* A change may be uncertain, or refused by a key. */
static enum err choose_error(const struct db *db)
{
    static const enum err of_changes[] = {ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN,
                                          ERR_DB_DUPLICATE, ERR_DB_RETRY, ERR_DB_FAILED};
    static const enum err of_reads[] = {ERR_DATABASE_UNAVAILABLE, ERR_DB_RETRY, ERR_DB_FAILED};

    if (strncmp(db->sql, "SELECT 1", 8) == 0 || !played_trouble(db->hash))
        return ERR_NONE;
    if (strncmp(db->sql, "SELECT", 6) == 0 || has_questions(db))
        return of_reads[db->hash % ARRAY_LEN(of_reads)];
    return of_changes[db->hash % ARRAY_LEN(of_changes)];
}

static void take_values(struct db *db, const struct db_value *values, size_t count)
{
    CHECK(count <= DB_VALUES_MAX);
    db->value_count = count;
    db->hash = played_hash(db->sql, strlen(db->sql), count);
    for (size_t i = 0; i < count; i++) {
        struct span bytes = values[i].bytes;

        db->types[i] = values[i].type;
        db->numbers[i] = values[i].number;
        memset(db->keys[i], 0, KEY_SIZE);
        if (bytes.len > 0)
            memcpy(db->keys[i], bytes.data, MIN(bytes.len, (size_t)KEY_SIZE));
        db->hash = played_hash(bytes.data, bytes.len, db->hash ^ values[i].number);
    }
}

enum err db_run(struct db *db, const char *sql, const struct db_value *values, size_t count)
{
    size_t places = 0;
    enum err err;

    for (const char *at = sql; *at != '\0'; at++)
        places += *at == '?';
    CHECK(places == count);
    if (db->in_transaction && db->failed != ERR_NONE)
        return db->failed;
    db->sql = sql;
    db->column_count = 0;
    db->row = 0;
    take_values(db, values, count);
    db->rows = 0;
    err = choose_error(db);
    if (db->in_transaction && err != ERR_DB_DUPLICATE)
        db->failed = err;
    if (err != ERR_NONE)
        return err;
    if (strncmp(sql, "SELECT ", 7) == 0 || has_questions(db)) {
        read_columns(db);
        db->rows = count_rows(db);
    }
    return ERR_NONE;
}

bool db_next(struct db *db)
{
    if (db->row >= db->rows)
        return false;
    db->row++;
    return true;
}

enum err db_begin(struct db *db)
{
    db->in_transaction = true;
    db->failed = ERR_NONE;
    return ERR_NONE;
}

/* Beside the statement's own, which has not failed. */
static bool more_trouble(const struct db *db, uint64_t which)
{
    return played_trouble(played_hash(&db->hash, sizeof(db->hash), which));
}

enum err db_commit(struct db *db)
{
    enum err failed = db->failed;

    if (failed == ERR_NONE && more_trouble(db, 1))
        failed = ERR_DB_UNCERTAIN;
    db->in_transaction = false;
    return failed;
}

void db_rollback(struct db *db)
{
    db->in_transaction = false;
    db->failed = ERR_NONE;
}

uint64_t db_affected(struct db *db)
{
    return more_trouble(db, 2) ? 0 : 1;
}

uint64_t db_insert_id(struct db *db)
{
    return 1000 + db->hash % 1000;
}

bool db_duplicate_key(struct db *db, const char *key_name)
{
    return played_hash(key_name, strlen(key_name), db->hash) % 2 == 0;
}

/* ---- columns ---- */

static uint64_t cell_hash(const struct db *db, unsigned column)
{
    return played_hash(&db->row, sizeof(db->row), db->hash ^ column << 8);
}

static struct span column_of(const struct db *db, unsigned column)
{
    CHECK(db->row > 0 && db->row <= db->rows && column < db->column_count);
    return db->columns[column];
}

bool db_col_is_null(struct db *db, unsigned column)
{
    struct span name = column_of(db, column);

    if (ends_with(name, "disabled_at_us") || ends_with(name, "removed_at_us"))
        return !played_trouble(cell_hash(db, column));
    if (ends_with(name, "u.username"))
        return says(db, "LEFT JOIN users") && cell_hash(db, column) % 8 == 0;
    if (ends_with(name, "e.body"))
        return db_col_u64(db, 1) > EVENT_ROOM_CREATED;
    if (says(db, "LEFT JOIN room_members") && ends_with(name, "r.id"))
        return !played_room_exists(asked_room(db));
    if (says(db, "LEFT JOIN room_members") && ends_with(name, "m.user_id"))
        return !played_room_has_member(asked_room(db));
    return false;
}

static uint64_t seq_of(const struct db *db, unsigned column, struct span name)
{
    uint64_t row = db->row - 1;

    if (says(db, "SELECT (SELECT MAX(")) /* of a list of rooms, a column each */
        return played_head(db->numbers[column]);

    if (holds(name, "MIN("))
        return 1;
    if (holds(name, "MAX(") || holds(name, "COUNT("))
        return played_head(db->numbers[0]);
    if (says(db, "e.seq < ?"))
        return MIN(db->numbers[1] - 1, played_head(db->numbers[0])) - row;
    return db->numbers[1] + 1 + row; /* after it */
}

static uint64_t room_of(const struct db *db)
{
    uint64_t row = db->row - 1;
    uint64_t room = asked_room(db);

    if (says(db, "id > ?"))
        room = db->numbers[0] + 1 + row;
    else if (says(db, "BETWEEN ? AND ?"))
        room = MIN(db->numbers[1] + row / 2, db->numbers[2]);
    else if (says(db, "FROM room_members m JOIN rooms"))
        room = 1 + row;
    return room;
}

/* Of the name that was asked for, if it is one of those that are played; else 0. */
static uint64_t user_of_name(const struct db *db)
{
    char name[PLAYED_NAME_SIZE];

    for (uint64_t id = 1; id <= PLAYED_USERS; id++) {
        uint8_t key[KEY_SIZE] = {0};

        played_user_name(id, name);
        memcpy(key, name, MIN(strlen(name), sizeof(key)));
        if (memcmp(key, db->keys[0], KEY_SIZE) == 0)
            return id;
    }
    return 0;
}

static uint64_t user_of(const struct db *db, unsigned column)
{
    if (ends_with(column_of(db, column), "s.user_id"))
        return user_of_token(db);
    return 1 + cell_hash(db, column) % PLAYED_USERS;
}

uint64_t db_col_u64(struct db *db, unsigned column)
{
    struct span name = column_of(db, column);

    if (holds(name, "seq") || holds(name, "COUNT("))
        return seq_of(db, column, name);
    if (ends_with(name, "_at_us"))
        return UINT64_C(1767323000000000) + cell_hash(db, column) % 1000000000;
    if (ends_with(name, "kind"))
        return says(db, "e.kind = ?") ? EVENT_MESSAGE : 1 + cell_hash(db, column) % 5;
    if (ends_with(name, "q.number"))
        return db->row - 1;
    if (ends_with(name, "value"))
        return PLAYED_EPOCH;
    if (says(db, "FROM users WHERE username = ?") && user_of_name(db) != 0)
        return user_of_name(db);
    if (ends_with(name, "user_id") || ends_with(name, "actor_id") || ends_with(name, "creator_id"))
        return db_col_is_null(db, column) ? 0 : user_of(db, column);
    if (ends_with(name, "room_id") || ends_with(name, "r.id") || says(db, "FROM rooms"))
        return db_col_is_null(db, column) ? 0 : room_of(db);
    return 1 + cell_hash(db, column) % 1000;
}

static struct span text_of(struct db *db, unsigned column, struct span name)
{
    static const char *const bodies[] = {"x", "a \"quoted\" text\n", "größer 漢字 😀",
                                         "\\u0000 <b>"};
    uint64_t hash = cell_hash(db, column);
    char *out = db->text[column];
    char user[PLAYED_NAME_SIZE];

    if (ends_with(name, "username") && says(db, "sessions s"))
        snprintf(out, sizeof(db->text[0]), "%s", played_user_name(user_of_token(db), user));
    else if (ends_with(name, "username"))
        snprintf(out, sizeof(db->text[0]), "%s", played_user_name(1 + hash % PLAYED_USERS, user));
    else if (ends_with(name, "password_hash"))
        snprintf(out, sizeof(db->text[0]), "$%s$10$%016llx", hash % 4 == 0 ? "2b" : "s1",
                 (unsigned long long)hash);
    else if (ends_with(name, "email"))
        snprintf(out, sizeof(db->text[0]), "user%llu@example.org", (unsigned long long)hash % 8);
    else
        snprintf(out, sizeof(db->text[0]), "%s", bodies[hash % ARRAY_LEN(bodies)]);
    return (struct span){(const uint8_t *)out, strlen(out)};
}

struct span db_col_bytes(struct db *db, unsigned column)
{
    struct span name = column_of(db, column);
    uint64_t hash = cell_hash(db, column);

    if (db_col_is_null(db, column))
        return (struct span){NULL, 0};
    if (holds(name, "WEIGHT_STRING"))
        return (struct span){db->keys[0], KEY_SIZE};
    if (!ends_with(name, "token_hash"))
        return text_of(db, column, name);
    digest_sha256(&hash, sizeof(hash), (uint8_t *)db->text[column]);
    return (struct span){(const uint8_t *)db->text[column], DIGEST_SHA256_SIZE};
}
