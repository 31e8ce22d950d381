#include "gateway/worker.h"
#include "gateway/auth_waits.h"
#include "gateway/chat_admission.h"

#include "common/bus_security.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/pool.h"
#include "common/settings.h"
#include "gateway/admissions.h"
#include "gateway/bus_link.h"
#include "gateway/chat_client.h"
#include "gateway/chat_limits.h"
#include "gateway/drain.h"
#include "gateway/http_server.h"
#include "gateway/limiter.h"
#include "gateway/linger.h"
#include "gateway/memory_watch.h"
#include "gateway/presence_local.h"
#include "gateway/rooms.h"
#include "gateway/services.h"
#include "gateway/sessions.h"
#include "gateway/web_access.h"
#include "gateway/worker_status.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROBE_MS 1000

struct worker {
    struct services services;
    struct presence_local *presence;
    struct http_server *http;
    struct loop_watch *on_term;
    struct loop_watch *on_int;
    struct drain *drain;
    struct memory_watch *memory;
    struct loop_timer *probe_timer;
    struct worker_status *status; /* shared with the master */
    pid_t master;
    struct pool_job probe;
    enum err probe_err;
    bool probing;
};

/* ---- what comes from the bus ---- */

static void on_event(void *context, const struct bus_event *event)
{
    struct worker *worker = context;

    rooms_on_event(worker->services.rooms, event);
}

static void on_head(void *context, const struct bus_head *head)
{
    struct worker *worker = context;

    rooms_on_head(worker->services.rooms, head);
}

static void on_ephemeral(void *context, const struct bus_ephemeral *ephemeral)
{
    struct worker *worker = context;

    rooms_on_ephemeral(worker->services.rooms, ephemeral);
}

static void on_revoke(void *context, const struct bus_revoke *revoke)
{
    struct worker *worker = context;

    sessions_on_revoke(worker->services.sessions, revoke);
}

static void send_presence(void *context, uint32_t shard)
{
    struct worker *worker = context;

    presence_local_send_shard(worker->presence, shard);
}

static void fill_digests(void *context, uint64_t digest[SHARD_COUNT])
{
    struct worker *worker = context;

    presence_local_digests(worker->presence, digest);
}

static bool hears_room(void *context, uint64_t room_id)
{
    const struct worker *worker = context;

    return rooms_hear(worker->services.rooms, room_id);
}

static void on_room(void *context)
{
    struct worker *worker = context;

    chat_client_resume_all(&worker->services);
}

static const struct bus_link_handlers link_handlers = {
    on_event,      on_head,    on_ephemeral, on_revoke, send_presence,
    send_presence, hears_room, fill_digests, on_room,
};

/* ---- is the database there? ---- */

static void run_probe(struct pool_job *job, struct db *db)
{
    struct worker *worker = CONTAINER_OF(job, struct worker, probe);

    worker->probe_err = db_run(db, "SELECT 1", NULL, 0);
}

static void on_probed(struct pool_job *job)
{
    struct worker *worker = CONTAINER_OF(job, struct worker, probe);

    worker->probing = false;
    worker->services.database_ok = worker->probe_err == ERR_NONE;
}

/* What /readyz of the admin listener, and who draws it, hears of this worker. */
static void count_state(struct worker *worker)
{
    const struct services *services = &worker->services;

    http_server_count(worker->http);
    metrics_set(METRIC_WORKERS, 1);
    metrics_set(METRIC_WORKERS_DRAINING, services->draining);
    metrics_set(METRIC_WORKERS_WITH_DATABASE, services->database_ok);
    metrics_set(METRIC_WORKERS_WITH_BROKER, bus_link_ready(services->link));
    metrics_set(METRIC_DB_QUEUE,
                pool_waiting(services->db) +
                    (services->admissions != NULL ? admissions_waiting(services->admissions) : 0));
    metrics_set(METRIC_SCRYPT_QUEUE, pool_waiting(services->scrypt));
}

