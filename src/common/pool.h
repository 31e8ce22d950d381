/*
 * pool.h: a few threads for what blocks (SQL, scrypt), so that a handler reads as straight-line
 * code: parse on the loop, work on the pool, answer on the loop.
 *
 * The queue is bounded: a full one refuses at once, so that a flood waits nowhere. Jobs start in
 * the order of their submission. done runs on the loop's thread, never inside pool_submit().
 */
#ifndef BANTER_COMMON_POOL_H
#define BANTER_COMMON_POOL_H

#include "common/base.h"
#include "common/list.h"
#include "common/loop.h"

struct pool;
struct db;

/* Embedded in the caller's job, whose memory stays the caller's. */
struct pool_job {
    struct list_node node;
    uint64_t submitted_us; /* the pool's */
    /* On a pool thread. db is the thread's connection, NULL in a pool without a database. */
    void (*run)(struct pool_job *job, struct db *db);
    /* On the loop, after run; may free the job and submit others. */
    void (*done)(struct pool_job *job);
};

struct pool_options {
    const char *name; /* for log lines and thread names; at most 10 characters */
    unsigned threads;
    size_t queue_max;         /* jobs that wait, beside those that run */
    const char *database_url; /* NULL: no connections */
    /* NULL, or told on the thread how long a job waited for it. */
    void (*waited)(uint64_t wait_us);
};

struct pool *pool_create(struct loop *loop, const struct pool_options *options);
/* Waits for the jobs that run, drops those that wait (their done is called, run is not), joins the
 * threads; sets *pool to NULL. */
void pool_destroy(struct pool **pool);
/* False when the queue is full: the job is not taken. Does not block. */
bool pool_submit(struct pool *pool, struct pool_job *job) ATTR_MUSTCHECK;
/* Jobs that wait now. */
size_t pool_waiting(const struct pool *pool);

#endif
