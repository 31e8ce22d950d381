#include "common/schema.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/schema_lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How long to wait without a database, and for another process; both start again with progress. */
#define DATABASE_WAIT_MS 60000
#define OTHERS_WAIT_MS   600000
#define PAUSE_MS         250
#define WAIT_LOG_MS      5000
/* Changing a large table takes what it takes. */
#define SCRIPT_TIMEOUT_S (24 * 3600)

#define HEX_SIZE (2 * DIGEST_SHA256_SIZE + 1)

struct schema {
    const char *database_url;
    const struct schema_migration *migrations;
    size_t count;
    uint64_t patience_ms; /* without a database */
    size_t applied;       /* as last read */
    struct db *db;
    struct db *script_db;       /* for the migrations themselves: it waits as long as they take */
    struct schema_lease *lease; /* NULL: not ours */
    struct log_limit wait_log;
    char *error; /* for the caller */
    size_t error_size;
};

static void pause_briefly(void)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};

    nanosleep(&pause, NULL);
}

static void hash_migration(const struct schema_migration *migration, char hex[HEX_SIZE])
{
    uint8_t digest[DIGEST_SHA256_SIZE];

    digest_sha256(migration->text, migration->len, digest);
    digest_hex(digest, sizeof(digest), hex);
}

static enum err create_tables(struct schema *schema)
{
    enum err err;

    /* Asked first: a program whose user may not create tables runs on a finished schema. */
    err = db_run(schema->db,
                 "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() "
                 "AND table_name IN ('schema_migrations', 'schema_lock')",
                 NULL, 0);
    if (err != ERR_NONE || (db_next(schema->db) && db_col_u64(schema->db, 0) == 2))
        return err;
    err = db_run(schema->db,
                 "CREATE TABLE IF NOT EXISTS schema_migrations ("
                 "version INT UNSIGNED NOT NULL PRIMARY KEY, "
                 "name VARCHAR(100) CHARACTER SET ascii NOT NULL, "
                 "sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
                 "applied_at DATETIME(6) NOT NULL) ENGINE=InnoDB",
                 NULL, 0);
    return err != ERR_NONE ? err : schema_lease_prepare(schema->db);
}

/* Compares one row of schema_migrations, the next in order, with what we know. */
static bool check_row(struct schema *schema)
{
    uint64_t version = db_col_u64(schema->db, 0);
    struct span sha256 = db_col_bytes(schema->db, 1);
    const struct schema_migration *migration = &schema->migrations[schema->applied];
    char hex[HEX_SIZE];

    if (version != migration->version) {
        snprintf(schema->error, schema->error_size,
                 "the database has migration %" PRIu64 " but not %u: it is not one of ours, or it "
                 "was changed by hand",
                 version, migration->version);
        return false;
    }
    hash_migration(migration, hex);
    if (sha256.len != HEX_SIZE - 1 || memcmp(sha256.data, hex, sha256.len) != 0) {
        snprintf(schema->error, schema->error_size,
                 "migration %u (%s) was applied with another text than this program has: an "
                 "applied migration is never changed, a new one is added",
                 migration->version, migration->name);
        return false;
    }
    return true;
}

/* Counts what is applied. ERR_INTERNAL, and a sentence, if it does not fit this program. */
static enum err read_applied(struct schema *schema)
{
    uint64_t newest = 0;
    enum err err;

    err = db_run(schema->db, "SELECT MAX(version) FROM schema_migrations", NULL, 0);
    if (err != ERR_NONE)
        return err;
    if (db_next(schema->db))
        newest = db_col_u64(schema->db, 0);
    if (newest > schema->count) {
        snprintf(schema->error, schema->error_size,
                 "the database has schema %" PRIu64 ", this program knows %zu: update the program",
                 newest, schema->count);
        return ERR_INTERNAL;
    }
    err = DB_RUN(schema->db,
                 "SELECT version, sha256 FROM schema_migrations WHERE version <= ? "
                 "ORDER BY version",
                 db_u64(schema->count));
    if (err != ERR_NONE)
        return err;
    for (schema->applied = 0; db_next(schema->db); schema->applied++)
        if (!check_row(schema))
            return ERR_INTERNAL;
    return ERR_NONE;
}

static enum err apply(struct schema *schema, const struct schema_migration *migration)
{
    uint64_t started_ms = clock_mono_ms();
    char hex[HEX_SIZE];
    char server[512] = "";
    bool held;
    enum err err;

