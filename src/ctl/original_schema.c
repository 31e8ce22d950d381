#include "common/limits.h"
#include "common/mem.h"
#include "ctl/original.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAMES_MAX   6
#define COLUMNS_MAX 5

enum column_kind { COLUMN_ID, COLUMN_TEXT, COLUMN_TIME };

/* A column by the names that it may have. */
struct column {
    const char *what;
    enum column_kind kind;
    bool needed;
    const char *names[NAMES_MAX + 1];
};

struct table_shape {
    const char *name;
    struct column columns[COLUMNS_MAX];
};

static const struct table_shape users_shape = {
    "users",
    {{"the id", COLUMN_ID, true, {"id", "user_id"}},
     {"the name", COLUMN_TEXT, true, {"username", "user_name", "name", "login"}},
     {"the e-mail address", COLUMN_TEXT, false, {"email", "email_address", "mail"}},
     {"the bcrypt hash",
      COLUMN_TEXT,
      true,
      {"hashed_password", "password_hash", "password", "hash"}},
     {"the time", COLUMN_TIME, false, {"created_at", "created", "registered_at"}}}};
static const struct table_shape rooms_shape = {
    "chat_rooms",
    {{"the id", COLUMN_ID, true, {"id", "room_id"}},
     {"the name", COLUMN_TEXT, true, {"name", "room_name", "title"}},
     {"the creator", COLUMN_ID, false, {"creator_id", "owner_id", "created_by", "user_id"}},
     {"the time", COLUMN_TIME, false, {"created_at", "created"}}}};
static const struct table_shape members_shape = {
    "room_users",
    {{"the room", COLUMN_ID, true, {"room_id", "chat_room_id"}},
     {"the user", COLUMN_ID, true, {"user_id"}},
     {"the time", COLUMN_TIME, false, {"joined_at", "created_at"}}}};
static const struct table_shape messages_shape = {
    "messages",
    {{"the room", COLUMN_ID, true, {"room_id", "chat_room_id"}},
     {"the id", COLUMN_ID, true, {"id", "message_id"}},
     {"the sender", COLUMN_ID, true, {"sender_id", "user_id", "author_id"}},
     {"the text", COLUMN_TEXT, true, {"text", "content", "message", "body"}},
     {"the time", COLUMN_TIME, true, {"created_at", "timestamp", "sent_at", "created"}}}};

/* What a table has. */
struct found {
    bool there[COLUMNS_MAX][NAMES_MAX];
    char types[COLUMNS_MAX][32]; /* of the name that was chosen */
    struct strbuf list;          /* all of them, for the sentence */
};

static bool same(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp((const char *)span.data, word, span.len) == 0;
}

static void note(const struct table_shape *shape, struct found *found, struct span name,
                 struct span type)
{
    strbuf_add_str(&found->list, found->list.len > 0 ? ", " : "");
    strbuf_add(&found->list, name.data, name.len);
    for (size_t i = 0; i < COLUMNS_MAX && shape->columns[i].what != NULL; i++)
        for (size_t j = 0; shape->columns[i].names[j] != NULL; j++) {
            if (!same(name, shape->columns[i].names[j]))
                continue;
            found->there[i][j] = true;
            /* The first name of the list wins. */
            for (size_t k = 0; k < j; k++)
                if (found->there[i][k])
                    return;
            snprintf(found->types[i], sizeof(found->types[i]), "%.*s", (int)type.len,
                     (const char *)type.data);
        }
}

static const char *chosen(const struct table_shape *shape, const struct found *found, size_t i)
{
    for (size_t j = 0; shape->columns[i].names[j] != NULL; j++)
        if (found->there[i][j])
            return shape->columns[i].names[j];
    return NULL;
}

static bool type_fits(enum column_kind kind, const char *type)
{
    bool integer = strstr(type, "int") != NULL;

    switch (kind) {
    case COLUMN_ID:
        return integer;
    case COLUMN_TIME:
        return strcasecmp(type, "datetime") == 0 || strcasecmp(type, "timestamp") == 0 ||
               strcasecmp(type, "date") == 0;
    case COLUMN_TEXT:
        return strstr(type, "char") != NULL || strstr(type, "text") != NULL ||
               strstr(type, "blob") != NULL || strstr(type, "binary") != NULL;
    }
    return false;
}

/* Says what does not fit; true if all does. */
static bool judge(const struct table_shape *shape, const struct found *found)
{
    bool good = true;

    if (found->list.len == 0) {
        ctl_complain("the original's database has no table \"%s\".", shape->name);
        return false;
    }
    for (size_t i = 0; i < COLUMNS_MAX && shape->columns[i].what != NULL; i++) {
        const struct column *column = &shape->columns[i];
        const char *name = chosen(shape, found, i);
        struct strbuf names = STRBUF_EMPTY;

        for (size_t j = 0; column->names[j] != NULL; j++)
            strbuf_printf(&names, "%s%s", j > 0 ? ", " : "", column->names[j]);
        if (name == NULL && column->needed)
            ctl_complain("table \"%s\" has no column for %s: expected was one of %s; it has %s.",
                         shape->name, column->what, strbuf_str(&names), strbuf_str(&found->list));
        else if (name != NULL && !type_fits(column->kind, found->types[i]))
            ctl_complain("table \"%s\", column \"%s\" is %s; expected was %s.", shape->name, name,
                         found->types[i],
                         column->kind == COLUMN_ID     ? "a whole number"
                         : column->kind == COLUMN_TIME ? "DATETIME or TIMESTAMP"
                                                       : "text");
        good = good && (name != NULL ? type_fits(column->kind, found->types[i]) : !column->needed);
        strbuf_fini(&names);
    }
    return good;
}

