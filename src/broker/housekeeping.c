#include "broker/housekeeping.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdatomic.h>
#include <string.h>

#define FIRST_MS    1000
#define INTERVAL_MS 30000
/* Deleted accounts stay in their table for ever, so a sweep looks at the recent ones; and once in a
 * while, and at first, at all. */
#define RECENT_US        (UINT64_C(600) * 1000000)
#define FULL_SWEEP_EVERY 120
#define EXPELS_MAX       1000
#define EXPEL_TTL_MS     20000
/* A removed room's log stays for a minute, so that a repeat of what removed it finds its outcome.
 */
#define PURGE_AFTER_US (UINT64_C(60) * 1000000)
#define PURGE_ROOMS    100
#define PURGE_ROWS     10000

struct member {
    uint64_t room_id;
    uint64_t user_id;
    uint64_t joined_seq;
};

struct housekeeping {
    struct pool_job job;
    struct housekeeping_calls calls;
    struct pool *pool;
    struct loop_timer *timer;
    unsigned rounds; /* that found everything: a full sweep that did not is the next one again */
    bool under_way;
    atomic_bool stopped;

    /* The round's. */
    uint64_t owned;
    bool full;
    bool complete;
    struct member expels[EXPELS_MAX];
    size_t expel_count;
};

/* Rooms of our shards, in SQL: what is limited must not be others'. Wants owned and SHARD_COUNT. */
#define IS_OURS(room_id) "(? >> MOD(" room_id ", ?)) & 1 = 1 "

/* ---- a round, on a pool thread ----------------------------------------------------------------*/

static enum err find_expels(struct housekeeping *keeping, struct db *db)
{
    uint64_t since_us = keeping->full ? 0 : clock_wall_us() - RECENT_US;
    enum err err =
        DB_RUN(db,
               "SELECT m.room_id, m.user_id, m.joined_seq FROM users u "
               "JOIN room_members m ON m.user_id = u.id "
               "JOIN rooms r ON r.id = m.room_id AND r.removed_at_us IS NULL "
               "WHERE u.deleted_at_us >= ? AND " IS_OURS("m.room_id") "LIMIT ?",
               db_u64(since_us), db_u64(keeping->owned), db_u64(SHARD_COUNT), db_u64(EXPELS_MAX));

    keeping->expel_count = 0;
    if (err != ERR_NONE)
        return err;
    while (db_next(db) && keeping->expel_count < EXPELS_MAX)
        keeping->expels[keeping->expel_count++] =
            (struct member){db_col_u64(db, 0), db_col_u64(db, 1), db_col_u64(db, 2)};
    return ERR_NONE;
}

static enum err purge_room(struct housekeeping *keeping, struct db *db, uint64_t room_id)
{
    enum err err;

    do {
        err = DB_RUN(db, "DELETE FROM events WHERE room_id = ? ORDER BY seq LIMIT ?",
                     db_u64(room_id), db_u64(PURGE_ROWS));
        if (err != ERR_NONE || atomic_load(&keeping->stopped))
            return err;
    } while (db_affected(db) == PURGE_ROWS);
    err = DB_RUN(db, "DELETE FROM room_members WHERE room_id = ?", db_u64(room_id));
    /* Last, so that a purge that was cut off is found again. */
    if (err == ERR_NONE)
        err = DB_RUN(db, "DELETE FROM rooms WHERE id = ?", db_u64(room_id));
    if (err == ERR_NONE)
        log_info("housekeeping.room_purged", "room=%llu", (unsigned long long)room_id);
    return err;
}

static enum err purge_rooms(struct housekeeping *keeping, struct db *db)
{
    uint64_t rooms[PURGE_ROOMS];
    size_t count = 0;
    enum err err =
        DB_RUN(db, "SELECT id FROM rooms WHERE removed_at_us < ? AND " IS_OURS("id") "LIMIT ?",
               db_u64(clock_wall_us() - PURGE_AFTER_US), db_u64(keeping->owned),
               db_u64(SHARD_COUNT), db_u64(PURGE_ROOMS));

    if (err != ERR_NONE)
        return err;
    while (db_next(db) && count < PURGE_ROOMS)
        rooms[count++] = db_col_u64(db, 0);
    for (size_t i = 0; i < count && err == ERR_NONE && !atomic_load(&keeping->stopped); i++)
        err = purge_room(keeping, db, rooms[i]);
    return err;
}

