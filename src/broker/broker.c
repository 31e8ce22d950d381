#include "broker/broker.h"

#include "broker/control.h"
#include "broker/housekeeping.h"
#include "broker/intake.h"
#include "broker/leases.h"
#include "common/admin.h"
#include "common/bus_auth.h"
#include "common/bus_security.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/sandbox.h"
#include "common/schema.h"
#include "common/store_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A predecessor at our address has this long to be gone. */
#define TAKE_OVER_MS 5000
/* What is under way has this long to be committed when the broker stops. */
#define FINISH_MS        5000
#define PRESENCE_TICK_MS 250
/* Leases and housekeeping have a thread each, so that neither waits for the other. */
#define POOL_THREADS 2

struct broker {
    const struct settings *settings;
    struct control_source source;
    int address_lock; /* -1: none is needed */
    struct loop *loop;
    struct bus_context *bus;
    struct bus_auth *auth; /* NULL: the bus is plain */
    struct bus_sock *commands;
    bool commands_bound;
    struct publisher *publisher;
    struct presence_hub *presence;
    struct writers *writers;
    struct intake *intake;
    struct pool *pool;
    struct leases *leases;
    struct housekeeping *housekeeping;
    struct admin *admin; /* NULL: metrics are served nowhere */
    struct loop_timer *presence_timer;
    struct loop_watch *signals[2];
    struct control *control;
    uint64_t owned;
};

/* ---- wiring -----------------------------------------------------------------------------------*/

static void ask_head(void *context, uint64_t room_id)
{
    struct broker *broker = context;

    writers_submit_head(broker->writers, room_id);
}

static void on_writer_done(void *context, struct job *job)
{
    struct broker *broker = context;

    intake_finish(broker->intake, job);
}

static void on_conflict(void *context)
{
    struct broker *broker = context;

    leases_check(broker->leases);
}

static void announce(void *context, uint64_t room_id, uint64_t user_id, bool joined)
{
    struct broker *broker = context;

    publisher_activity(broker->publisher, room_id, user_id, joined);
}

static void ask_presence(void *context, uint64_t worker_id, uint32_t shard)
{
    struct broker *broker = context;

    publisher_resync(broker->publisher, worker_id, shard);
}

static void tick_presence(void *context)
{
    struct broker *broker = context;

    presence_hub_tick(broker->presence, clock_mono_ms());
    metrics_set(METRIC_BROKER_WORKERS, presence_hub_workers(broker->presence));
    leases_count(broker->leases);
}

static void subscribe_pulse(struct broker *broker)
{
    uint8_t pulse[BUS_TOPIC_SIZE];

    bus_topic_encode(BUS_TOPIC_PULSE, 0, pulse);
    bus_sock_subscribe(broker->commands, pulse, sizeof(pulse));
}

static void subscribe_shard(struct broker *broker, uint64_t shard, bool subscribe)
{
    uint8_t topic[BUS_TOPIC_SIZE];

    bus_topic_encode(BUS_TOPIC_SHARD, shard, topic);
    if (subscribe)
        bus_sock_subscribe(broker->commands, topic, sizeof(topic));
    else
        bus_sock_unsubscribe(broker->commands, topic, sizeof(topic));
}

/* Before the first command of a new shard is taken, everybody has forgotten what an earlier
 * ownership left behind. */
static void on_shards_changed(void *context, uint64_t owned)
{
    struct broker *broker = context;
    uint64_t gained = owned & ~broker->owned;
    uint64_t lost = broker->owned & ~owned;

    broker->owned = owned;
    writers_forget(broker->writers, gained | lost);
    presence_hub_forget(broker->presence, lost);
    intake_set_owned(broker->intake, owned);
    publisher_set_owned(broker->publisher, owned);
    for (uint64_t shard = 0; shard < SHARD_COUNT; shard++)
        if (((gained | lost) >> shard & 1) != 0)
            subscribe_shard(broker, shard, (gained >> shard & 1) != 0);
}

/* The commands' socket is new: it hears nothing yet. */
static void on_commands_reopened(void *context)
{
    struct broker *broker = context;

    subscribe_pulse(broker);
    for (uint64_t shard = 0; shard < SHARD_COUNT; shard++)
        if ((broker->owned >> shard & 1) != 0)
            subscribe_shard(broker, shard, true);
}

/* A key that is gone from the list is cut off: everybody has to connect anew, and it cannot. */
static void reload_keys(struct broker *broker)
{
    if (broker->auth == NULL || !bus_auth_reload(broker->auth))
        return;
    log_info("broker.reconnect", "note=\"a key was removed: every gateway connects anew\"");
    bus_sock_reopen(broker->commands, on_commands_reopened, broker);
    publisher_reopen(broker->publisher);
}

