#include "broker/writer.h"

#include "broker/batch.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* Rooms whose number a writer remembers: some 150 bytes each. */
#define ROOMS_MAX 100000

/* A command and where it stands in its batch. */
struct place {
    uint64_t room_id;
    size_t at;
    struct command *command;
};

struct writer {
    struct writers *all;
    pthread_t thread;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list queue; /* under lock: jobs */
    bool stopping;     /* under lock */

    /* The thread's own. */
    struct db *db;
    struct sequencer *sequencer;
    struct apply *apply;
    struct batch_calls calls;
    struct command **commands; /* what it took: at most batch_max in all */
    size_t command_count;
    struct place *places; /* as many; of use in order_by_room() only */
    struct head_job **heads;
    uint64_t *head_rooms;
    size_t head_count;
    struct list finished; /* jobs that are not handed over yet */
};

struct writers {
    struct writers_options options;
    struct writer *writers;

    pthread_mutex_t lock;
    struct list results; /* under lock */
    atomic_bool conflict;
    int event_fd; /* counts up when there are results */
    struct loop_watch *watch;
};

/* ---- handing over -----------------------------------------------------------------------------*/

static void flush(void *context)
{
    struct writer *writer = context;
    struct writers *all = writer->all;
    uint64_t one = 1;

    if (list_empty(&writer->finished))
        return;
    pthread_mutex_lock(&all->lock);
    list_splice_back(&all->results, &writer->finished);
    pthread_mutex_unlock(&all->lock);
    CHECK(write(all->event_fd, &one, sizeof(one)) == (ssize_t)sizeof(one));
}

static void on_results(void *context)
{
    struct writers *all = context;
    struct list results;
    struct list_node *node;
    uint64_t count;

    /* Empty when the watch was only kicked; nothing else can fail. */
    if (read(all->event_fd, &count, sizeof(count)) < 0)
        return;
    list_init(&results);
    pthread_mutex_lock(&all->lock);
    list_splice_back(&results, &all->results);
    pthread_mutex_unlock(&all->lock);
    while ((node = list_pop_front(&results)) != NULL)
        all->options.done(all->options.context, LIST_ITEM(node, struct job, node));
    if (atomic_exchange(&all->conflict, false))
        all->options.conflict(all->options.context);
}

static void finished(void *context, struct command *command)
{
    struct writer *writer = context;

    list_push_back(&writer->finished, &command->job.node);
}

static void conflict(void *context)
{
    struct writer *writer = context;

    atomic_store(&writer->all->conflict, true);
}

static bool wait_ms(void *context, uint64_t ms)
{
    struct writer *writer = context;
    uint64_t until_us = clock_mono_us() + ms * 1000;
    struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    int result = 0;
    bool stopping;

    pthread_mutex_lock(&writer->lock);
    while (!writer->stopping && result == 0)
        result = pthread_cond_timedwait(&writer->wake, &writer->lock, &until);
    stopping = writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    return !stopping;
}

/* ---- the thread -------------------------------------------------------------------------------*/

/* Forgetting first is always right; heads come after the commands, so they count them in. */
static void take_job(struct writer *writer, struct job *job)
{
    switch (job->kind) {
    case JOB_COMMAND:
        writer->commands[writer->command_count++] = CONTAINER_OF(job, struct command, job);
        break;
    case JOB_HEAD: {
        struct head_job *head = CONTAINER_OF(job, struct head_job, job);

        writer->head_rooms[writer->head_count] = head->room_id;
        writer->heads[writer->head_count++] = head;
        break;
    }
    case JOB_FORGET:
        sequencer_drop_shards(writer->sequencer, CONTAINER_OF(job, struct forget_job, job)->shards);
        job_destroy(&job);
        break;
    }
}

/* Waits for jobs and takes them; false when the writer is to stop. */
static bool take_jobs(struct writer *writer)
{
    struct list_node *node;
    bool stopping;

    pthread_mutex_lock(&writer->lock);
    while (list_empty(&writer->queue) && !writer->stopping)
        pthread_cond_wait(&writer->wake, &writer->lock);
    stopping = writer->stopping;
    while (!stopping &&
           writer->command_count + writer->head_count < writer->all->options.batch_max &&
           (node = list_pop_front(&writer->queue)) != NULL)
        take_job(writer, LIST_ITEM(node, struct job, node));
    pthread_mutex_unlock(&writer->lock);
    return !stopping;
}

static bool answer_heads(struct writer *writer)
{
    if (!batch_load_rooms(writer->apply, &writer->calls, writer->head_rooms, writer->head_count))
        return false;
    for (size_t i = 0; i < writer->head_count; i++) {
        struct head_job *head = writer->heads[i];
        struct sequencer_room *room = sequencer_find(writer->sequencer, head->room_id);

        head->head = room != NULL ? sequencer_head(room) : 0;
        list_push_back(&writer->finished, &head->job.node);
    }
    writer->head_count = 0;
    return true;
}

static void count_waits(const struct writer *writer)
{
    uint64_t now_us = clock_mono_us();

    for (size_t i = 0; i < writer->command_count; i++)
        metrics_observe_us(METRIC_BROKER_QUEUE_WAIT, now_us - writer->commands[i]->queued_us);
}

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;

    if (a->room_id != b->room_id)
        return a->room_id < b->room_id ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

/* Rooms one after the other, each with its commands in the order in which they came: rows of a
 * room, and of its neighbours, lie on the same pages of both indexes. No order between rooms is
 * promised. */