static enum err look_at(struct original *original, const struct table_shape *shape,
                        struct found *found)
{
    enum err err = DB_RUN(original->users,
                          "SELECT column_name, data_type FROM information_schema.columns "
                          "WHERE table_schema = DATABASE() AND table_name = ? "
                          "ORDER BY ordinal_position",
                          db_text(shape->name));

    while (err == ERR_NONE && db_next(original->users))
        note(shape, found, db_col_bytes(original->users, 0), db_col_bytes(original->users, 1));
    return err;
}

/* ---- statements -------------------------------------------------------------------------------*/

static void add_column(struct strbuf *sql, const struct original *original,
                       const struct table_shape *shape, const struct found *found, size_t i)
{
    const char *name = chosen(shape, found, i);

    switch (shape->columns[i].kind) {
    case COLUMN_ID:
        strbuf_printf(sql, name != NULL ? "CAST(COALESCE(`%s`, 0) AS UNSIGNED)" : "0", name);
        break;
    case COLUMN_TEXT:
        /* NULs have no place in JSON that everybody reads. */
        strbuf_printf(sql,
                      name != NULL ? "REPLACE(CONVERT(`%s` USING utf8mb4), "
                                     "CHAR(0 USING utf8mb4), '')"
                                   : "CAST(NULL AS CHAR)",
                      name);
        break;
    case COLUMN_TIME:
        if (name == NULL)
            strbuf_add_str(sql, "0");
        else if (strcasecmp(found->types[i], "timestamp") == 0)
            strbuf_printf(sql,
                          "CAST(GREATEST(COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', `%s`), "
                          "0), 0) AS UNSIGNED)",
                          name);
        else
            strbuf_printf(sql,
                          "CAST(GREATEST(COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', "
                          "COALESCE(CONVERT_TZ(`%s`, '%s', '+00:00'), `%s`)), 0), 0) AS UNSIGNED)",
                          name, original->offset, name);
        break;
    }
}

static char *make_select(const struct original *original, const struct table_shape *shape,
                         const struct found *found, size_t columns, const char *order)
{
    struct strbuf sql = STRBUF_EMPTY;

    for (size_t i = 0; i < columns; i++) {
        strbuf_add_str(&sql, i == 0 ? "SELECT " : ", ");
        add_column(&sql, original, shape, found, i);
    }
    strbuf_printf(&sql, " FROM `%s` ORDER BY %s", shape->name, order);
    return strbuf_take(&sql);
}

/* The highest id that fits. */
static enum err find_top(struct original *original, const struct found *users)
{
    const char *id = chosen(&users_shape, users, 0);
    enum err err;

    original->top_sql = mem_printf("SELECT CAST(COALESCE(MAX(`%s`), 0) AS UNSIGNED) FROM users "
                                   "WHERE `%s` BETWEEN 0 AND %llu",
                                   id, id, (unsigned long long)JSON_INTEGER_MAX / 2);
    err = db_run(original->users, original->top_sql, NULL, 0);
    if (err == ERR_NONE && db_next(original->users))
        original->top_id = db_col_u64(original->users, 0);
    return err;
}

static enum err count_rows(struct original *original)
{
    enum err err = db_run(original->users,
                          "SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM chat_rooms), "
                          "(SELECT COUNT(*) FROM messages)",
                          NULL, 0);

    if (err == ERR_NONE && db_next(original->users)) {
        original->counts.users = db_col_u64(original->users, 0);
        original->counts.rooms = db_col_u64(original->users, 1);
        original->counts.messages = db_col_u64(original->users, 2);
    }
    return err;
}

enum ctl_status original_look(struct original *original)
{
    const struct table_shape *const shapes[] = {&users_shape, &rooms_shape, &members_shape,
                                                &messages_shape};
    struct found found[ARRAY_LEN(shapes)];
    enum err err = ERR_NONE;
    bool good = true;

    memset(found, 0, sizeof(found));
    for (size_t i = 0; i < ARRAY_LEN(shapes) && err == ERR_NONE; i++)
        err = look_at(original, shapes[i], &found[i]);
    for (size_t i = 0; i < ARRAY_LEN(shapes) && err == ERR_NONE; i++)
        good = judge(shapes[i], &found[i]) && good;
    if (err == ERR_NONE && good) {
        original->users_sql = make_select(original, &users_shape, &found[0], 5, "1");
        original->rooms_sql = make_select(original, &rooms_shape, &found[1], 4, "1");
        original->members_sql = make_select(original, &members_shape, &found[2], 3, "1, 3, 2");
        original->messages_sql = make_select(original, &messages_shape, &found[3], 5, "1, 5, 2");
        err = count_rows(original);
        if (err == ERR_NONE)
            err = find_top(original, &found[0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        strbuf_fini(&found[i].list);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    return good ? CTL_DONE : CTL_FAILED;
}
