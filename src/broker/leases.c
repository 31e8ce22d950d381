#include "broker/leases.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Rows SHARD_COUNT and up are the brokers' announcements: as many as could share the shards. */
#define ROW_COUNT (2 * SHARD_COUNT)
/* How soon a round that failed is repeated, and how soon after a conflict we look. */
#define RETRY_MS      500
#define CONFLICT_MS   200
#define RELEASE_LEAST 4 /* shards a round: a surplus is gone within a few */

struct leases {
    struct pool_job job;
    struct leases_options options;
    struct pool *pool;
    struct loop_timer *timer;
    uint64_t identity; /* the upper half of owner, shifted down */
    uint64_t owner;
    uint64_t owned;
    bool answered;       /* the last round succeeded */
    uint64_t renewed_ms; /* the last round that succeeded; 0: none yet */
    uint64_t due_ms;     /* when the next round begins */
    bool under_way;
    bool stopped;

    /* The round's: written by the pool's thread, read when it is done. */
    bool begun; /* the rows are there, and a predecessor's are ours */
    enum err err;
    uint64_t round_owned;
    uint64_t live;
};

/* ---- a round, on a pool thread ----------------------------------------------------------------*/

static enum err ensure_rows(struct db *db)
{
    uint64_t rows[ROW_COUNT];
    const struct db_column column = {.type = DB_U64, .numbers = rows};

    for (size_t i = 0; i < ROW_COUNT; i++)
        rows[i] = i;
    return db_bulk(db,
                   "INSERT IGNORE INTO broker_leases (shard, owner, epoch, expires_at) "
                   "VALUES (?, 0, 0, '2000-01-01 00:00:00')",
                   &column, 1, ROW_COUNT);
}

/* What a process before us had at this place. */
static enum err succeed(const struct leases *leases, struct db *db)
{
    return DB_RUN(db,
                  "UPDATE broker_leases SET owner = ?, epoch = epoch + 1 "
                  "WHERE owner >> 32 = ? AND owner <> ?",
                  db_u64(leases->owner), db_u64(leases->identity), db_u64(leases->owner));
}

static enum err renew(const struct leases *leases, struct db *db)
{
    return DB_RUN(db,
                  "UPDATE broker_leases "
                  "SET expires_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND WHERE owner = ?",
                  db_u64(leases->options.lease_ms * 1000), db_u64(leases->owner));
}

/* Takes up to count rows that are free, among those from first to last. */
static enum err take(const struct leases *leases, struct db *db, uint64_t first, uint64_t last,
                     uint64_t count)
{
    return DB_RUN(db,
                  "UPDATE broker_leases SET owner = ?, epoch = epoch + 1, "
                  "expires_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND "
                  "WHERE shard BETWEEN ? AND ? AND expires_at <= UTC_TIMESTAMP(6) "
                  "ORDER BY shard LIMIT ?",
                  db_u64(leases->owner), db_u64(leases->options.lease_ms * 1000), db_u64(first),
                  db_u64(last), db_u64(count));
}

static enum err give_away(const struct leases *leases, struct db *db, uint64_t count)
{
    return DB_RUN(db,
                  "UPDATE broker_leases SET owner = 0, expires_at = UTC_TIMESTAMP(6) "
                  "WHERE owner = ? AND shard < ? ORDER BY shard DESC LIMIT ?",
                  db_u64(leases->owner), db_u64(SHARD_COUNT), db_u64(count));
}

struct census {
    uint64_t live;  /* brokers, we included */
    uint64_t owned; /* our shards, bit s */
    uint64_t count; /* of them */
    bool announced; /* we have a row of our own */
};

static enum err count_brokers(const struct leases *leases, struct db *db, struct census *census)
{
    enum err err = DB_RUN(db,
                          "SELECT COUNT(DISTINCT owner) FROM broker_leases "
                          "WHERE owner NOT IN (0, ?) AND expires_at > UTC_TIMESTAMP(6)",
                          db_u64(leases->owner));

    *census = (struct census){.live = 1};
    if (err != ERR_NONE)
        return err;
    if (db_next(db))
        census->live += db_col_u64(db, 0);
    err = DB_RUN(db, "SELECT shard FROM broker_leases WHERE owner = ?", db_u64(leases->owner));
    if (err != ERR_NONE)
        return err;
    while (db_next(db)) {
        uint64_t row = db_col_u64(db, 0);

        if (row >= SHARD_COUNT) {
            census->announced = true;
            continue;
        }
        census->owned |= UINT64_C(1) << row;
        census->count++;
    }
    return ERR_NONE;
}

static enum err balance(const struct leases *leases, struct db *db, const struct census *census)
{
    uint64_t share = (SHARD_COUNT + census->live - 1) / census->live;
    uint64_t surplus;

    if (census->count < share)
        return take(leases, db, 0, SHARD_COUNT - 1, share - census->count);
    if (census->count == share)
        return ERR_NONE;
    surplus = census->count - share;
    return give_away(leases, db, MIN(surplus, MAX(surplus / 2, RELEASE_LEAST)));
}

static enum err run_round(struct leases *leases, struct db *db)
{
    struct census census = {0};
    enum err err = ERR_NONE;

