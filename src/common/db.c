#include "common/db.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/db_impl.h"
#include "common/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 3
#define WRITE_TIMEOUT_S   10
#define READ_TIMEOUT_S    10
/* After a failed attempt to connect: at once unavailable until the next, which waits longer. */
#define RETRY_MS_MIN     200
#define RETRY_MS_MAX     1000
#define OUTAGE_LOG_MS    60000
#define LOGGED_SQL_BYTES 160

/* What makes a session of the server ours. READ COMMITTED: a fence must see what others committed,
 * and takes no gap locks. The wait for a lock ends before our patience, so that it is an answer and
 * not a lost connection. English, since db_duplicate_key() reads the message. */
static const char *const session_setup[] = {
    "SET SESSION time_zone = '+00:00', "
    "sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "NO_ZERO_DATE,NO_ZERO_IN_DATE', "
    "innodb_lock_wait_timeout = 5, lc_messages = 'en_US', "
    "autocommit = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
};

/* A file that is missing would only be seen as a database that is away. */
static bool files_are_there(const struct db_url *url, char *error, size_t error_size)
{
    const char *const paths[] = {url->tls_ca, url->tls_cert, url->tls_key};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (paths[i] == NULL || access(paths[i], R_OK) == 0)
            continue;
        snprintf(error, error_size, "the database URL names %s, which cannot be read: %s", paths[i],
                 strerror(errno));
        return false;
    }
    return true;
}

struct db *db_create(const char *url, char *error, size_t error_size)
{
    struct db_url parts;
    struct db *db;

    if (!db_url_parse(url, &parts, error, error_size))
        return NULL;
    if (!files_are_there(&parts, error, error_size)) {
        db_url_fini(&parts);
        return NULL;
    }
    db = mem_alloc(sizeof(*db));
    db->url = parts;
    db->read_timeout_s = READ_TIMEOUT_S;
    return db;
}

void db_set_read_timeout(struct db *db, unsigned seconds)
{
    CHECK(db->mysql == NULL);
    db->read_timeout_s = seconds;
}

/* ---- the connection ---------------------------------------------------------------------------*/

static void disconnect(struct db *db)
{
    db_drop_statements(db);
    if (db->mysql != NULL)
        mysql_close(db->mysql);
    db->mysql = NULL;
}

void db_destroy(struct db **db)
{
    if (*db == NULL)
        return;
    disconnect(*db);
    db_url_fini(&(*db)->url);
    mem_free((*db)->statements);
    mem_free(*db);
    *db = NULL;
}

/* For the texts of the client library and of refused logins, which hold no value of a statement. */
static void log_outage(struct db *db, unsigned number, const char *text)
{
    uint64_t suppressed;
    char quoted[256];

    if (!log_allowed(&db->outage_log, OUTAGE_LOG_MS, &suppressed))
        return;
    db->outage = true;
    log_warn("db.unavailable", "errno=%u suppressed=%llu error=%s", number,
             (unsigned long long)suppressed, log_quote(text, quoted, sizeof(quoted)));
}

static void log_recovery(struct db *db)
{
    if (db->outage)
        log_info("db.available", "thread_id=%lu", mysql_thread_id(db->mysql));
    db->outage = false;
    db->outage_log = (struct log_limit){0, 0};
}

static void set_options(struct db *db, MYSQL *mysql)
{
    unsigned connect_s = CONNECT_TIMEOUT_S;
    unsigned write_s = WRITE_TIMEOUT_S;
    unsigned protocol = db->url.socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned local_infile = 0;

    CHECK(mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s) == 0);
    CHECK(mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &db->read_timeout_s) == 0);
    CHECK(mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &write_s) == 0);
    CHECK(mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol) == 0);
    CHECK(mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &local_infile) == 0);
    CHECK(mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4") == 0);
}

