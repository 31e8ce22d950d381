/*
 * db_impl.h: what db.c (connections, transactions, errors) and db_stmt.c (statements, results, bulk
 * inserts) share. For those two only: they are one module, the only user of <mysql.h>.
 */
#ifndef BANTER_COMMON_DB_IMPL_H
#define BANTER_COMMON_DB_IMPL_H

#include "common/db.h"
#include "common/db_error.h"
#include "common/db_url.h"
#include "common/log.h"

#include <mysql.h>

enum transaction {
    TX_NONE,   /* each statement is its own */
    TX_OPEN,   /* between db_begin() and db_commit() */
    TX_BROKEN, /* an error that ended it: nothing is done until db_rollback() */
};

struct statement;

struct db {
    struct db_url url;
    MYSQL *mysql; /* NULL: not connected */
    unsigned read_timeout_s;
    enum transaction transaction;
    enum err broken_with; /* while TX_BROKEN */

    uint64_t next_attempt_ms;
    uint64_t retry_ms;
    bool outage; /* has been logged */
    struct log_limit outage_log;

    struct statement *statements; /* a few dozen: found by comparing addresses */
    size_t statement_count;
    struct statement *current; /* whose result is held, or NULL */
    bool on_row;
    bool streams; /* its rows come when they are asked for */
    enum err stream_err;

    uint64_t affected;
    uint64_t insert_id;
    char duplicate[MYSQL_ERRMSG_SIZE + 1];
};

/* db.c */

/* Outside of a transaction: makes the connection anew if it is gone. */
enum err db_ensure_connected(struct db *db) ATTR_MUSTCHECK;
/* Turns an error of the library or the server into ours, and does what follows from it: logs, marks
 * the transaction, drops the connection (and with it every statement). text must not be memory of
 * the connection. */
enum err db_fail(struct db *db, unsigned number, const char *text, const char *sql,
                 enum db_phase phase) ATTR_MUSTCHECK;

/* db_stmt.c */

/* Lets go of the result that is held, if any. */
void db_release_result(struct db *db);
/* Closes every statement of the connection; they are prepared again when they are run. */
void db_drop_statements(struct db *db);

#endif
