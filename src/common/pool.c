#include "common/pool.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the kernel keeps of a thread's name. */
#define THREAD_NAME_SIZE 16

struct pool_thread {
    struct pool *pool;
    pthread_t handle;
    struct db *db; /* NULL in a pool without a database */
    char name[THREAD_NAME_SIZE];
};

struct pool {
    struct loop_watch *watch; /* on finished_fd */
    int finished_fd;          /* an eventfd: wakes the loop for the finished list */
    void (*waited)(uint64_t wait_us);
    size_t queue_max;
    unsigned thread_count;
    struct pool_thread *threads;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;
    struct list waiting;
    size_t waiting_count;
    unsigned busy; /* threads that run a job */
    struct list finished;
    bool stopping;
};

static void wake_loop(struct pool *pool)
{
    const uint64_t one = 1;
    ssize_t written;

    do
        written = write(pool->finished_fd, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
    CHECK(written == (ssize_t)sizeof(one));
}

/* The next job, or NULL when the pool stops. */
static struct pool_job *take_job(struct pool *pool)
{
    struct list_node *node = NULL;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping && list_empty(&pool->waiting))
        pthread_cond_wait(&pool->work, &pool->lock);
    if (!pool->stopping) {
        node = list_pop_front(&pool->waiting);
        pool->waiting_count--;
        pool->busy++;
    }
    pthread_mutex_unlock(&pool->lock);
    return node != NULL ? LIST_ITEM(node, struct pool_job, node) : NULL;
}

static void finish_job(struct pool *pool, struct pool_job *job)
{
    bool first;

    pthread_mutex_lock(&pool->lock);
    pool->busy--;
    first = list_empty(&pool->finished);
    list_push_back(&pool->finished, &job->node);
    pthread_mutex_unlock(&pool->lock);
    /* The loop takes the whole list at once: only the first needs to wake it. */
    if (first)
        wake_loop(pool);
}

static void *thread_main(void *argument)
{
    struct pool_thread *thread = argument;
    struct pool_job *job;

    pthread_setname_np(pthread_self(), thread->name);
    while ((job = take_job(thread->pool)) != NULL) {
        if (thread->pool->waited != NULL)
            thread->pool->waited(clock_mono_us() - job->submitted_us);
        job->run(job, thread->db);
        finish_job(thread->pool, job);
    }
    if (thread->db != NULL) {
        db_destroy(&thread->db);
        db_thread_fini();
    }
    return NULL;
}

/* Calls done for each job of the list. One at a time, since done may submit others and may free. */
static void call_done(struct list *jobs)
{
    struct list_node *node;

    while ((node = list_pop_front(jobs)) != NULL) {
        struct pool_job *job = LIST_ITEM(node, struct pool_job, node);

        job->done(job);
    }
}

static void on_finished(void *context)
{
    struct pool *pool = context;
    struct list jobs;
    uint64_t ignored;

    list_init(&jobs);
    /* Emptied before the list is taken: whoever adds to it after that wakes the loop again. */
    while (read(pool->finished_fd, &ignored, sizeof(ignored)) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&pool->lock);
    list_splice_back(&jobs, &pool->finished);
    pthread_mutex_unlock(&pool->lock);
    call_done(&jobs);
}

static struct db *make_connection(const char *database_url)
{
    char error[160];
    struct db *db;

    if (database_url == NULL)
        return NULL;
    db = db_create(database_url, error, sizeof(error));
    if (db == NULL)
        fatal("%s", error);
    return db;
}

/* Signals are the loop's: a thread that inherits this mask never gets one. */
static void start_threads(struct pool *pool, const struct pool_options *options)
{
    sigset_t all, before;

    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    for (unsigned i = 0; i < options->threads; i++) {
        struct pool_thread *thread = &pool->threads[i];
        int result;

        thread->pool = pool;
        thread->db = make_connection(options->database_url);
        snprintf(thread->name, sizeof(thread->name), "%.10s.%u", options->name, i % 1000);
        result = pthread_create(&thread->handle, NULL, thread_main, thread);
        if (result != 0)
            fatal("cannot start thread %s: %s", thread->name, strerror(result));
    }
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

struct pool *pool_create(struct loop *loop, const struct pool_options *options)
{
    struct pool *pool = mem_alloc(sizeof(*pool));

    CHECK(options->threads > 0);
    pool->waited = options->waited;
    pool->queue_max = options->queue_max;
    pool->thread_count = options->threads;
    pool->threads = mem_alloc_array(options->threads, sizeof(*pool->threads));
    pool->finished_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->finished_fd < 0)
        fatal("cannot create an eventfd: %s", strerror(errno));
    CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool->work, NULL) == 0);
    list_init(&pool->waiting);
    list_init(&pool->finished);
    pool->watch = loop_watch_create(loop, pool->finished_fd, on_finished, pool);
    start_threads(pool, options);
    return pool;
}

void pool_destroy(struct pool **pool_ptr)
{
    struct pool *pool = *pool_ptr;

    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        CHECK(pthread_join(pool->threads[i].handle, NULL) == 0);
    loop_watch_destroy(&pool->watch);
    /* Nobody shares the lists any more; a done that submits is refused (stopping). */
    call_done(&pool->finished);
    call_done(&pool->waiting);
    close(pool->finished_fd);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool->threads);
    mem_free(pool);
    *pool_ptr = NULL;
}

bool pool_submit(struct pool *pool, struct pool_job *job)
{
    size_t room;
    bool taken;

    pthread_mutex_lock(&pool->lock);
    /* What the idle threads are about to take does not count as waiting. */
    room = pool->queue_max + (pool->thread_count - pool->busy);
    taken = !pool->stopping && pool->waiting_count < room;
    if (taken) {
        list_node_init(&job->node);
        job->submitted_us = clock_mono_us();
        list_push_back(&pool->waiting, &job->node);
        pool->waiting_count++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

size_t pool_waiting(const struct pool *pool)
{
    /* The lock is not part of what const promises. */
    struct pool *shared = (struct pool *)(uintptr_t)pool;
    size_t count;

    pthread_mutex_lock(&shared->lock);
    count = shared->waiting_count;
    pthread_mutex_unlock(&shared->lock);
    return count;
}
