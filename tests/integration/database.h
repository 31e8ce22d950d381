/*
 * database.h: what the tests over a real MariaDB share: a database of its own for each program, on
 * the server of BANTER_TEST_DATABASE_URL, whose user owns every database named "banter_...".
 */
#ifndef BANTER_TESTS_DATABASE_H
#define BANTER_TESTS_DATABASE_H

#include "common/db.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server's URL. Without one the program ends and has failed: it would test nothing. */
static inline const char *database_server(void)
{
    const char *url = getenv("BANTER_TEST_DATABASE_URL");

    if (url == NULL) {
        fprintf(stderr, "BANTER_TEST_DATABASE_URL is not set; \"make integration\" sets it\n");
        exit(1);
    }
    return url;
}

static inline int database_end(int failed)
{
    db_library_fini();
    return failed;
}

/* What main() returns: the group's tests, with the library around them. */
#define DATABASE_RUN(tests, setup, teardown)                                                       \
    (db_library_init(), database_end(cmocka_run_group_tests(tests, setup, teardown)))

/* The given URL with another database in it; the caller frees it. */
static inline char *database_url_of(const char *name)
{
    const char *url = database_server();
    size_t path_end = strcspn(url, "?");
    size_t slash = path_end;

    while (slash > 0 && url[slash] != '/')
        slash--;
    return mem_printf("%.*s/%s%s", (int)slash, url, name, url + path_end);
}

static inline struct db *database_connect(const char *url)
{
    char error[160];
    struct db *db = db_create(url, error, sizeof(error));

    if (db == NULL) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    return db;
}

static inline void database_script(struct db *db, const char *text)
{
    char error[256];

    if (db_script(db, text, strlen(text), error, sizeof(error)) != ERR_NONE) {
        fprintf(stderr, "%s: %s\n", text, error);
        abort();
    }
}

/* An empty database. */
static inline void database_make(const char *name)
{
    struct db *db = database_connect(database_server());
    char *text = mem_printf("DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8mb4",
                            name, name);

    database_script(db, text);
    mem_free(text);
    db_destroy(&db);
}

static inline void database_drop(const char *name)
{
    struct db *db = database_connect(database_server());
    char *text = mem_printf("DROP DATABASE IF EXISTS %s", name);

    database_script(db, text);
    mem_free(text);
    db_destroy(&db);
}

/* The first column of the first row, a number. */
static inline uint64_t database_number(struct db *db, const char *sql)
{
    uint64_t number = 0;

    if (db_run(db, sql, NULL, 0) != ERR_NONE) {
        fprintf(stderr, "%s\n", sql);
        abort();
    }
    while (db_next(db))
        number = db_col_u64(db, 0);
    return number;
}

#endif