    err = schema_lease_check(schema->lease, schema->db, &held);
    if (err != ERR_NONE)
        return err;
    if (!held)
        return ERR_DB_RETRY; /* we slept through its end: whoever has it now goes on */
    log_info("schema.migrating", "version=%u name=%s", migration->version, migration->name);
    err = db_script(schema->script_db, (const char *)migration->text, migration->len, server,
                    sizeof(server));
    if (err != ERR_NONE) {
        snprintf(schema->error, schema->error_size, "migration %u (%s) failed: %s",
                 migration->version, migration->name, server);
        return err;
    }
    hash_migration(migration, hex);
    err = DB_RUN(schema->db,
                 "INSERT INTO schema_migrations (version, name, sha256, applied_at) "
                 "VALUES (?, ?, ?, NOW(6))",
                 db_u64(migration->version), db_text(migration->name), db_text(hex));
    if (err == ERR_DB_DUPLICATE)
        return ERR_DB_RETRY; /* the same, and the other one has noted it already */
    if (err == ERR_NONE)
        log_info("schema.migrated", "version=%u name=%s took_ms=%" PRIu64, migration->version,
                 migration->name, clock_mono_ms() - started_ms);
    return err;
}

static void log_wait(struct schema *schema, const char *what)
{
    uint64_t suppressed;

    if (log_allowed(&schema->wait_log, WAIT_LOG_MS, &suppressed))
        log_info("schema.wait", "for=%s applied=%zu known=%zu", what, schema->applied,
                 schema->count);
}

/* As far as we get in one go; *waiting_out when another process is at it. */
static enum err attempt(struct schema *schema, bool *waiting_out)
{
    enum err err = create_tables(schema);

    if (err == ERR_NONE)
        err = read_applied(schema);
    if (err != ERR_NONE || schema->applied == schema->count)
        return err;
    err = schema_lease_take(schema->db, schema->database_url, &schema->lease);
    if (err != ERR_NONE)
        return err;
    if (schema->lease == NULL) {
        *waiting_out = true;
        return ERR_NONE;
    }
    err = read_applied(schema); /* what the one before us did */
    while (err == ERR_NONE && schema->applied < schema->count) {
        err = apply(schema, &schema->migrations[schema->applied]);
        if (err == ERR_NONE)
            schema->applied++;
    }
    schema_lease_destroy(&schema->lease, schema->db);
    return err;
}

/* Whether the same may go well a little later. */
static bool worth_waiting(enum err err)
{
    return err == ERR_DATABASE_UNAVAILABLE || err == ERR_DB_UNCERTAIN || err == ERR_DB_RETRY;
}

/* Says why it is over; the sentence may be there already. */
static enum err give_up(struct schema *schema, enum err err, const char *sentence)
{
    if (schema->error[0] == '\0')
        snprintf(schema->error, schema->error_size, "%s", sentence);
    return err;
}

static enum err migrate(struct schema *schema)
{
    uint64_t failing_since_ms = 0;
    uint64_t waiting_since_ms = 0;

    for (;;) {
        bool waiting = false;
        enum err err = attempt(schema, &waiting);
        uint64_t now_ms = clock_mono_ms();

        if (err == ERR_NONE && !waiting)
            return ERR_NONE;
        if (err != ERR_NONE && !worth_waiting(err))
            return give_up(schema, err,
                           "the database refused to show or change its schema: see the log");
        if (err == ERR_NONE)
            failing_since_ms = 0;
        else if (failing_since_ms == 0)
            failing_since_ms = now_ms;
        if (waiting_since_ms == 0)
            waiting_since_ms = now_ms;
        schema->error[0] = '\0';
        if (err != ERR_NONE && now_ms - failing_since_ms >= schema->patience_ms)
            return give_up(schema, ERR_DATABASE_UNAVAILABLE, "the database cannot be reached");
        if (now_ms - waiting_since_ms > OTHERS_WAIT_MS)
            return give_up(schema, ERR_DB_RETRY,
                           "another process has been migrating the database for too long");
        log_wait(schema, waiting ? "other" : "database");
        pause_briefly();
    }
}

enum err schema_migrate_list(const char *database_url, const struct schema_migration *migrations,
                             size_t count, uint64_t patience_ms, char *error, size_t error_size)
{
    struct schema schema = {
        .database_url = database_url,
        .migrations = migrations,
        .count = count,
        .patience_ms = patience_ms,
        .error = error,
        .error_size = error_size,
    };
    enum err err;

    error[0] = '\0';
    schema.db = db_create(database_url, error, error_size);
    if (schema.db == NULL)
        return ERR_VALIDATION;
    schema.script_db = db_create(database_url, error, error_size);
    CHECK(schema.script_db != NULL);
    db_set_read_timeout(schema.script_db, SCRIPT_TIMEOUT_S);
    err = migrate(&schema);
    db_destroy(&schema.script_db);
    db_destroy(&schema.db);
    return err;
}

enum err schema_migrate(const char *database_url, char *error, size_t error_size)
{
    return schema_migrate_list(database_url, schema_migrations, schema_migration_count,
                               DATABASE_WAIT_MS, error, error_size);
}

unsigned schema_version_known(void)
{
    return schema_migrations[schema_migration_count - 1].version;
}