/* sql is a literal with the time and the number of rows. */
static enum err purge_expired(struct housekeeping *keeping, struct db *db, const char *sql)
{
    enum err err = ERR_NONE;

    if ((keeping->owned & 1) == 0)
        return ERR_NONE;
    do
        err = DB_RUN(db, sql, db_u64(clock_wall_us()), db_u64(PURGE_ROWS));
    while (err == ERR_NONE && db_affected(db) == PURGE_ROWS && !atomic_load(&keeping->stopped));
    return err;
}

static enum err purge_logins(struct housekeeping *keeping, struct db *db)
{
    enum err err =
        purge_expired(keeping, db, "DELETE FROM sessions WHERE expires_at_us < ? LIMIT ?");

    return err != ERR_NONE
               ? err
               : purge_expired(keeping, db,
                               "DELETE FROM ws_tickets WHERE expires_at_us < ? LIMIT ?");
}

/* What fails is found again in the next round. */
static void run(struct pool_job *job, struct db *db)
{
    struct housekeeping *keeping = CONTAINER_OF(job, struct housekeeping, job);

    keeping->complete = find_expels(keeping, db) == ERR_NONE &&
                        purge_rooms(keeping, db) == ERR_NONE &&
                        purge_logins(keeping, db) == ERR_NONE;
    if (!keeping->complete)
        log_warn("housekeeping.incomplete", "full=%d", keeping->full);
}

/* ---- on the loop ------------------------------------------------------------------------------*/

/* One membership has one key: a sweep that finds it again, before the first has been written, does
 * not expel twice, and a user who joined again after it has another. */
static void expel_key(const struct member *member, uint8_t out[DEDUPE_KEY_BYTES])
{
    struct {
        uint64_t tag;
        struct member member;
    } input = {UINT64_C(0x73776565706f7574), *member};
    uint8_t digest[DIGEST_SHA256_SIZE];

    digest_sha256(&input, sizeof(input), digest);
    memcpy(out, digest, DEDUPE_KEY_BYTES);
}

static void expel(struct housekeeping *keeping, const struct member *member)
{
    struct bus_command command = {
        .ttl_ms = EXPEL_TTL_MS,
        .kind = COMMAND_EXPEL,
        .room_id = member->room_id,
        .sender_id = member->user_id,
    };

    expel_key(member, command.key);
    keeping->calls.submit(keeping->calls.context, &command);
}

static void done(struct pool_job *job)
{
    struct housekeeping *keeping = CONTAINER_OF(job, struct housekeeping, job);

    keeping->under_way = false;
    if (atomic_load(&keeping->stopped))
        return;
    for (size_t i = 0; i < keeping->expel_count; i++)
        expel(keeping, &keeping->expels[i]);
    if (keeping->expel_count > 0)
        log_info("housekeeping.expelled", "members=%zu", keeping->expel_count);
    if (keeping->complete && keeping->expel_count < EXPELS_MAX)
        keeping->rounds++;
    loop_timer_start(keeping->timer, INTERVAL_MS);
}

static void begin_round(void *context)
{
    struct housekeeping *keeping = context;

    keeping->owned = keeping->calls.owned(keeping->calls.context);
    keeping->full = keeping->rounds % FULL_SWEEP_EVERY == 0;
    keeping->expel_count = 0;
    keeping->complete = false;
    if (keeping->owned != 0 && pool_submit(keeping->pool, &keeping->job))
        keeping->under_way = true;
    else
        loop_timer_start(keeping->timer, FIRST_MS);
}

struct housekeeping *housekeeping_create(struct loop *loop, struct pool *pool,
                                         const struct housekeeping_calls *calls)
{
    struct housekeeping *keeping = mem_alloc(sizeof(*keeping));

    keeping->calls = *calls;
    keeping->pool = pool;
    keeping->job.run = run;
    keeping->job.done = done;
    keeping->timer = loop_timer_create(loop, begin_round, keeping);
    loop_timer_start(keeping->timer, FIRST_MS);
    return keeping;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
    atomic_store(&housekeeping->stopped, true);
    loop_timer_stop(housekeeping->timer);
}

void housekeeping_destroy(struct housekeeping **housekeeping)
{
    if (*housekeeping == NULL)
        return;
    CHECK(!(*housekeeping)->under_way);
    loop_timer_destroy(&(*housekeeping)->timer);
    mem_free(*housekeeping);
    *housekeeping = NULL;
}
