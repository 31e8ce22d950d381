/*
 * schema.h: brings a database to the schema that this program knows.
 *
 * The migrations are the files db/NNN_name.sql, which are built into the program. Each is applied
 * once, in order, and noted in the table schema_migrations with the SHA-256 of its text. MariaDB
 * commits DDL by itself, so a migration that was cut off is run again from its start: every
 * statement in it must be one that may run twice (IF NOT EXISTS, INSERT IGNORE …).
 *
 * Any number of processes may call at once: one holds a lease (a row of the table schema_lock,
 * renewed while it works; GET_LOCK would not reach the other nodes of a Galera cluster), and the
 * others wait until it is done or, should it die, until the lease ends.
 */
#ifndef BANTER_COMMON_SCHEMA_H
#define BANTER_COMMON_SCHEMA_H

#include "common/base.h"
#include "common/errors.h"

struct schema_migration {
    unsigned version; /* 1, 2, 3 … */
    const char *name;
    const unsigned char *text;
    size_t len;
};

/* Generated at build by db/embed.sh. */
extern const struct schema_migration schema_migrations[];
extern const size_t schema_migration_count;

/*
 * Blocks until the database has every migration of this program: for up to a minute while there is
 * no database, and for up to ten while another process migrates. Logs each migration. Otherwise an
 * error, and a sentence in error (size bytes): ERR_DATABASE_UNAVAILABLE when there was none all the
 * time, so that the caller may go on waiting; any other one when waiting is in vain: a migration
 * fails, the database is newer than the program, or an applied migration was changed since. Starts
 * and ends a thread of its own.
 */
enum err schema_migrate(const char *database_url, char *error, size_t error_size) ATTR_MUSTCHECK;

/* The same for a list that the caller gives, in place of the one that is built in, and with so much
 * patience with a database that is away. */
enum err schema_migrate_list(const char *database_url, const struct schema_migration *migrations,
                             size_t count, uint64_t patience_ms, char *error,
                             size_t error_size) ATTR_MUSTCHECK;

/* The schema that this program brings a database to. */
unsigned schema_version_known(void);

#endif
