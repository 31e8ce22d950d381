#include "gateway/memory_watch.h"

#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/process_stats.h"
#include "common/settings.h"
#include "gateway/burst.h"
#include "gateway/chat_client.h"
#include "gateway/http_server.h"
#include "gateway/limiter.h"
#include "gateway/services.h"

#define LOOK_MS 200

struct memory_watch {
    struct services *services;
    struct http_server *http;
    struct burst burst;
    struct loop_timer *timer;
    uint64_t max_bytes;
    bool full;
};

/* Who keeps memory waiting: does not read what is queued, or does not finish what was begun. */
static void close_laggard(struct ws_conn *conn, void *context ATTR_UNUSED)
{
    if (conn->queue.bytes > LAGGARD_BYTES || ws_message_unfinished(&conn->message) > LAGGARD_BYTES)
        chat_client_close(CONTAINER_OF(conn, struct chat_client, conn), CLOSE_REASON_TRY_LATER);
}

static void set_full(struct memory_watch *watch, bool full, uint64_t bytes)
{
    struct services *services = watch->services;

    if (full == watch->full)
        return;
    watch->full = full;
    limiter_set_full(services->limiter, full);
    rooms_bound_rings(services->rooms, full ? 0 : services->settings->ring_total_bytes);
    metrics_set(METRIC_WORKERS_FULL, full);
    if (full)
        log_warn("worker.memory_full", "bytes=%llu max=%llu", (unsigned long long)bytes,
                 (unsigned long long)watch->max_bytes);
    else
        log_info("worker.memory_free", "bytes=%llu", (unsigned long long)bytes);
}

static void on_timer(void *context)
{
    struct memory_watch *watch = context;
    uint64_t bytes = process_stats_own_bytes();

    metrics_set(METRIC_WORKER_MEMORY, bytes);
    if (burst_is_over(&watch->burst, http_server_connections(watch->http)))
        mem_give_back();
    if (watch->max_bytes == 0 || bytes == 0)
        return;
    if (bytes > watch->max_bytes)
        set_full(watch, true, bytes);
    else if (bytes < watch->max_bytes / 16 * 15)
        set_full(watch, false, bytes);
    if (watch->full) {
        ws_set_foreach(watch->services->sockets, close_laggard, NULL);
        http_server_cut_laggards(watch->http, LAGGARD_BYTES);
        mem_give_back();
    }
}

struct memory_watch *memory_watch_create(struct services *services, struct http_server *http,
                                         uint64_t max_bytes)
{
    struct memory_watch *watch = mem_alloc(sizeof(*watch));

    watch->services = services;
    watch->http = http;
    watch->max_bytes = max_bytes;
    watch->timer = loop_timer_create(services->loop, on_timer, watch);
    loop_timer_start_periodic(watch->timer, LOOK_MS);
    return watch;
}

void memory_watch_destroy(struct memory_watch **watch)
{
    if (*watch == NULL)
        return;
    loop_timer_destroy(&(*watch)->timer);
    mem_free(*watch);
    *watch = NULL;
}