static void order_by_room(struct writer *writer)
{
    for (size_t i = 0; i < writer->command_count; i++)
        writer->places[i] = (struct place){writer->commands[i]->room_id, i, writer->commands[i]};
    qsort(writer->places, writer->command_count, sizeof(*writer->places), compare_places);
    for (size_t i = 0; i < writer->command_count; i++)
        writer->commands[i] = writer->places[i].command;
}

static void *run(void *context)
{
    struct writer *writer = context;

    while (take_jobs(writer)) {
        count_waits(writer);
        order_by_room(writer);
        writer->command_count =
            batch_settle(writer->apply, &writer->calls, writer->commands, writer->command_count);
        flush(writer);
        if (writer->command_count > 0 || !answer_heads(writer))
            break;
        flush(writer);
        sequencer_trim(writer->sequencer);
    }
    db_destroy(&writer->db);
    db_thread_fini();
    return NULL;
}

/* ---- the loop's side --------------------------------------------------------------------------*/

static void init_lock(struct writer *writer)
{
    pthread_condattr_t attributes;

    CHECK(pthread_mutex_init(&writer->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&writer->wake, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

static bool writer_init(struct writers *all, struct writer *writer, char *error, size_t error_size)
{
    size_t batch_max = all->options.batch_max;

    writer->all = all;
    writer->db = db_create(all->options.database_url, error, error_size);
    if (writer->db == NULL)
        return false;
    init_lock(writer);
    list_init(&writer->queue);
    list_init(&writer->finished);
    writer->sequencer = sequencer_create(ROOMS_MAX);
    writer->apply = apply_create(writer->db, writer->sequencer);
    writer->calls = (struct batch_calls){finished, flush, wait_ms, conflict, writer};
    writer->commands = mem_alloc_array(batch_max, sizeof(struct command *));
    writer->places = mem_alloc_array(batch_max, sizeof(*writer->places));
    writer->heads = mem_alloc_array(batch_max, sizeof(struct head_job *));
    writer->head_rooms = mem_alloc_array(batch_max, sizeof(uint64_t));
    writer->started = true;
    CHECK(pthread_create(&writer->thread, NULL, run, writer) == 0);
    return true;
}

static void destroy_jobs(struct list *jobs)
{
    struct list_node *node;

    while ((node = list_pop_front(jobs)) != NULL) {
        struct job *job = LIST_ITEM(node, struct job, node);

        job_destroy(&job);
    }
}

static void writer_fini(struct writer *writer)
{
    if (!writer->started)
        return;
    for (size_t i = 0; i < writer->command_count; i++)
        command_destroy(&writer->commands[i]);
    for (size_t i = 0; i < writer->head_count; i++)
        mem_free(writer->heads[i]);
    destroy_jobs(&writer->queue);
    destroy_jobs(&writer->finished);
    apply_destroy(&writer->apply);
    sequencer_destroy(&writer->sequencer);
    mem_free(writer->commands);
    mem_free(writer->places);
    mem_free(writer->heads);
    mem_free(writer->head_rooms);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
}

struct writers *writers_create(struct loop *loop, const struct writers_options *options,
                               char *error, size_t error_size)
{
    struct writers *all = mem_alloc(sizeof(*all));
    sigset_t blocked, before;

    all->options = *options;
    all->writers = mem_alloc_array(options->threads, sizeof(*all->writers));
    CHECK(pthread_mutex_init(&all->lock, NULL) == 0);
    list_init(&all->results);
    all->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(all->event_fd >= 0);
    all->watch = loop_watch_create(loop, all->event_fd, on_results, all);
    /* Signals are the loop's: a thread that inherits this mask never gets one. */
    sigfillset(&blocked);
    CHECK(pthread_sigmask(SIG_SETMASK, &blocked, &before) == 0);
    for (unsigned i = 0; i < options->threads; i++)
        if (!writer_init(all, &all->writers[i], error, error_size)) {
            writers_destroy(&all);
            break;
        }
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return all;
}

static void stop(struct writer *writer)
{
    if (!writer->started)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

void writers_destroy(struct writers **writers)
{
    struct writers *all = *writers;

    if (all == NULL)
        return;
    for (unsigned i = 0; i < all->options.threads; i++)
        stop(&all->writers[i]);
    for (unsigned i = 0; i < all->options.threads; i++) {
        if (all->writers[i].started)
            CHECK(pthread_join(all->writers[i].thread, NULL) == 0);
        writer_fini(&all->writers[i]);
    }
    loop_watch_destroy(&all->watch);
    close(all->event_fd);
    destroy_jobs(&all->results);
    pthread_mutex_destroy(&all->lock);
    mem_free(all->writers);
    mem_free(all);
    *writers = NULL;
}

static void submit(struct writer *writer, struct job *job)
{
    pthread_mutex_lock(&writer->lock);
    list_push_back(&writer->queue, &job->node);
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

static struct writer *writer_of(struct writers *all, uint64_t room_id)
{
    return &all->writers[room_id % all->options.threads];
}

void writers_submit_command(struct writers *writers, struct command *command)
{
    uint64_t spread = command->room_id;

    /* A room that does not exist yet has no writer; the key, which is a hash, spreads them. */
    if (command->kind == COMMAND_CREATE_ROOM)
        memcpy(&spread, command->pending.key, sizeof(spread));
    submit(writer_of(writers, spread), &command->job);
}

void writers_submit_head(struct writers *writers, uint64_t room_id)
{
    submit(writer_of(writers, room_id), &head_job_create(room_id)->job);
}

void writers_forget(struct writers *writers, uint64_t shards)
{
    for (unsigned i = 0; i < writers->options.threads; i++)
        submit(&writers->writers[i], &forget_job_create(shards)->job);
}
