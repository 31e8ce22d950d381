#include "gateway/page_reads.h"

#include "common/check.h"
#include "common/limits.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"

#define RETRY_MS        200
#define RETRY_FAILED_MS 500

struct page_reads {
    struct pool *db;
    uint64_t page_events;
    const struct page_reads_ops *ops;
    void *context;
    struct loop_timer *retry;
    bool retry_armed;
    bool failing;      /* the last page could not be read: the database is away */
    struct list later; /* waiters that ask again when the timer fires */
    size_t under_way;
    bool giving;         /* whoever asks now has his turn */
    struct map *readers; /* by user_id: those for whom there is no room now */
    struct list turns;   /* the same ones: whose turn is next is the first */
};

/* A user and his waiters that have not had their turn. */
struct reader {
    uint64_t user_id;
    struct list_node turn;
    struct list waiting;
};

/* A page that is being read for some waiters. */
struct page_read {
    struct log_read read;
    struct page_reads *all;
    struct page_source *source; /* NULL when the room went away meanwhile */
    struct list_node node;
    struct list waiting;
};

static void arm_retry(struct page_reads *reads, uint64_t delay_ms)
{
    if (!reads->retry_armed)
        loop_timer_start(reads->retry, delay_ms);
    reads->retry_armed = true;
}

void page_reads_later(struct page_reads *reads, struct list_node *waiter)
{
    list_push_back(&reads->later, waiter);
    arm_retry(reads, reads->failing ? RETRY_FAILED_MS : RETRY_MS);
}

static void on_retry(void *context)
{
    struct page_reads *reads = context;
    struct list again;
    struct list_node *node;

    reads->retry_armed = false;
    list_init(&again);
    if (!reads->failing)
        list_splice_back(&again, &reads->later);
    else if ((node = list_pop_front(&reads->later)) != NULL)
        list_push_back(&again, node);
    while ((node = list_pop_front(&again)) != NULL)
        reads->ops->again(reads->context, node);
    if (!list_empty(&reads->later))
        arm_retry(reads, RETRY_FAILED_MS);
}

static void note_result(struct page_reads *reads, enum err err)
{
    bool failed_before = reads->failing;

    reads->failing = err != ERR_NONE;
    if (failed_before && !reads->failing && !list_empty(&reads->later)) {
        reads->retry_armed = false;
        arm_retry(reads, 1);
    }
}

/* ---- turns ---- */

static void wait_for_turn(struct page_reads *reads, uint64_t user_id, struct list_node *waiter)
{
    struct reader *reader = map_find_u64(reads->readers, user_id);

    if (reader == NULL) {
        reader = mem_alloc(sizeof(*reader));
        reader->user_id = user_id;
        list_init(&reader->waiting);
        map_put_u64(reads->readers, user_id, reader);
        list_push_back(&reads->turns, &reader->turn);
    }
    list_push_back(&reader->waiting, waiter);
}

/* The first waiter of the user whose turn it is; NULL if it went away meanwhile. */
static struct list_node *take_turn(struct page_reads *reads)
{
    struct reader *reader = LIST_ITEM(list_pop_front(&reads->turns), struct reader, turn);
    struct list_node *waiter = list_pop_front(&reader->waiting);

    if (!list_empty(&reader->waiting)) {
        list_push_back(&reads->turns, &reader->turn);
        return waiter;
    }
    map_remove_u64(reads->readers, reader->user_id);
    mem_free(reader);
    return waiter;
}

static void give_turns(struct page_reads *reads)
{
    while (reads->under_way < PAGE_READS_MAX && !list_empty(&reads->turns)) {
        struct list_node *waiter = take_turn(reads);

        if (waiter != NULL && reads->failing) {
            page_reads_later(reads, waiter);
        } else if (waiter != NULL) {
            reads->giving = true;
            reads->ops->again(reads->context, waiter);
            reads->giving = false;
        }
    }
}

/* Not past those who wait: who reads on has had his turn. */
static bool has_turn(const struct page_reads *reads)
{
    return reads->giving || (reads->under_way < PAGE_READS_MAX && list_empty(&reads->turns));
}

/* ---- reads ---- */

static void on_read_done(struct pool_job *job)
{
    struct page_read *page = CONTAINER_OF(job, struct page_read, read.job);
    struct page_reads *reads = page->all;
    struct list_node *waiter;

    list_remove(&page->node);
    reads->under_way--;
    note_result(reads, page->read.err);
    if (page->source != NULL && page->read.err == ERR_NONE)
        reads->ops->page(reads->context, page->source, &page->read);
    while ((waiter = list_pop_front(&page->waiting)) != NULL) {
        if (page->read.err == ERR_NONE)
            reads->ops->serve(reads->context, waiter, &page->read);
        else
            page_reads_later(reads, waiter);
    }
    log_read_fini(&page->read);
    mem_free(page);
    give_turns(reads);
}

/* NULL if the pool's queue is full. */
static struct page_read *start_read(struct page_reads *reads, struct page_source *source,
                                    uint64_t after)
{
    struct page_read *page = mem_alloc(sizeof(*page));

    log_read_init(&page->read, source->room_id, after, reads->page_events, on_read_done);
    page->all = reads;
    page->source = source;
    list_init(&page->waiting);
    if (!pool_submit(reads->db, &page->read.job)) {
        mem_free(page);
        return NULL;
    }
    metrics_add(METRIC_LOG_PAGES, 1);
    reads->under_way++;
    list_push_back(&source->reads, &page->node);
    return page;
}

/* A page under way that will hold the event after `after`. */
static struct page_read *find_read(const struct page_reads *reads, struct page_source *source,
                                   uint64_t after)
{
    LIST_FOREACH (node, &source->reads) {
        struct page_read *page = LIST_ITEM(node, struct page_read, node);

        if (page->read.after <= after && after < page->read.after + reads->page_events)
            return page;
    }
    return NULL;
}

void page_reads_want(struct page_reads *reads, struct page_source *source, uint64_t after,
                     uint64_t user_id, struct list_node *waiter)
{
    struct page_read *page = find_read(reads, source, after);

    if (page == NULL && !has_turn(reads)) {
        wait_for_turn(reads, user_id, waiter);
        return;
    }
    if (page == NULL)
        page = start_read(reads, source, after);
    if (page == NULL)
        page_reads_later(reads, waiter);
    else
        list_push_back(&page->waiting, waiter);
}

void page_source_init(struct page_source *source, uint64_t room_id)
{
    source->room_id = room_id;
    list_init(&source->reads);
}

void page_source_drop(struct page_source *source)
{
    struct list_node *node;

    while ((node = list_pop_front(&source->reads)) != NULL)
        LIST_ITEM(node, struct page_read, node)->source = NULL;
}

struct page_reads *page_reads_create(struct loop *loop, struct pool *db, uint64_t page_events,
                                     const struct page_reads_ops *ops, void *context)
{
    struct page_reads *reads = mem_alloc(sizeof(*reads));

    reads->db = db;
    reads->page_events = page_events;
    reads->ops = ops;
    reads->context = context;
    reads->retry = loop_timer_create(loop, on_retry, reads);
    list_init(&reads->later);
    list_init(&reads->turns);
    reads->readers = map_create_u64();
    return reads;
}

void page_reads_destroy(struct page_reads **reads)
{
    if (*reads == NULL)
        return;
    CHECK((*reads)->under_way == 0 && list_empty(&(*reads)->turns));
    map_destroy(&(*reads)->readers);
    loop_timer_destroy(&(*reads)->retry);
    mem_free(*reads);
    *reads = NULL;
}
