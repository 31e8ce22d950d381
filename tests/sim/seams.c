/* The floors that the real modules stand on: memory that ends with the schedule, a clock that the
 * schedule turns, loops, pools, and randomness that is none. */
#include "sim.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TIMERS_MAX    8
#define POOL_JOBS_MAX 64

/* ---- memory: a killed process gives nothing back, so the schedule's end does ------------------*/

struct block {
    struct list_node node;
};

static struct list blocks = {{&blocks.head, &blocks.head}};

void seams_reset(void)
{
    struct list_node *node;

    while ((node = list_pop_front(&blocks)) != NULL)
        free(LIST_ITEM(node, struct block, node));
}

static void *keep(struct block *block)
{
    list_node_init(&block->node);
    list_push_back(&blocks, &block->node);
    return block + 1;
}

void *mem_alloc(size_t size)
{
    return keep(calloc(1, sizeof(struct block) + size));
}

void *mem_alloc_array(size_t count, size_t size)
{
    return mem_alloc(count * size);
}

void *mem_realloc(void *ptr, size_t size)
{
    struct block *block = ptr != NULL ? (struct block *)ptr - 1 : NULL;

    if (block != NULL)
        list_remove(&block->node);
    return keep(realloc(block, sizeof(struct block) + size));
}

void *mem_dup(const void *data, size_t len)
{
    void *copy = mem_alloc(len);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

char *mem_strndup(const char *text, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *mem_strdup(const char *text)
{
    return text != NULL ? mem_strndup(text, strlen(text)) : NULL;
}

void mem_free(void *ptr)
{
    struct block *block;

    if (ptr == NULL)
        return;
    block = (struct block *)ptr - 1;
    list_remove(&block->node);
    free(block);
}

/* ---- what happens when something is wrong -----------------------------------------------------*/

void check_failed(const char *condition, const char *file, int line, const char *function)
{
    sim_fail("%s:%d: %s: CHECK(%s)", file, line, function, condition);
}

void fatal(const char *format, ...)
{
    sim_fail("fatal: %s", format);
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    char text[256];
    va_list arguments;

    if (!sim.trace || level < LOG_WARN)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    sim_trace("log: %s %s", event, text);
}

bool log_allowed(struct log_limit *limit, uint64_t interval_ms, uint64_t *suppressed_out)
{
    (void)limit;
    (void)interval_ms;
    *suppressed_out = 0;
    return false;
}

/* ---- clock and randomness ---------------------------------------------------------------------*/

uint64_t clock_mono_ms(void)
{
    return sim.now_ms;
}

uint64_t clock_mono_us(void)
{
    return sim.now_ms * 1000;
}

/* The wall clock may step back. */
uint64_t clock_wall_us(void)
{
    return sim.now_ms * 1000 + sim_below(50000);
}

char *clock_format_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE])
{
    static const char digits[] = "0123456789";

    for (int i = 15; i >= 0; i--, wall_us /= 10)
        out[i] = digits[wall_us % 10];
    out[16] = '\0';
    return out;
}

void digest_random(void *out, size_t len)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)sim_below(256);
}

/* Only the keys of a command's further rows need it, and messages have one row. */
void digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_SIZE])
{
    memset(out, 0, DIGEST_SHA256_SIZE);
    memcpy(out, data, len < DIGEST_SHA256_SIZE ? len : DIGEST_SHA256_SIZE);
}

/* The maps' order is the same each time. */
ssize_t getrandom(void *buffer, size_t length, unsigned flags)
{
    (void)flags;
    memset(buffer, 0x5a, length);
    return (ssize_t)length;
}

/* ---- loops ------------------------------------------------------------------------------------*/

struct loop_timer {
    struct loop *loop;
    void (*fn)(void *context);
    void *context;
    uint64_t due_ms;
    uint64_t interval_ms; /* 0: once */
    bool armed;
};

struct loop {
    struct loop_timer *timers[TIMERS_MAX];
    unsigned timer_count;
    struct {
        void (*fn)(void *context);
        void *context;
    } hooks[LOOP_TURN_HOOKS_MAX];
    unsigned hook_count;
    struct list deferred;
};

