/*
 * db_error.h: what an error number of the server or of the client library means for the caller.
 * Pure: the numbers are those of MariaDB's documentation, so that nothing here needs <mysql.h>.
 */
#ifndef BANTER_COMMON_DB_ERROR_H
#define BANTER_COMMON_DB_ERROR_H

#include "common/base.h"
#include "common/errors.h"

/* What was under way. */
enum db_phase {
    DB_PHASE_READ,       /* changes nothing, or is undone with its transaction */
    DB_PHASE_AUTOCOMMIT, /* a change that is its own transaction */
    DB_PHASE_COMMIT,     /* a COMMIT */
};

struct db_verdict {
    enum err err;
    bool drop; /* the connection is no good any more */
};

struct db_verdict db_error_judge(unsigned number, enum db_phase phase);

/* Whether the text of a 1062 names this key: "Duplicate entry '…' for key 'name'", or with the
 * table's name and a dot before the key's, as MySQL writes it. */
bool db_error_names_key(const char *text, const char *key_name);

#endif
