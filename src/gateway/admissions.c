#include "gateway/admissions.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/store_log.h"
#include "common/store_tickets.h"

#include <string.h>

/* Batches under way: one is answered while the other asks; the rest of the pool is for others. */
#define ADMISSIONS_BATCHES 2

struct line {
    struct list waiting; /* struct admission, by node */
    size_t count;
    size_t max;
};

struct admissions {
    struct pool *pool;
    struct line lines[ADMISSION_LINES];
    unsigned batches; /* under way */
    bool alone;       /* one is, which does more than ask */
};

struct batch {
    struct pool_job job;
    struct admissions *admissions;
    struct admission *items[STORE_ADMISSIONS_MAX];
    size_t count;
    bool alone;
};

/* The epoch, for those who want it. */
static void add_epoch(struct batch *batch, struct db *db)
{
    uint64_t epoch = 0;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < batch->count; i++) {
        struct store_admission *ask = &batch->items[i]->ask;

        if (!batch->items[i]->wants_epoch || ask->err != ERR_NONE)
            continue;
        if (epoch == 0 && err == ERR_NONE)
            err = store_log_epoch(db, &epoch);
        batch->items[i]->epoch = epoch;
        ask->err = err;
    }
}

/* Whose session it is: a ticket is worth one look. */
static enum err find_token(struct admission *admission, struct db *db)
{
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    enum err err;

    if (admission->by == ADMISSION_BY_USER)
        return ERR_NONE;
    admission->ask.token_hash = admission->hash;
    if (admission->by == ADMISSION_BY_TOKEN)
        return ERR_NONE;
    err = store_ticket_use(db, admission->hash, token_hash);
    if (err == ERR_NONE)
        memcpy(admission->hash, token_hash, sizeof(token_hash));
    return err;
}

static void run_batch(struct pool_job *job, struct db *db)
{
    struct batch *batch = CONTAINER_OF(job, struct batch, job);
    struct store_admission *asked[STORE_ADMISSIONS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        batch->items[i]->ask.err = find_token(batch->items[i], db);
        if (batch->items[i]->ask.err == ERR_NONE)
            asked[count++] = &batch->items[i]->ask;
    }
    if (count > 0)
        store_admit(db, asked, count);
    add_epoch(batch, db);
}

static void run_alone(struct pool_job *job, struct db *db)
{
    struct admission *admission = CONTAINER_OF(job, struct batch, job)->items[0];

    admission->alone(admission, db);
}

static void on_batch(struct pool_job *job);

static void take_first(struct line *line, struct batch *batch)
{
    struct list_node *node = list_pop_front(&line->waiting);

    if (node == NULL)
        return;
    batch->items[batch->count++] = LIST_ITEM(node, struct admission, node);
    line->count--;
}

/* By turns of each line. */
static void take_waiting(struct admissions *admissions, struct batch *batch)
{
    for (size_t turn = 0; batch->count < STORE_ADMISSIONS_MAX && admissions_waiting(admissions) > 0;
         turn++)
        take_first(&admissions->lines[turn % ADMISSION_LINES], batch);
}

static void give_back(struct admissions *admissions, struct batch *batch)
{
    for (size_t i = batch->count; i > 0; i--) {
        struct admission *admission = batch->items[i - 1];
        struct line *line = &admissions->lines[admission->line];

        list_push_front(&line->waiting, &admission->node);
        line->count++;
    }
    mem_free(batch);
}

/* Whoever comes while nobody asks. What it does may take long, so it is none of the batches. */
static bool may_be_alone(const struct admissions *admissions, const struct batch *batch)
{
    return batch->count == 1 && batch->items[0]->alone != NULL && admissions->batches == 0 &&
           !admissions->alone;
}

static struct batch *create_batch(struct admissions *admissions)
{
    struct batch *batch = mem_alloc(sizeof(*batch));

    batch->admissions = admissions;
    take_waiting(admissions, batch);
    batch->alone = may_be_alone(admissions, batch);
    batch->job.run = batch->alone ? run_alone : run_batch;
    batch->job.done = on_batch;
    return batch;
}

/* One more under way, or one less. */
static void count(struct admissions *admissions, const struct batch *batch, int change)
{
    if (batch->alone)
        admissions->alone = change > 0;
    else
        admissions->batches += (unsigned)change;
}

/* Starts what may start. False if nothing is under way afterwards: the pool takes no more. */
static bool go(struct admissions *admissions)
{
    while (admissions->batches < ADMISSIONS_BATCHES && admissions_waiting(admissions) > 0) {
        struct batch *batch = create_batch(admissions);

        if (!pool_submit(admissions->pool, &batch->job)) {
            give_back(admissions, batch);
            break;
        }
        count(admissions, batch, 1);
    }
    return admissions->batches > 0 || admissions->alone;
}

/* Those that wait for no batch any more. */
static void refuse_waiting(struct admissions *admissions)
{
    struct list refused;
    struct list_node *node;

    list_init(&refused);
    for (size_t i = 0; i < ADMISSION_LINES; i++) {
        list_splice_back(&refused, &admissions->lines[i].waiting);
        admissions->lines[i].count = 0;
    }
    while ((node = list_pop_front(&refused)) != NULL) {
        struct admission *admission = LIST_ITEM(node, struct admission, node);

        admission->done(admission);
    }
}

static void on_batch(struct pool_job *job)
{
    struct batch *batch = CONTAINER_OF(job, struct batch, job);
    struct admissions *admissions = batch->admissions;

    count(admissions, batch, -1);
    /* First of all, so that the database works while the answers are looked at. */
    if (!go(admissions))
        refuse_waiting(admissions);
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->done(batch->items[i]);
    mem_free(batch);
}

struct admissions *admissions_create(struct pool *pool, const size_t waiting_max[ADMISSION_LINES])
{
    struct admissions *admissions = mem_alloc(sizeof(*admissions));

    admissions->pool = pool;
    for (size_t i = 0; i < ADMISSION_LINES; i++) {
        list_init(&admissions->lines[i].waiting);
        admissions->lines[i].max = waiting_max[i];
    }
    return admissions;
}

void admissions_destroy(struct admissions **admissions)
{
    if (*admissions == NULL)
        return;
    CHECK((*admissions)->batches == 0 && !(*admissions)->alone &&
          admissions_waiting(*admissions) == 0);
    mem_free(*admissions);
    *admissions = NULL;
}

size_t admissions_waiting(const struct admissions *admissions)
{
    size_t count = 0;

    for (size_t i = 0; i < ADMISSION_LINES; i++)
        count += admissions->lines[i].count;
    return count;
}

bool admissions_submit(struct admissions *admissions, struct admission *admission)
{
    struct line *line = &admissions->lines[admission->line];

    if (line->count >= line->max)
        return false;
    admission->ask.err = ERR_OVERLOADED; /* until somebody has asked */
    list_push_back(&line->waiting, &admission->node);
    line->count++;
    /* What comes meanwhile goes together: a second batch beside one under way is a full one. */
    if (admissions->batches > 0 && admissions_waiting(admissions) < STORE_ADMISSIONS_MAX)
        return true;
    if (go(admissions))
        return true;
    list_remove(&admission->node);
    line->count--;
    return false;
}