static uint64_t owned_shards(void *context)
{
    const struct broker *broker = context;

    return broker->owned;
}

static void submit_own(void *context, const struct bus_command *command)
{
    struct broker *broker = context;

    intake_submit(broker->intake, command);
}

static void on_reload(void *context)
{
    struct broker *broker = context;

    reload_keys(broker);
}

static void on_signal(void *context)
{
    struct broker *broker = context;

    loop_stop(broker->loop);
}

/* ---- start ------------------------------------------------------------------------------------*/

/* The database must be there and have our schema; while it is away there is nothing to serve. */
static uint64_t wait_for_database(const struct settings *settings)
{
    char error[512];
    uint64_t epoch = 0;
    struct db *db = db_create(settings->database_url, error, sizeof(error));
    enum err err;

    if (db == NULL)
        fatal("%s", error);
    while ((err = schema_migrate(settings->database_url, error, sizeof(error))) != ERR_NONE) {
        if (err != ERR_DATABASE_UNAVAILABLE)
            fatal("%s", error);
        log_warn("broker.waiting", "for=database");
    }
    while (store_log_epoch(db, &epoch) != ERR_NONE) {
        log_warn("broker.waiting", "for=database");
        sleep(1);
    }
    db_destroy(&db);
    return epoch;
}

/* Binding an ipc path takes it away from whoever has it, silently: so a lock beside it says that it
 * is ours. The kernel drops it with the process, however that ends. */