struct loop *loop_create(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));

    list_init(&loop->deferred);
    return loop;
}

void loop_on_turn_end(struct loop *loop, void (*fn)(void *context), void *context)
{
    loop->hooks[loop->hook_count].fn = fn;
    loop->hooks[loop->hook_count++].context = context;
}

void loop_no_wait(struct loop *loop)
{
    (void)loop; /* the schedule never waits */
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (!list_node_linked(&deferred->node))
        list_push_back(&loop->deferred, &deferred->node);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *context), void *context)
{
    struct loop_timer *timer = mem_alloc(sizeof(*timer));

    CHECK(loop->timer_count < TIMERS_MAX);
    *timer = (struct loop_timer){.loop = loop, .fn = fn, .context = context};
    loop->timers[loop->timer_count++] = timer;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_ms)
{
    timer->due_ms = sim.now_ms + delay_ms;
    timer->interval_ms = 0;
    timer->armed = true;
}

void loop_timer_start_periodic(struct loop_timer *timer, uint64_t interval_ms)
{
    loop_timer_start(timer, interval_ms);
    timer->interval_ms = interval_ms;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->armed = false;
}

void loop_timer_destroy(struct loop_timer **timer)
{
    (*timer)->armed = false;
    *timer = NULL;
}

void seams_turn_end(struct loop *loop)
{
    struct list_node *node;

    for (unsigned i = 0; i < loop->hook_count; i++)
        loop->hooks[i].fn(loop->hooks[i].context);
    if (!list_empty(&loop->deferred))
        sim.now_ms += sim_below(8); /* what was deferred comes after the sockets' flush */
    while ((node = list_pop_front(&loop->deferred)) != NULL) {
        struct loop_deferred *deferred = LIST_ITEM(node, struct loop_deferred, node);

        deferred->fn(deferred->context);
    }
    sim_worker_touched(loop);
}

void seams_run_timers(struct loop *loop)
{
    bool any = false;

    for (unsigned i = 0; i < loop->timer_count; i++) {
        struct loop_timer *timer = loop->timers[i];

        if (!timer->armed || timer->due_ms > sim.now_ms)
            continue;
        timer->armed = timer->interval_ms != 0;
        timer->due_ms = sim.now_ms + timer->interval_ms;
        timer->fn(timer->context);
        any = true;
    }
    if (any)
        seams_turn_end(loop);
}

/* ---- pools: jobs overtake each other ----------------------------------------------------------*/

struct pool {
    struct loop *loop;
    struct db *db;
    struct pool_job *waiting[POOL_JOBS_MAX];
    struct pool_job *ran[POOL_JOBS_MAX];
    unsigned waiting_count;
    unsigned ran_count;
};

struct pool *sim_pool_create(struct loop *loop)
{
    struct pool *pool = mem_alloc(sizeof(*pool));

    pool->loop = loop;
    pool->db = sim_db_create(-1);
    return pool;
}

bool pool_submit(struct pool *pool, struct pool_job *job)
{
    if (pool->waiting_count + pool->ran_count == POOL_JOBS_MAX || sim_trouble(50))
        return false;
    pool->waiting[pool->waiting_count++] = job;
    return true;
}

static struct pool_job *take(struct pool_job **jobs, unsigned *count)
{
    unsigned at = sim_below(*count);
    struct pool_job *job = jobs[at];

    jobs[at] = jobs[--*count];
    return job;
}

bool sim_pool_step(struct pool *pool, bool finish)
{
    struct pool_job *job;

    if ((finish ? pool->ran_count : pool->waiting_count) == 0)
        return false;
    if (finish) {
        job = take(pool->ran, &pool->ran_count);
        job->done(job);
        seams_turn_end(pool->loop);
    } else {
        job = take(pool->waiting, &pool->waiting_count);
        job->run(job, pool->db);
        pool->ran[pool->ran_count++] = job;
    }
    return true;
}