    if (!leases->begun) {
        err = ensure_rows(db);
        if (err == ERR_NONE)
            err = succeed(leases, db);
        leases->begun = err == ERR_NONE;
    }
    if (err == ERR_NONE)
        err = renew(leases, db);
    if (err == ERR_NONE)
        err = count_brokers(leases, db, &census);
    if (err == ERR_NONE && !census.announced)
        err = take(leases, db, SHARD_COUNT, ROW_COUNT - 1, 1);
    if (err == ERR_NONE)
        err = balance(leases, db, &census);
    if (err == ERR_NONE)
        err = count_brokers(leases, db, &census);
    leases->round_owned = census.owned;
    leases->live = census.live;
    return err;
}

static void run(struct pool_job *job, struct db *db)
{
    struct leases *leases = CONTAINER_OF(job, struct leases, job);

    leases->err = run_round(leases, db);
}

/* ---- on the loop ------------------------------------------------------------------------------*/

static void begin_in(struct leases *leases, uint64_t delay_ms)
{
    leases->due_ms = clock_mono_ms() + delay_ms;
    loop_timer_start(leases->timer, delay_ms);
}

static void done(struct pool_job *job)
{
    struct leases *leases = CONTAINER_OF(job, struct leases, job);
    uint64_t interval_ms = leases->options.lease_ms / 3;

    leases->under_way = false;
    if (leases->stopped)
        return;
    leases->answered = leases->err == ERR_NONE;
    if (leases->answered)
        leases->renewed_ms = clock_mono_ms();
    leases_count(leases);
    if (leases->err != ERR_NONE) {
        begin_in(leases, MIN(interval_ms, RETRY_MS));
        return;
    }
    begin_in(leases, interval_ms);
    if (leases->round_owned == leases->owned)
        return;
    leases->owned = leases->round_owned;
    metrics_set(METRIC_BROKER_SHARDS, (uint64_t)__builtin_popcountll(leases->owned));
    log_info("leases.changed", "shards=%d brokers=%llu owned=%016llx",
             __builtin_popcountll(leases->owned), (unsigned long long)leases->live,
             (unsigned long long)leases->owned);
    leases->options.changed(leases->options.context, leases->owned);
}

static void begin_round(void *context)
{
    struct leases *leases = context;

    if (leases->under_way || leases->stopped)
        return;
    /* The queue holds the few jobs that there are, so it is never full for long. */
    if (pool_submit(leases->pool, &leases->job))
        leases->under_way = true;
    else
        begin_in(leases, RETRY_MS);
}

/* The upper half of the owner: this machine, host and address. */
static uint32_t place(const char *address)
{
    char text[1024];
    char machine[64] = "";
    char host[256] = "";
    uint8_t digest[DIGEST_SHA256_SIZE];
    uint32_t value;
    FILE *file = fopen("/etc/machine-id", "re");

    if (file != NULL) {
        machine[fread(machine, 1, sizeof(machine) - 1, file)] = '\0';
        fclose(file);
    }
    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    snprintf(text, sizeof(text), "%s|%s|%s", machine, host, address);
    digest_sha256(text, strlen(text), digest);
    memcpy(&value, digest, sizeof(value));
    return MAX(value, 1U); /* owner 0 is nobody */
}

struct leases *leases_create(struct loop *loop, struct pool *pool,
                             const struct leases_options *options)
{
    struct leases *leases = mem_alloc(sizeof(*leases));
    uint32_t process;

    digest_random(&process, sizeof(process));
    leases->options = *options;
    leases->pool = pool;
    leases->identity = place(options->address);
    leases->owner = leases->identity << 32 | process;
    leases->job.run = run;
    leases->job.done = done;
    leases->timer = loop_timer_create(loop, begin_round, leases);
    begin_round(leases);
    return leases;
}

void leases_destroy(struct leases **leases)
{
    if (*leases == NULL)
        return;
    CHECK(!(*leases)->under_way);
    loop_timer_destroy(&(*leases)->timer);
    mem_free(*leases);
    *leases = NULL;
}

void leases_count(const struct leases *leases)
{
    uint64_t silent_ms = clock_mono_ms() - leases->renewed_ms;

    bool in_time = leases->renewed_ms != 0 && silent_ms < leases->options.lease_ms;

    metrics_set(METRIC_BROKER_LEASES, in_time);
    metrics_set(METRIC_BROKER_DATABASE, leases->answered && in_time);
}

uint64_t leases_owned(const struct leases *leases)
{
    return leases->owned;
}

void leases_check(struct leases *leases)
{
    /* Never later than it is due: conflicts that do not end must not keep us from renewing. */
    if (!leases->under_way && !leases->stopped && leases->due_ms > clock_mono_ms() + CONFLICT_MS)
        begin_in(leases, CONFLICT_MS);
}

void leases_stop(struct leases *leases)
{
    leases->stopped = true;
    loop_timer_stop(leases->timer);
}

void leases_release(struct leases *leases)
{
    char error[256];
    struct db *db = db_create(leases->options.database_url, error, sizeof(error));

    if (db == NULL)
        return;
    /* If it fails, the leases expire by themselves. */
    if (DB_RUN(db,
               "UPDATE broker_leases SET owner = 0, expires_at = UTC_TIMESTAMP(6) WHERE owner = ?",
               db_u64(leases->owner)) != ERR_NONE)
        log_warn("leases.kept", "reason=database_unavailable");
    db_destroy(&db);
}
