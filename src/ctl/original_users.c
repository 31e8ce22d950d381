/*
 * The original's users: ids where they fit, names and addresses by our rules, hashes of passwords
 * as they are.
 */
#include "common/account_rules.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/password.h"
#include "common/unicode.h"
#include "common/utf8.h"
#include "ctl/original.h"

#include <stdio.h>
#include <string.h>

#define BATCH_ROWS 500
/* An id, then a name, then an address may be taken, and the new name as well. */
#define ATTEMPTS_MAX 12

struct person {
    uint64_t original_id;
    uint64_t wanted_id; /* 0 becomes the next that is free */
    char name[USERNAME_BYTES_MAX + 1];
    char old_name[USERNAME_BYTES_MAX + 1]; /* as much of it as fits */
    unsigned renames;
    struct account_email email;
    bool has_email;
    char hash[PASSWORD_HASH_SIZE];
    bool has_hash;
    uint64_t created_at_us;
};

/* The bytes of the first so many characters. */
static size_t prefix(const char *text, size_t len, size_t chars)
{
    size_t at = 0;

    while (at < len && chars > 0) {
        at++;
        while (at < len && ((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
        chars--;
    }
    return at;
}

static void remember(struct map *map, uint64_t id, uint64_t ours)
{
    map_put_u64(map, id, (void *)(uintptr_t)ours);
}

uint64_t original_user(const struct original *original, uint64_t id)
{
    return (uint64_t)(uintptr_t)map_find_u64(original->people, id);
}

/* ---- by our rules -----------------------------------------------------------------------------*/

/* NAME-17, and if that is taken, too, NAME-17-2 and so on; cut so that it fits. */
static void rename_person(struct person *person)
{
    char suffix[48];
    size_t len;
    int written;

    person->renames++;
    written =
        person->renames == 1
            ? snprintf(suffix, sizeof(suffix), "-%llu", (unsigned long long)person->original_id)
            : snprintf(suffix, sizeof(suffix), "-%llu-%u", (unsigned long long)person->original_id,
                       person->renames);
    len = prefix(person->old_name, strlen(person->old_name), USERNAME_CHARS_MAX - (size_t)written);
    memcpy(person->name, person->old_name, len);
    memcpy(person->name + len, suffix, (size_t)written + 1);
}

/* Characters that names may not have become "_"; blanks that they may not have go. */
static void clean(char *text)
{
    char *out = text;

    for (const char *in = text; *in != '\0';) {
        size_t len = prefix(in, strlen(in), 1);
        bool stray = *in == ' ' && (out == text || out[-1] == ' ');

        if (!unicode_visible((struct span){(const uint8_t *)in, len}))
            *out++ = '_';
        else if (!stray)
            for (size_t i = 0; i < len; i++)
                *out++ = in[i];
        in += len;
    }
    *out = '\0';
}

static void take_name(struct person *person, struct span name)
{
    const char *data = name.data != NULL ? (const char *)name.data : "";
    struct account_name taken;

    if (account_take_username(name, &taken) == NULL) {
        memcpy(person->name, taken.text, taken.len + 1);
        memcpy(person->old_name, taken.text, taken.len + 1);
        return;
    }
    memcpy(person->old_name, data, prefix(data, name.len, USERNAME_CHARS_MAX));
    clean(person->old_name);
    if (person->old_name[0] == '\0')
        memcpy(person->old_name, "user", 5);
    rename_person(person);
}

static void take_row(struct original *original, struct person *person)
{
    struct db *db = original->users;
    struct span email = db_col_bytes(db, 2);
    struct span hash = db_col_bytes(db, 3);

    *person = (struct person){.original_id = db_col_u64(db, 0), .created_at_us = db_col_u64(db, 4)};
    person->wanted_id =
        person->original_id <= JSON_INTEGER_MAX ? person->original_id : ++original->top_id;
    if (person->created_at_us == 0)
        person->created_at_us = clock_wall_us();
    take_name(person, db_col_bytes(db, 1));
    person->has_email = email.len > 0 && account_take_email(email, &person->email) == NULL;
    if (!person->has_email && email.len > 0) {
        original->counts.emails_dropped++;
        original_tell(original, "user", person->original_id, "e-mail address dropped",
                      "it is none, or too long");
    }
    if (hash.len > 0 && hash.len < sizeof(person->hash))
        memcpy(person->hash, hash.data, hash.len);
    person->has_hash = password_is_bcrypt(person->hash);
    if (person->has_hash) {
        original->counts.passwords_kept++;
    } else {
        original->counts.passwords_dropped++;
        original_tell(original, "user", person->original_id, "password dropped",
                      "no bcrypt hash of a cost up to 15; see \"banterctl user reset-password\"");
    }
}

/* ---- into our table ---------------------------------------------------------------------------*/

/* What to do about a key that is taken. */
static void give_way(struct original *original, struct person *person)
{
    if (db_duplicate_key(original->db, "username")) {
        rename_person(person);
    } else if (db_duplicate_key(original->db, "email")) {
        person->has_email = false;
        original->counts.emails_dropped++;
        original_tell(original, "user", person->original_id, "e-mail address dropped",
                      "another account has it");
    } else {
        person->wanted_id = ++original->top_id;
    }
}

static enum err insert_person(struct original *original, struct person *person, uint64_t *id_out)
{
    enum err err = ERR_DB_DUPLICATE;

    for (unsigned i = 0; i < ATTEMPTS_MAX && err == ERR_DB_DUPLICATE; i++) {
        err =
            DB_RUN(original->db,
                   "INSERT INTO users (id, username, email, password_hash, created_at_us) "
                   "VALUES (?, ?, ?, ?, ?)",
                   person->wanted_id != 0 ? db_u64(person->wanted_id) : db_null(),
                   db_text(person->name), db_text(person->has_email ? person->email.text : NULL),
                   db_text(person->has_hash ? person->hash : NULL), db_u64(person->created_at_us));
        if (err == ERR_DB_DUPLICATE)
            give_way(original, person);
    }
    if (err == ERR_NONE)
        *id_out = person->wanted_id != 0 ? person->wanted_id : db_insert_id(original->db);
    return err;
}

static enum err note_person(struct original *original, const char *source, uint64_t original_id,
                            uint64_t id)
{
    return DB_RUN(original->db,
                  "INSERT INTO imported_users (source, original_id, user_id) VALUES (?, ?, ?)",
                  db_text(source), db_u64(original_id), db_u64(id));
}

static enum err import_person(struct original *original, struct person *person)
{
    uint64_t id = 0;
    char number[32];
    enum err err = insert_person(original, person, &id);

    if (err != ERR_NONE)
        return err;
    original->counts.users_new++;
    if (id != person->original_id) {
        original->counts.ids_changed++;
        snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
        original_tell(original, "user", person->original_id, "has another id", number);
    }
    if (person->renames > 0) {
        original->counts.renamed++;
        original_tell(original, "user", person->original_id, "renamed", person->name);
    }
    remember(original->people, person->original_id, id);
    return note_person(original, original->source, person->original_id, id);
}

static enum err load_before(struct original *original, const char *source, struct map *map)
{
    enum err err =
        DB_RUN(original->db, "SELECT original_id, user_id FROM imported_users WHERE source = ?",
               db_text(source));

    while (err == ERR_NONE && db_next(original->db))
        remember(map, db_col_u64(original->db, 0), db_col_u64(original->db, 1));
    return err;
}

/* Above all ids of both, so that who has to give way takes nobody else's. */
static enum err find_top(struct original *original)
{
    enum err err = db_run(original->db, "SELECT MAX(id) FROM users", NULL, 0);

    if (err == ERR_NONE && db_next(original->db))
        original->top_id = MAX(original->top_id, db_col_u64(original->db, 0));
    return err;
}

static enum err next_batch(struct original *original)
{
    return original->dry_run ? ERR_NONE : db_commit(original->db);
}

/* A dry run is one transaction that is taken back. */
static enum err copy_people(struct original *original)
{
    struct person person;
    uint64_t done = 0;
    bool open = false;
    enum err err = db_stream(original->users, original->users_sql, NULL, 0);

    while (err == ERR_NONE && db_next(original->users)) {
        progress_update(&original->progress, ++done);
        if (original_user(original, db_col_u64(original->users, 0)) != 0) {
            original->counts.users_before++;
            continue;
        }
        if (!open)
            err = db_begin(original->db);
        open = true;
        take_row(original, &person);
        if (err == ERR_NONE)
            err = import_person(original, &person);
        if (err == ERR_NONE && original->counts.users_new % BATCH_ROWS == 0 && !original->dry_run) {
            err = next_batch(original);
            open = err != ERR_NONE;
        }
    }
    mem_wipe(&person, sizeof(person));
    if (err == ERR_NONE)
        err = db_stream_err(original->users);
    if (err == ERR_NONE && open)
        err = next_batch(original);
    db_rollback(original->db);
    return err;
}

enum err original_import_users(struct original *original)
{
    enum err err;

    snprintf(original->ghost_source, sizeof(original->ghost_source), "%s (gone)", original->source);
    err = load_before(original, original->source, original->people);
    if (err == ERR_NONE)
        err = load_before(original, original->ghost_source, original->ghosts);
    if (err == ERR_NONE)
        err = find_top(original);
    if (err != ERR_NONE)
        return err;
    progress_start(&original->progress, "users", "users", original->counts.users,
                   original->ctl->json || original->ctl->quiet);
    err = copy_people(original);
    progress_end(&original->progress);
    return err;
}

/* ---- who wrote, and is no longer there --------------------------------------------------------*/

enum err original_sender(struct original *original, uint64_t id, uint64_t *ours_out)
{
    uint64_t now_us = clock_wall_us();
    uint64_t made;
    enum err err;

    *ours_out = original_user(original, id);
    if (*ours_out == 0)
        *ours_out = (uint64_t)(uintptr_t)map_find_u64(original->ghosts, id);
    if (*ours_out != 0)
        return ERR_NONE;
    err = db_begin(original->db);
    if (err != ERR_NONE)
        return err;
    err = DB_RUN(original->db, "INSERT INTO users (created_at_us, deleted_at_us) VALUES (?, ?)",
                 db_u64(now_us), db_u64(now_us));
    made = db_insert_id(original->db);
    if (err == ERR_NONE)
        err = note_person(original, original->ghost_source, id, made);
    if (err == ERR_NONE)
        err = db_commit(original->db);
    if (err != ERR_NONE)
        db_rollback(original->db);
    if (err != ERR_NONE)
        return err;
    remember(original->ghosts, id, made);
    original->counts.gone++;
    *ours_out = made;
    return ERR_NONE;
}