static void set_tls(const struct db_url *url, MYSQL *mysql)
{
    my_bool yes = 1;
    my_bool verify = url->tls == DB_URL_TLS_VERIFY;

    if (url->tls == DB_URL_TLS_ANY)
        return;
    CHECK(mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes) == 0);
    CHECK(mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify) == 0);
    CHECK(mysql_options(mysql, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3") == 0);
    if (url->tls_ca != NULL)
        CHECK(mysql_options(mysql, MYSQL_OPT_SSL_CA, url->tls_ca) == 0);
    if (url->tls_cert != NULL) {
        CHECK(mysql_options(mysql, MYSQL_OPT_SSL_CERT, url->tls_cert) == 0);
        CHECK(mysql_options(mysql, MYSQL_OPT_SSL_KEY, url->tls_key) == 0);
    }
}

/* Connector/C 3.3 refuses a server without TLS only if it is to verify the certificate; otherwise
 * it goes on in plain text, MYSQL_OPT_SSL_ENFORCE or not. */
static bool is_encrypted(const struct db *db, MYSQL *mysql)
{
    return db->url.tls == DB_URL_TLS_ANY || mysql_get_ssl_cipher(mysql) != NULL;
}

static bool set_up_session(MYSQL *mysql)
{
    for (size_t i = 0; i < ARRAY_LEN(session_setup); i++)
        if (mysql_real_query(mysql, session_setup[i], strlen(session_setup[i])) != 0)
            return false;
    return true;
}

/* Connects, and makes the session ours. */
static bool open_session(struct db *db, MYSQL *mysql)
{
    /* FOUND_ROWS: db_affected() counts the rows that matched, which is what a fence asks. */
    bool good =
        mysql_real_connect(mysql, db->url.host, db->url.user, db->url.password, db->url.name,
                           db->url.port, db->url.socket, CLIENT_FOUND_ROWS) != NULL;

    if (good && !is_encrypted(db, mysql)) {
        log_outage(db, 0, "the database URL asks for TLS, and the server speaks none");
        return false;
    }
    if (good && set_up_session(mysql))
        return true;
    log_outage(db, mysql_errno(mysql), mysql_error(mysql));
    return false;
}

static bool try_connect(struct db *db)
{
    MYSQL *mysql = mysql_init(NULL);

    CHECK(mysql != NULL); /* out of memory */
    set_options(db, mysql);
    set_tls(&db->url, mysql);
    if (!open_session(db, mysql)) {
        mysql_close(mysql);
        return false;
    }
    db->mysql = mysql;
    log_recovery(db);
    return true;
}

/* An idle connection has nothing to say: if it does, the server has closed it (or is about to say
 * so). Noticing before a change is sent keeps the change from becoming uncertain. */
static bool connection_is_quiet(struct db *db)
{
    struct pollfd fd = {(int)mysql_get_socket(db->mysql), POLLIN | POLLRDHUP, 0};

    return poll(&fd, 1, 0) == 0;
}

enum err db_ensure_connected(struct db *db)
{
    uint64_t now;

    if (db->mysql != NULL && connection_is_quiet(db))
        return ERR_NONE;
    disconnect(db);
    now = clock_mono_ms();
    if (now < db->next_attempt_ms)
        return ERR_DATABASE_UNAVAILABLE;
    if (try_connect(db)) {
        db->retry_ms = 0;
        db->next_attempt_ms = 0;
        return ERR_NONE;
    }
    db->retry_ms = MIN(MAX(db->retry_ms * 2, (uint64_t)RETRY_MS_MIN), (uint64_t)RETRY_MS_MAX);
    db->next_attempt_ms = clock_mono_ms() + db->retry_ms;
    return ERR_DATABASE_UNAVAILABLE;
}

/* ---- errors -----------------------------------------------------------------------------------*/

/* Never the server's text as it is: it may hold a value. Unknown tables and columns are ours. */
static void log_failure(unsigned number, const char *text, const char *sql)
{
    char quoted_sql[LOGGED_SQL_BYTES];
    char quoted_text[256];
    bool harmless = number == 1146 || number == 1054 || number == 1142 || number == 1064;

    log_error("db.failed", "errno=%u error=%s sql=%s", number,
              log_quote(harmless ? text : "", quoted_text, sizeof(quoted_text)),
              log_quote(sql, quoted_sql, sizeof(quoted_sql)));
}

enum err db_fail(struct db *db, unsigned number, const char *text, const char *sql,
                 enum db_phase phase)
{
    struct db_verdict verdict = db_error_judge(number, phase);

    if (verdict.err == ERR_DB_DUPLICATE)
        snprintf(db->duplicate, sizeof(db->duplicate), "%s", text);
    if (verdict.err == ERR_DB_FAILED)
        log_failure(number, text, sql);
    else if (verdict.drop)
        log_outage(db, number, text);
    if (db->transaction == TX_OPEN && verdict.err != ERR_DB_DUPLICATE) {
        db->transaction = TX_BROKEN;
        db->broken_with = verdict.err;
    }
    if (verdict.drop)
        disconnect(db);
    return verdict.err;
}

/* ---- transactions and scripts -----------------------------------------------------------------*/

static enum err run_plain(struct db *db, const char *sql, enum db_phase phase)
{
    char text[MYSQL_ERRMSG_SIZE + 1];

    if (mysql_real_query(db->mysql, sql, strlen(sql)) == 0)
        return ERR_NONE;
    snprintf(text, sizeof(text), "%s", mysql_error(db->mysql));
    return db_fail(db, mysql_errno(db->mysql), text, sql, phase);
}

enum err db_begin(struct db *db)
{
    enum err err;

    CHECK(db->transaction == TX_NONE);
    db_release_result(db);
    err = db_ensure_connected(db);
    if (err == ERR_NONE)
        err = run_plain(db, "START TRANSACTION", DB_PHASE_READ);
    if (err == ERR_NONE)
        db->transaction = TX_OPEN;
    return err;
}

enum err db_commit(struct db *db)
{
    enum err err;

    CHECK(db->transaction != TX_NONE);
    db_release_result(db);
    if (db->transaction == TX_BROKEN)
        return db->broken_with;
    err = run_plain(db, "COMMIT", DB_PHASE_COMMIT);
    if (err == ERR_NONE)
        db->transaction = TX_NONE;
    return err;
}

void db_rollback(struct db *db)
{
    db_release_result(db);
    if (db->transaction == TX_NONE)
        return;
    db->transaction = TX_NONE;
    /* A connection that is gone, or that cannot even roll back, takes its transaction with it. */
    if (db->mysql != NULL && run_plain(db, "ROLLBACK", DB_PHASE_READ) != ERR_NONE)
        disconnect(db);
}

/* Steps through the results of a script to its end, or to its first error. */
static int finish_script(MYSQL *mysql)
{
    int more;

    do {
        MYSQL_RES *result = mysql_store_result(mysql);

        if (result != NULL)
            mysql_free_result(result);
        else if (mysql_errno(mysql) != 0)
            return 1;
        more = mysql_next_result(mysql);
    } while (more == 0);
    return more > 0;
}

enum err db_script(struct db *db, const char *text, size_t len, char *error, size_t error_size)
{
    enum err err;

    CHECK(db->transaction == TX_NONE);
    db_release_result(db);
    err = db_ensure_connected(db);
    if (err != ERR_NONE) {
        snprintf(error, error_size, "the database is away");
        return err;
    }
    if (mysql_set_server_option(db->mysql, MYSQL_OPTION_MULTI_STATEMENTS_ON) == 0 &&
        mysql_real_query(db->mysql, text, len) == 0 && finish_script(db->mysql) == 0)
        err = ERR_NONE;
    else {
        snprintf(error, error_size, "%s (error %u)", mysql_error(db->mysql),
                 mysql_errno(db->mysql));
        err = db_error_judge(mysql_errno(db->mysql), DB_PHASE_AUTOCOMMIT).err;
    }
    /* A fresh session afterwards: whatever the script set, or left unread, goes with the old. */
    disconnect(db);
    return err;
}

/* ---- process and threads ----------------------------------------------------------------------*/

void db_library_init(void)
{
    CHECK(mysql_library_init(0, NULL, NULL) == 0);
}

void db_library_fini(void)
{
    mysql_library_end();
}

void db_thread_fini(void)
{
    mysql_thread_end();
}