static void on_probe_timer(void *context)
{
    struct worker *worker = context;

    count_state(worker);
    if (worker->probing)
        return;
    worker->probe.run = run_probe;
    worker->probe.done = on_probed;
    worker->probe_err = ERR_OVERLOADED;
    worker->probing = pool_submit(worker->services.db, &worker->probe);
}

/* ---- what the master hears, and says ---- */

static void on_turn_end(void *context)
{
    struct worker *worker = context;
    const struct services *services = &worker->services;

    bool ready = services->database_ok && services->link != NULL && bus_link_ready(services->link);

    /* Before the master hears of it and lets those go that accept at the same socket. */
    if (ready || !atomic_load(&worker->status->waits))
        http_server_accept(worker->http);
    atomic_fetch_add_explicit(&worker->status->turns, 1, memory_order_relaxed);
    atomic_store_explicit(&worker->status->ready, ready, memory_order_relaxed);
}

static void on_stop_signal(void *context)
{
    struct worker *worker = context;
    bool orphan = getppid() != worker->master;
    int order = atomic_load(&worker->status->order);

    switch (order) {
    case WORKER_END_NOW:
        loop_stop(worker->services.loop);
        break;
    case WORKER_LEAVE:
    case WORKER_RETIRE:
    case WORKER_DISSOLVE:
        drain_begin(worker->drain, (enum worker_order)order);
        break;
    default: /* not from the master: either it is gone, or it will put another in our place */
        drain_begin(worker->drain, orphan ? WORKER_LEAVE : WORKER_RETIRE);
        break;
    }
    atomic_store(&worker->status->phase, WORKER_DRAINING);
}

/* ---- beginning and end ---- */

static void db_waited(uint64_t wait_us)
{
    metrics_observe_us_by(METRIC_POOL_WAIT, METRICS_POOL_DB, wait_us);
}

static void scrypt_waited(uint64_t wait_us)
{
    metrics_observe_us_by(METRIC_POOL_WAIT, METRICS_POOL_SCRYPT, wait_us);
}

static void create_pools(struct worker *worker)
{
    const struct settings *settings = worker->services.settings;
    struct pool_options db = {"db", (unsigned)settings->db_threads, settings->db_queue,
                              settings->database_url, db_waited};
    struct pool_options scrypt = {"scrypt", (unsigned)settings->scrypt_threads,
                                  settings->scrypt_queue, NULL, scrypt_waited};

    worker->services.db = pool_create(worker->services.loop, &db);
    worker->services.scrypt = pool_create(worker->services.loop, &scrypt);
}

/* Rooms before sockets: what a turn brought is first queued, then flushed. */
static void create_chat(struct worker *worker)
{
    struct services *services = &worker->services;
    const struct settings *settings = services->settings;
    struct rooms_options rooms = {settings->ring_room_bytes, settings->ring_total_bytes,
                                  settings->page_events, settings->linger_ms, LINGER_MEMBERS_MIN};
    struct ws_options sockets = {&chat_client_handlers, settings->ping_ms,
                                 settings->send_queue_bytes, BODY_BYTES_MAX,
                                 settings->deflate_min_bytes};
    struct bus_link_options link = {settings->brokers,          settings->command_timeout_ms,
                                    settings->command_retry_ms, settings->heartbeat_ms,
                                    settings->commands_max,     NULL};
    const size_t waiting_max[] = {[ADMISSION_OF_SOCKET] = ADMISSIONS_WAITING_MAX,
                                  [ADMISSION_OF_REQUEST] = settings->db_queue};
    struct bus_security security;
    char error[512];

    if (!bus_security_load(settings, BUS_SIDE_PEER, &security, error, sizeof(error)))
        fatal("%s.", error);
    link.security = &security;
    services->rooms = rooms_create(services->loop, services->db, &rooms);
    list_init(&services->ended_rooms);
    loop_on_turn_end(services->loop, chat_client_turn_end, services);
    services->holds = chat_holds_create(services->loop);
    services->sockets = ws_set_create(services->loop, &sockets);
    services->auth_waits =
        auth_waits_create(services->loop, settings->socket_auth_ms, chat_admission_over);
    worker->presence = presence_local_create(services->loop);
    services->admissions = admissions_create(services->db, waiting_max);
    services->sessions = sessions_create(services->loop, services->db, settings->session_check_ms);
    services->link = bus_link_create(services->loop, &link, &link_handlers, worker);
    bus_security_wipe(&security);
    rooms_set_link(services->rooms, services->link, worker->presence);
    presence_local_set_link(worker->presence, services->link);
}

