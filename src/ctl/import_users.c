#include "ctl/import_users.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"

#include <string.h>

struct person {
    char *name; /* NULL: gone */
    uint64_t id;
};

struct import_users {
    struct map *people; /* by foreign id */
    uint64_t made;
    uint64_t gone;
};

struct import_users *import_users_create(void)
{
    struct import_users *users = mem_alloc(sizeof(*users));

    users->people = map_create_u64();
    return users;
}

void import_users_destroy(struct import_users **users)
{
    struct person *person;
    size_t cursor = 0;

    if (*users == NULL)
        return;
    while ((person = map_iter((*users)->people, &cursor)) != NULL) {
        mem_free(person->name);
        mem_free(person);
    }
    map_destroy(&(*users)->people);
    mem_free(*users);
    *users = NULL;
}

void import_users_note(struct import_users *users, uint64_t foreign_id, struct span name)
{
    struct person *person = map_find_u64(users->people, foreign_id);

    if (foreign_id == 0)
        return; /* nobody */
    if (person == NULL) {
        person = mem_alloc(sizeof(*person));
        map_put_u64(users->people, foreign_id, person);
    }
    if (name.data == NULL || (person->name != NULL && strlen(person->name) == name.len &&
                              memcmp(person->name, name.data, name.len) == 0))
        return;
    mem_free(person->name);
    person->name = mem_strndup((const char *)name.data, name.len);
}

static enum err make(struct db *db, struct person *person)
{
    uint64_t now_us = clock_wall_us();
    enum err err = DB_RUN(db,
                          "INSERT INTO users (username, created_at_us, deleted_at_us) "
                          "VALUES (?, ?, ?)",
                          db_text(person->name), db_u64(now_us),
                          person->name == NULL ? db_u64(now_us) : db_null());

    person->id = db_insert_id(db);
    return err;
}

static enum err find_or_make(struct import_users *users, struct db *db, struct person *person)
{
    enum err err;

    if (person->name != NULL) {
        err = DB_RUN(db, "SELECT id FROM users WHERE username = ?", db_text(person->name));
        if (err != ERR_NONE)
            return err;
        if (db_next(db)) {
            person->id = db_col_u64(db, 0);
            return ERR_NONE;
        }
        users->made++;
    } else {
        users->gone++;
    }
    return make(db, person);
}

static enum err map_all(struct import_users *users, struct db *db, const char **twice_out)
{
    struct map *taken = map_create_u64();
    struct person *person;
    size_t cursor = 0;
    enum err err = ERR_NONE;

    while (err == ERR_NONE && (person = map_iter(users->people, &cursor)) != NULL) {
        err = find_or_make(users, db, person);
        if (err == ERR_NONE && map_put_u64(taken, person->id, person) != NULL) {
            *twice_out = person->name;
            err = ERR_VALIDATION;
        }
    }
    map_destroy(&taken);
    return err;
}

enum err import_users_map(struct import_users *users, struct db *db, const char **twice_out)
{
    enum err err = db_begin(db);

    if (err != ERR_NONE)
        return err;
    users->made = users->gone = 0;
    err = map_all(users, db, twice_out);
    if (err == ERR_NONE)
        err = db_commit(db);
    if (err != ERR_NONE)
        db_rollback(db);
    return err;
}

uint64_t import_users_find(const struct import_users *users, uint64_t foreign_id)
{
    const struct person *person = map_find_u64(users->people, foreign_id);

    if (foreign_id == 0)
        return 0;
    CHECK(person != NULL);
    return person->id;
}

uint64_t import_users_count(const struct import_users *users)
{
    return map_count(users->people);
}

uint64_t import_users_made(const struct import_users *users)
{
    return users->made;
}

uint64_t import_users_gone(const struct import_users *users)
{
    return users->gone;
}
