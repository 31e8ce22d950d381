#include "gateway/admissions.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/store_log.h"

/* Batches under way: one is answered while the other asks; the rest of the pool is for others. */
#define ADMISSIONS_BATCHES 2

struct admissions {
    struct pool *pool;
    struct list waiting; /* struct admission, by node */
    size_t waiting_count;
    size_t waiting_max;
    unsigned batches; /* under way */
};

struct batch {
    struct pool_job job;
    struct admissions *admissions;
    struct admission *items[STORE_ADMISSIONS_MAX];
    size_t count;
};

static void go(struct admissions *admissions);

/* Who asks for no room is told the epoch. */
static void add_epoch(struct batch *batch, struct db *db)
{
    uint64_t epoch = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < batch->count; i++) {
        struct store_admission *ask = &batch->items[i]->ask;

        if (ask->wants_room || ask->err != ERR_NONE)
            continue;
        if (epoch == 0 && err == ERR_NONE)
            err = store_log_epoch(db, &epoch);
        batch->items[i]->epoch = epoch;
        ask->err = err;
    }
}

static void run_batch(struct pool_job *job, struct db *db)
{
    struct batch *batch = CONTAINER_OF(job, struct batch, job);
    struct store_admission *asked[STORE_ADMISSIONS_MAX];

    for (size_t i = 0; i < batch->count; i++)
        asked[i] = &batch->items[i]->ask;
    store_admit(db, asked, batch->count);
    add_epoch(batch, db);
}

static void on_batch(struct pool_job *job)
{
    struct batch *batch = CONTAINER_OF(job, struct batch, job);
    struct admissions *admissions = batch->admissions;

    admissions->batches--;
    go(admissions); /* the database works while the answers are looked at */
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->done(batch->items[i]);
    mem_free(batch);
}

static void take_waiting(struct admissions *admissions, struct batch *batch)
{
    while (batch->count < STORE_ADMISSIONS_MAX && !list_empty(&admissions->waiting)) {
        struct list_node *node = list_pop_front(&admissions->waiting);

        batch->items[batch->count++] = LIST_ITEM(node, struct admission, node);
        admissions->waiting_count--;
    }
}

static void give_back(struct admissions *admissions, struct batch *batch)
{
    for (size_t i = batch->count; i > 0; i--)
        list_push_front(&admissions->waiting, &batch->items[i - 1]->node);
    admissions->waiting_count += batch->count;
    mem_free(batch);
}

/* Starts what may start. When the pool takes nothing, what waits goes on waiting for the batch that
 * is under way. */
static void go(struct admissions *admissions)
{
    while (admissions->batches < ADMISSIONS_BATCHES && !list_empty(&admissions->waiting)) {
        struct batch *batch = mem_alloc(sizeof(*batch));

        batch->job.run = run_batch;
        batch->job.done = on_batch;
        batch->admissions = admissions;
        take_waiting(admissions, batch);
        if (!pool_submit(admissions->pool, &batch->job)) {
            give_back(admissions, batch);
            return;
        }
        admissions->batches++;
    }
}

struct admissions *admissions_create(struct pool *pool, size_t waiting_max)
{
    struct admissions *admissions = mem_alloc(sizeof(*admissions));

    admissions->pool = pool;
    admissions->waiting_max = waiting_max;
    list_init(&admissions->waiting);
    return admissions;
}
