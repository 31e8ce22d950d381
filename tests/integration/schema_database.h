/*
 * schema_database.h: what the tests of the tables share: a database of their own with the program's
 * schema, and a connection for each test.
 */
#ifndef BANTER_TESTS_SCHEMA_DATABASE_H
#define BANTER_TESTS_SCHEMA_DATABASE_H

#include "common/schema.h"
#include "database.h"

/* An empty database with all tables; url is its own. */
static inline void schema_database_make(const char *name, const char *url)
{
    char error[512] = "";

    database_make(name);
    if (schema_migrate(url, error, sizeof(error)) != ERR_NONE) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
}

/* The teardown of a test whose state is a connection. */
static inline int schema_database_disconnect(void **state)
{
    struct db *db = *state;

    db_destroy(&db);
    return 0;
}

#endif
