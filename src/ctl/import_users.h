/*
 * import_users.h: who the people of another installation are here. Blocks.
 */
#ifndef BANTER_CTL_IMPORT_USERS_H
#define BANTER_CTL_IMPORT_USERS_H

#include "common/db.h"

struct import_users;

struct import_users *import_users_create(void);
/* Sets *users to NULL. */
void import_users_destroy(struct import_users **users);

/* Notes somebody; name data NULL is an account that is gone. The last name counts. */
void import_users_note(struct import_users *users, uint64_t foreign_id, struct span name);
/*
 * Finds each by name, and makes an account for who is not there: with that name, without address
 * and password, so that nobody can log in to it until it gets a password; one without a name for
 * who is gone. One transaction. ERR_VALIDATION: two of them are one account here; *twice_out is its
 * name.
 */
enum err import_users_map(struct import_users *users, struct db *db,
                          const char **twice_out) ATTR_MUSTCHECK;
/* After that: the id here. It must have been noted. */
uint64_t import_users_find(const struct import_users *users, uint64_t foreign_id);
uint64_t import_users_count(const struct import_users *users);
/* How many accounts were made: with a name, and without. */
uint64_t import_users_made(const struct import_users *users);
uint64_t import_users_gone(const struct import_users *users);

#endif