struct worker *worker_create(const struct inherit *inherit)
{
    struct worker *worker = mem_alloc(sizeof(*worker));
    struct services *services = &worker->services;

    worker->status = inherit->status;
    worker->master = inherit->master;
    services->settings = inherit->settings;
    services->assets = inherit->assets;
    services->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(services->null_fd >= 0);
    db_library_init();
    services->loop = loop_create();
    services->limiter = limiter_create(services->settings, inherit->limits);
    create_pools(worker);
    create_chat(worker);
    services->web = web_access_create(services->settings->origins);
    worker->http = http_server_create(services, inherit);
    worker->on_term = loop_signal_create(services->loop, SIGTERM, on_stop_signal, worker);
    worker->on_int = loop_signal_create(services->loop, SIGINT, on_stop_signal, worker);
    worker->drain = drain_create(services, worker->http, worker->presence);
    worker->memory =
        memory_watch_create(services, worker->http, services->settings->worker_memory_bytes);
    worker->probe_timer = loop_timer_create(services->loop, on_probe_timer, worker);
    loop_timer_start_periodic(worker->probe_timer, PROBE_MS);
    on_probe_timer(worker);
    loop_on_turn_end(services->loop, on_turn_end, worker);
    if (!atomic_load(&worker->status->waits))
        http_server_accept(worker->http);
    return worker;
}

struct services *worker_services(struct worker *worker)
{
    return &worker->services;
}

const struct http_server *worker_http(const struct worker *worker)
{
    return worker->http;
}

/* Sockets first, since they use everything; then what might still call back into requests. Nobody
 * new comes meanwhile: who was told to end at once has not drained. */
void worker_destroy(struct worker **gone)
{
    struct worker *worker = *gone;
    struct services *services = &worker->services;

    services->draining = true;
    http_server_stop_listening(worker->http);
    drain_destroy(&worker->drain);
    memory_watch_destroy(&worker->memory);
    loop_timer_destroy(&worker->probe_timer);
    loop_watch_destroy(&worker->on_term);
    loop_watch_destroy(&worker->on_int);
    ws_set_abort(services->sockets);
    for (int turns = 0; turns < 10; turns++)
        loop_turn(services->loop, 1);
    pool_destroy(&services->scrypt);
    pool_destroy(&services->db);
    admissions_destroy(&services->admissions);
    bus_link_destroy(&services->link);
    /* Replies that were just written leave. */
    for (int turns = 0; turns < 10; turns++)
        loop_turn(services->loop, 1);
    http_server_destroy(&worker->http);
    web_access_destroy(&services->web);
    chat_holds_destroy(&services->holds);
    sessions_destroy(&services->sessions);
    rooms_destroy(&services->rooms);
    presence_local_destroy(&worker->presence);
    ws_set_destroy(&services->sockets);
    auth_waits_destroy(&services->auth_waits);
    limiter_destroy(&services->limiter);
    loop_destroy(&services->loop);
    libevent_global_shutdown();
    db_library_fini();
    close(services->null_fd);
    mem_free(worker);
    *gone = NULL;
}

int worker_run(const struct inherit *inherit)
{
    struct worker *worker;
    char name[32];

    snprintf(name, sizeof(name), "gateway.w%u", inherit->index);
    log_name(name);
    metrics_use(inherit->metrics, strchr(name, '.') + 1);
    worker = worker_create(inherit);
    atomic_store(&worker->status->phase, WORKER_SERVING);
    loop_signals_unblock();
    log_info("worker.ready", "pid=%d", (int)getpid());
    loop_run(worker->services.loop);
    worker_destroy(&worker);
    log_info("worker.stopped", "pid=%d", (int)getpid());
    return 0;
}
