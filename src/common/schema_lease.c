#include "common/schema_lease.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/mem.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

/* After the death of its owner the others wait this long. */
#define LEASE_S       20
#define RENEW_EVERY_S 5

struct schema_lease {
    uint64_t owner;
    struct db *db; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
};

enum err schema_lease_prepare(struct db *db)
{
    return db_run(db,
                  "CREATE TABLE IF NOT EXISTS schema_lock ("
                  "id TINYINT UNSIGNED NOT NULL PRIMARY KEY, "
                  "owner BIGINT UNSIGNED NOT NULL, expires_at DATETIME(6) NOT NULL) "
                  "ENGINE=InnoDB",
                  NULL, 0);
}

/* Affects the row only while the lease is this owner's. */
static enum err renew(struct db *db, uint64_t owner)
{
    return DB_RUN(db,
                  "UPDATE schema_lock SET expires_at = NOW(6) + INTERVAL ? SECOND "
                  "WHERE id = 1 AND owner = ?",
                  db_u64(LEASE_S), db_u64(owner));
}

/* True when it is time to stop. */
static bool wait_to_renew(struct schema_lease *lease)
{
    const struct timespec until = {(time_t)(clock_mono_ms() / 1000 + RENEW_EVERY_S), 0};
    bool stopping;
    int result = 0;

    pthread_mutex_lock(&lease->lock);
    while (!lease->stopping && result == 0)
        result = pthread_cond_timedwait(&lease->stop, &lease->lock, &until);
    stopping = lease->stopping;
    pthread_mutex_unlock(&lease->lock);
    return stopping;
}

static void *renew_until_stopped(void *argument)
{
    struct schema_lease *lease = argument;

    pthread_setname_np(pthread_self(), "schema.lease");
    while (!wait_to_renew(lease)) {
        enum err err = renew(lease->db, lease->owner);

        if (err != ERR_NONE)
            log_warn("schema.lease", "renewed=no error=%s", err_code(err));
    }
    db_destroy(&lease->db);
    db_thread_fini();
    return NULL;
}

static void start_thread(struct schema_lease *lease)
{
    pthread_condattr_t attributes;
    sigset_t all, before;

    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&lease->stop, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    CHECK(pthread_mutex_init(&lease->lock, NULL) == 0);
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    if (pthread_create(&lease->thread, NULL, renew_until_stopped, lease) != 0)
        fatal("cannot start a thread");
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

enum err schema_lease_take(struct db *db, const char *database_url, struct schema_lease **lease_out)
{
    struct schema_lease *lease;
    char error[160];
    uint64_t owner;
    enum err err;

    *lease_out = NULL;
    err = db_run(db, "INSERT IGNORE INTO schema_lock (id, owner, expires_at) VALUES (1, 0, NOW(6))",
                 NULL, 0);
    if (err != ERR_NONE)
        return err;
    digest_random(&owner, sizeof(owner));
    err = DB_RUN(db,
                 "UPDATE schema_lock SET owner = ?, expires_at = NOW(6) + INTERVAL ? SECOND "
                 "WHERE id = 1 AND expires_at <= NOW(6)",
                 db_u64(owner), db_u64(LEASE_S));
    if (err != ERR_NONE || db_affected(db) == 0)
        return err;
    lease = mem_alloc(sizeof(*lease));
    lease->owner = owner;
    lease->db = db_create(database_url, error, sizeof(error));
    CHECK(lease->db != NULL); /* db has the same URL */
    start_thread(lease);
    *lease_out = lease;
    return ERR_NONE;
}

enum err schema_lease_check(struct schema_lease *lease, struct db *db, bool *held_out)
{
    enum err err = renew(db, lease->owner);

    *held_out = err == ERR_NONE && db_affected(db) == 1;
    return err;
}

void schema_lease_destroy(struct schema_lease **lease_ptr, struct db *db)
{
    struct schema_lease *lease = *lease_ptr;
    enum err err;

    if (lease == NULL)
        return;
    pthread_mutex_lock(&lease->lock);
    lease->stopping = true;
    pthread_cond_signal(&lease->stop);
    pthread_mutex_unlock(&lease->lock);
    CHECK(pthread_join(lease->thread, NULL) == 0);
    err = DB_RUN(db, "UPDATE schema_lock SET expires_at = NOW(6) WHERE id = 1 AND owner = ?",
                 db_u64(lease->owner));
    if (err != ERR_NONE)
        log_warn("schema.lease", "released=no error=%s", err_code(err));
    pthread_cond_destroy(&lease->stop);
    pthread_mutex_destroy(&lease->lock);
    mem_free(lease);
    *lease_ptr = NULL;
}
