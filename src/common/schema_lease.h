/*
 * schema_lease.h: the right to migrate, which one process has at a time; for schema.c alone.
 *
 * A row of the table schema_lock holds the owner and the time at which the lease ends. A thread
 * with a connection of its own renews it, since a migration may take longer than any lease.
 */
#ifndef BANTER_COMMON_SCHEMA_LEASE_H
#define BANTER_COMMON_SCHEMA_LEASE_H

#include "common/db.h"

struct schema_lease;

/* Makes the table, if it is not there. */
enum err schema_lease_prepare(struct db *db) ATTR_MUSTCHECK;
/* One attempt. ERR_NONE and *lease_out set, or NULL there if another process has it. */
enum err schema_lease_take(struct db *db, const char *database_url,
                           struct schema_lease **lease_out) ATTR_MUSTCHECK;
/* Whether it is still ours, asked of the database: *held_out. */
enum err schema_lease_check(struct schema_lease *lease, struct db *db,
                            bool *held_out) ATTR_MUSTCHECK;
/* Gives it up (when the database is away, it ends by itself); sets *lease to NULL. */
void schema_lease_destroy(struct schema_lease **lease, struct db *db);

#endif
