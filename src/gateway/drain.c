#include "gateway/drain.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "gateway/bus_link.h"
#include "gateway/chat_client.h"

#define TICK_MS 50
/* A connection that was just accepted, or is used again and again, gets its next answer, which says
 * "Connection: close"; only then are idle ones closed from our side. */
#define IDLE_MS 1000
/* The kernel gives our socket no new connections, but those whose handshake is under way come to
 * it, and would wait there for ever. */
#define LISTEN_MS 500
/* After the drain time: sends that are not answered by then will not be soon, so their sockets are
 * closed without; */
#define ANSWERS_MS 2000
/* and for close handshakes and requests that still run. */
#define GRACE_MS 5000

struct drain {
    struct services *services;
    struct http_server *http;
    struct presence_local *presence;
    struct loop_timer *timer;
    uint64_t closing_since_ms; /* 0: not yet */
    uint64_t listen_ms;        /* so much longer connections are accepted */
    size_t open;               /* sockets that nobody has asked to close */
    size_t quota;              /* of them, for this tick */
};

static void count_open(struct ws_conn *conn, void *context)
{
    struct drain *drain = context;

    drain->open += !chat_client_leaving(conn);
}

static void close_one(struct ws_conn *conn, void *context)
{
    struct drain *drain = context;

    if (drain->quota == 0 || chat_client_leaving(conn))
        return;
    drain->quota--;
    chat_client_drain(conn);
}

static void close_at_last(struct ws_conn *conn, void *context ATTR_UNUSED)
{
    chat_client_drain_now(conn);
}

static bool drained(const struct drain *drain)
{
    return ws_set_count(drain->services->sockets) == 0 &&
           http_server_connections(drain->http) == 0 && http_server_busy(drain->http) == 0 &&
           bus_link_in_flight(drain->services->link) == 0;
}

/* Closes an equal share of the sockets in each tick, so that their clients do not come back to the
 * other gateways all at once. */
static void close_share(struct drain *drain)
{
    uint64_t elapsed = clock_mono_ms() - drain->closing_since_ms;
    uint64_t drain_ms = drain->services->settings->drain_ms;
    uint64_t ticks_left = elapsed < drain_ms ? (drain_ms - elapsed) / TICK_MS + 1 : 1;

    drain->open = 0;
    ws_set_foreach(drain->services->sockets, count_open, drain);
    drain->quota = (drain->open + ticks_left - 1) / ticks_left;
    ws_set_foreach(drain->services->sockets, close_one, drain);
    if (elapsed > drain_ms + ANSWERS_MS)
        ws_set_foreach(drain->services->sockets, close_at_last, NULL);
    if (elapsed >= drain->listen_ms)
        http_server_stop_listening(drain->http);
    if (elapsed >= MAX(MIN(drain_ms, (uint64_t)IDLE_MS), 2 * drain->listen_ms))
        http_server_close_idle(drain->http);
    if ((drained(drain) && elapsed >= drain->listen_ms) || elapsed > drain_ms + GRACE_MS)
        loop_stop(drain->services->loop);
}

static void on_timer(void *context)
{
    struct drain *drain = context;

    if (drain->closing_since_ms != 0) {
        close_share(drain);
        return;
    }
    log_info("worker.drain", "sockets=%zu requests=%zu", ws_set_count(drain->services->sockets),
             http_server_busy(drain->http));
    /* Whoever leaves from here on comes back through another worker, and was never away. */
    presence_local_set_draining(drain->presence);
    if (drain->listen_ms == 0)
        http_server_stop_listening(drain->http);
    drain->closing_since_ms = clock_mono_ms();
    loop_timer_start_periodic(drain->timer, TICK_MS);
}

struct drain *drain_create(struct services *services, struct http_server *http,
                           struct presence_local *presence)
{
    struct drain *drain = mem_alloc(sizeof(*drain));

    drain->services = services;
    drain->http = http;
    drain->presence = presence;
    drain->timer = loop_timer_create(services->loop, on_timer, drain);
    return drain;
}

void drain_begin(struct drain *drain, enum worker_order order)
{
    uint64_t notice_ms = order == WORKER_LEAVE ? drain->services->settings->drain_notice_ms : 0;

    if (drain->services->draining)
        return;
    drain->services->draining = true;
    drain->listen_ms = order == WORKER_DISSOLVE ? LISTEN_MS : 0;
    metrics_set(METRIC_WORKERS_DRAINING, 1);
    if (notice_ms > 0) {
        log_info("worker.notice", "ms=%llu", (unsigned long long)notice_ms);
        loop_timer_start(drain->timer, notice_ms);
    } else {
        on_timer(drain);
    }
}

void drain_destroy(struct drain **drain)
{
    if (*drain == NULL)
        return;
    loop_timer_destroy(&(*drain)->timer);
    mem_free(*drain);
    *drain = NULL;
}