static bool lock_address(struct broker *broker, const char *address, const char **error_out)
{
    char path[512];

    broker->address_lock = -1;
    if (strncmp(address, "ipc://", 6) != 0)
        return true;
    snprintf(path, sizeof(path), "%s.lock", address + 6);
    broker->address_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (broker->address_lock >= 0 && flock(broker->address_lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    *error_out = errno == EWOULDBLOCK ? "another broker has it" : strerror(errno);
    if (broker->address_lock >= 0)
        close(broker->address_lock);
    broker->address_lock = -1;
    return false;
}

static bool bind_once(struct broker *broker, const char **error_out)
{
    const char *address = broker->settings->broker_listen;

    if (broker->address_lock < 0 && !lock_address(broker, address, error_out))
        return false;
    if (!broker->commands_bound)
        broker->commands_bound = bus_sock_attach(broker->commands, address, error_out);
    return broker->commands_bound && publisher_bind(broker->publisher, address, error_out);
}

static void open_bus(struct broker *broker)
{
    struct bus_security security;
    char error[512];

    broker->bus = bus_context_create();
    if (!bus_security_load(broker->settings, BUS_SIDE_BROKER, &security, error, sizeof(error)))
        fatal("%s.", error);
    bus_context_secure(broker->bus, &security);
    if (security.curve) {
        broker->auth = bus_auth_create(broker->bus, broker->loop, error, sizeof(error));
        if (broker->auth == NULL)
            fatal("BANTER_BUS_GATEWAY_KEYS: %s", error);
    }
    bus_security_wipe(&security);
}

static void open_sockets(struct broker *broker, uint64_t epoch)
{
    const struct publisher_options options = {
        .epoch = epoch,
        .head_repeat_ms = broker->settings->head_repeat_ms,
        .ask_head = ask_head,
        .context = broker,
    };
    struct intake_options intake = {
        .presence = broker->presence,
        .writers = broker->writers,
        .queue_max = broker->settings->broker_queue_max,
        .dedupe_window = broker->settings->dedupe_window,
    };

    broker->publisher = publisher_create(broker->bus, broker->loop, &options);
    intake.publisher = broker->publisher;
    broker->intake = intake_create(&intake);
    broker->commands = bus_sock_create(broker->bus, broker->loop, BUS_BROKER_COMMANDS,
                                       intake_receive, broker->intake);
}

static void bind_sockets(struct broker *broker)
{
    uint64_t until_ms = clock_mono_ms() + TAKE_OVER_MS;
    const char *error = "";

    while (!bind_once(broker, &error)) {
        if (clock_mono_ms() >= until_ms)
            fatal("cannot listen at %s: %s", broker->settings->broker_listen, error);
        usleep(50000);
    }
    subscribe_pulse(broker);
}

static void start_writers(struct broker *broker)
{
    const struct settings *settings = broker->settings;
    const struct writers_options options = {
        .threads = (unsigned)settings->writers,
        .batch_max = settings->batch_max,
        .database_url = settings->database_url,
        .done = on_writer_done,
        .conflict = on_conflict,
        .context = broker,
    };
    char error[256];

    broker->writers = writers_create(broker->loop, &options, error, sizeof(error));
    if (broker->writers == NULL)
        fatal("%s", error);
}

static void start_pool(struct broker *broker)
{
    const struct settings *settings = broker->settings;
    const struct pool_options pool = {"keep", POOL_THREADS, 4, settings->database_url, NULL};
    const struct leases_options leases = {
        .lease_ms = settings->lease_ms,
        .address = settings->broker_listen,
        .database_url = settings->database_url,
        .changed = on_shards_changed,
        .context = broker,
    };
    const struct housekeeping_calls keeping = {owned_shards, submit_own, broker};

    broker->pool = pool_create(broker->loop, &pool);
    broker->leases = leases_create(broker->loop, broker->pool, &leases);
    broker->housekeeping = housekeeping_create(broker->loop, broker->pool, &keeping);
}

static void start(struct broker *broker)
{
    const struct settings *settings = broker->settings;
    const struct presence_hub_calls calls = {announce, ask_presence, broker};
    const struct admin_options admin = {.program = "broker",
                                        .address = settings->admin_listen,
                                        .port_offset = 1, /* the gateway's neighbour */
                                        .slots = metrics_current,
                                        .count = 1};
    uint64_t epoch = wait_for_database(settings);

    signal(SIGPIPE, SIG_IGN);
    broker->loop = loop_create();
    open_bus(broker);
    broker->presence = presence_hub_create(&calls, settings->worker_timeout_ms);
    start_writers(broker);
    open_sockets(broker, epoch);
    bind_sockets(broker);
    start_pool(broker);
    broker->admin = admin_create(broker->loop, &admin);
    broker->presence_timer = loop_timer_create(broker->loop, tick_presence, broker);
    loop_timer_start_periodic(broker->presence_timer, PRESENCE_TICK_MS);
    broker->signals[0] = loop_signal_create(broker->loop, SIGTERM, on_signal, broker);
    broker->signals[1] = loop_signal_create(broker->loop, SIGINT, on_signal, broker);
    broker->control = control_create(broker->loop, &broker->source, on_reload, broker);
    log_info("broker.ready", "listen=%s writers=%llu epoch=%llu", settings->broker_listen,
             (unsigned long long)settings->writers, (unsigned long long)epoch);
}

/* ---- stop -------------------------------------------------------------------------------------*/

/* What has been taken is committed, published and answered, if the database lets us. What is left
 * stays unanswered: the workers repeat it to whoever comes next. */
static void finish_commands(struct broker *broker)
{
    uint64_t until_ms = clock_mono_ms() + FINISH_MS;

    control_destroy(&broker->control);
    intake_close(broker->intake);
    leases_stop(broker->leases);
    housekeeping_stop(broker->housekeeping);
    while (intake_pending(broker->intake) > 0 && clock_mono_ms() < until_ms)
        loop_turn(broker->loop, 50);
    log_info("broker.stopping", "unfinished=%zu", intake_pending(broker->intake));
}

static void stop(struct broker *broker)
{
    loop_watch_destroy(&broker->signals[1]);
    loop_watch_destroy(&broker->signals[0]);
    loop_timer_destroy(&broker->presence_timer);
    admin_destroy(&broker->admin);
    pool_destroy(&broker->pool);
    writers_destroy(&broker->writers);
    leases_release(broker->leases);
    housekeeping_destroy(&broker->housekeeping);
    leases_destroy(&broker->leases);
    publisher_destroy(&broker->publisher);
    bus_sock_destroy(&broker->commands);
    bus_auth_destroy(&broker->auth);
    intake_destroy(&broker->intake);
    presence_hub_destroy(&broker->presence);
    bus_context_destroy(&broker->bus);
    loop_destroy(&broker->loop);
    if (broker->address_lock >= 0)
        close(broker->address_lock);
}

int broker_run(const struct settings *settings, int argc, char **argv)
{
    struct broker broker = {
        .settings = settings, .source = {settings, argc, argv}, .address_lock = -1};
    char error[256];

    signal(SIGHUP, SIG_IGN); /* until somebody listens: the settings were read just now */
    if (!sandbox_enter(settings, error, sizeof(error)))
        fatal("%s", error);
    db_library_init();
    metrics_use(metrics_current, "broker");
    start(&broker);
    loop_run(broker.loop);
    finish_commands(&broker);
    stop(&broker);
    db_library_fini();
    log_info("broker.stopped", "pid=%d", (int)getpid());
    return 0;
}
