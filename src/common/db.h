/*
 * db.h: one MariaDB connection and its prepared statements. The only user of <mysql.h>.
 *
 * Every call blocks, so a connection belongs to a thread of a pool (pool.h) or to a writer of the
 * broker, never to an event loop. A connection that is lost is made anew by the next db_begin() or
 * by the next statement outside of a transaction; statements are prepared again by themselves.
 *
 * Errors: ERR_DATABASE_UNAVAILABLE  the statement did not take effect: no connection
 *         ERR_DB_UNCERTAIN          the connection went while a change was under way: it may or
 *                                   may not have taken effect; ask by key, never repeat blindly
 *         ERR_DB_DUPLICATE          1062, a unique key exists; db_duplicate_key() names it
 *         ERR_DB_RETRY              1205, 1213 and their like: rolled back, may be repeated
 *         ERR_DB_FAILED             anything else; it has been logged
 * A SELECT that loses its connection is ERR_DATABASE_UNAVAILABLE: it changed nothing. So is any
 * statement inside a transaction, before its COMMIT.
 * After an error inside a transaction the caller calls db_rollback() (which never fails). Until
 * then further statements and the COMMIT give the same error and do nothing; only
 * ERR_DB_DUPLICATE leaves the transaction usable.
 *
 * Sessions are in UTC, utf8mb4, strict, READ COMMITTED; a wait for a lock ends after 5 s
 * (ERR_DB_RETRY), connecting after 3 s, any other wait for the server after 10 s (a lost
 * connection). After a failed attempt to connect the next waits 200 ms, growing to 1 s; calls in
 * between return ERR_DATABASE_UNAVAILABLE at once.
 */
#ifndef BANTER_COMMON_DB_H
#define BANTER_COMMON_DB_H

#include "common/base.h"
#include "common/errors.h"

struct db;

enum db_type { DB_NULL, DB_U64, DB_BYTES };

/* A value for a placeholder. Bytes are borrowed for the length of the call; text is UTF-8. */
struct db_value {
    enum db_type type;
    uint64_t number;
    struct span bytes;
};

static inline struct db_value db_u64(uint64_t number)
{
    return (struct db_value){DB_U64, number, {NULL, 0}};
}

static inline struct db_value db_bytes(const void *data, size_t len)
{
    return (struct db_value){DB_BYTES, 0, {data, len}};
}

struct db_value db_text(const char *text); /* NULL gives SQL NULL */

static inline struct db_value db_null(void)
{
    return (struct db_value){DB_NULL, 0, {NULL, 0}};
}

/* mysql://user:password@host:port/name, or mysql://user:password@/name?socket=/path; with ?tls= the
 * connection is encrypted or there is none (db_url.h). Parts are percent-decoded. NULL and a
 * sentence in error (size bytes) if the URL does not fit. Does not connect. */
struct db *db_create(const char *url, char *error, size_t error_size) ATTR_MUSTCHECK;
/* Seconds to wait for an answer instead of 10, for who may wait long (migrations); before the
 * first statement. */
void db_set_read_timeout(struct db *db, unsigned seconds);
/* Closes and frees; sets *db to NULL. *db may be NULL. */
void db_destroy(struct db **db);

/* Placeholders of a statement. */
#define DB_VALUES_MAX 72

/*
 * Runs a statement. sql is a string literal (its address is the key of the statement cache) with a
 * placeholder for each of the count values. The result, if it has one, is held in memory until the
 * next call; db_next() steps through it.
 */
enum err db_run(struct db *db, const char *sql, const struct db_value *values,
                size_t count) ATTR_MUSTCHECK;
#define DB_RUN(db, sql, ...)                                                                       \
    db_run((db), (sql), (const struct db_value[]){__VA_ARGS__},                                    \
           sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value))

/* The same for a SELECT with more rows than memory: they stay at the server until db_next() asks
 * for them, and the connection can do nothing else meanwhile (the next call ends it). */
enum err db_stream(struct db *db, const char *sql, const struct db_value *values,
                   size_t count) ATTR_MUSTCHECK;
/* After db_next() was false: ERR_NONE at the end of the rows, or why there are no more. */
enum err db_stream_err(const struct db *db) ATTR_MUSTCHECK;

/* To the next row; false at the end. */
bool db_next(struct db *db);
/* Columns of the current row, from 0. A NULL reads as 0 or as an empty span with data NULL; spans
 * are valid until the next db_next() or db_run(). Asking a column for the wrong type is a bug. */
uint64_t db_col_u64(struct db *db, unsigned column);
struct span db_col_bytes(struct db *db, unsigned column);
bool db_col_is_null(struct db *db, unsigned column);

/* Of the last statement. Affected are the rows that matched, even those that stayed the same
 * (CLIENT_FOUND_ROWS): 0 says that a WHERE that fences found nothing. */
uint64_t db_affected(struct db *db);
uint64_t db_insert_id(struct db *db);
/* Of the last ERR_DB_DUPLICATE: whether the key of this name was the one (e.g. "dedupe"). */
bool db_duplicate_key(struct db *db, const char *key_name);

/* A column of a bulk insert: rows values, one after the other. */
struct db_column {
    enum db_type type;        /* DB_U64 or DB_BYTES */
    const uint64_t *numbers;  /* DB_U64 */
    const struct span *bytes; /* DB_BYTES */
    const bool *nulls;        /* NULL if no value is SQL NULL */
};

/* Runs an INSERT for all rows, in one exchange with the server (COM_STMT_BULK_EXECUTE), which is
 * one statement there; where there is more than about 1 MiB, in several, and outside of a
 * transaction in one of its own. So it is all or nothing in either case. At most DB_VALUES_MAX
 * columns. */
enum err db_bulk(struct db *db, const char *sql, const struct db_column *columns, size_t count,
                 size_t rows) ATTR_MUSTCHECK;

enum err db_begin(struct db *db) ATTR_MUSTCHECK;
enum err db_commit(struct db *db) ATTR_MUSTCHECK; /* ERR_DB_UNCERTAIN if the answer was lost */
void db_rollback(struct db *db);

/* Runs text that may hold several statements, up to the first error: for migrations only. error
 * gets the server's word. The next statement is on a new session. */
enum err db_script(struct db *db, const char *text, size_t len, char *error,
                   size_t error_size) ATTR_MUSTCHECK;

/* Once in a process, before the first thread and after the last. */
void db_library_init(void);
void db_library_fini(void);
/* Once in each thread that uses a connection, at its end. */
void db_thread_fini(void);

#endif
