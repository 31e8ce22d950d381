#define _GNU_SOURCE
#include "gateway/master.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sandbox.h"
#include "common/sd_notify.h"
#include "gateway/assets.h"
#include "gateway/master_impl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two generations of workers that drain, one that serves and one that comes, and the admin
 * process; and enough that a reload may raise WORKERS. */
#define PLACES_MIN 64
/* While something is awaited that sends no signal. */
#define WAIT_SHORT_MS 10
#define WAIT_LONG_MS  1000

/* ---- what workers are forked with ---- */

/* The files that the build put beside the program, or where they are installed: seen from the
 * program first, so that an installed tree can be moved. */
static char *find_assets(const struct settings *settings)
{
    static const char *const beside_program[] = {"../../assets", "../share/banter/assets"};
    char program[PATH_MAX];
    char *beside;
    ssize_t len;

    if (settings->assets_dir[0] != '\0')
        return mem_strdup(settings->assets_dir);
    len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (len > 0) {
        program[len] = '\0';
        *strrchr(program, '/') = '\0';
        for (size_t i = 0; i < ARRAY_LEN(beside_program); i++) {
            beside = mem_printf("%s/%s", program, beside_program[i]);
            if (access(beside, R_OK) == 0)
                return beside;
            mem_free(beside);
        }
    }
    return mem_strdup(BANTER_PREFIX "/share/banter/assets");
}

static size_t worker_count(const struct settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (settings->workers > 0)
        return (size_t)settings->workers;
    return cores > 0 ? (size_t)cores : 1;
}

struct generation *generation_create(struct settings *settings)
{
    struct generation *generation = mem_alloc(sizeof(*generation));
    char *dir = find_assets(settings);

    generation->settings = *settings;
    memset(settings, 0, sizeof(*settings));
    generation->assets = assets_load(dir);
    mem_free(dir);
    generation->workers = worker_count(&generation->settings);
    generation->seats = mem_alloc_array(generation->workers, sizeof(struct seat));
    for (size_t i = 0; i < generation->workers; i++)
        generation->seats[i].place = NO_PLACE;
    return generation;
}

void generation_destroy(struct generation **generation)
{
    if (*generation == NULL)
        return;
    settings_fini(&(*generation)->settings);
    assets_destroy(&(*generation)->assets);
    mem_free((*generation)->seats);
    mem_free(*generation);
    *generation = NULL;
}

/* ---- start ---- */

/* What SIGUSR2 starts: the path by which we were started, so that a link which leads to a newer
 * version is followed anew. */
static char *find_program(const char *name)
{
    char path[PATH_MAX];
    ssize_t len;

    if (name[0] == '/')
        return mem_strdup(name);
    if (strchr(name, '/') != NULL && getcwd(path, sizeof(path)) != NULL)
        return mem_printf("%s/%s", path, name);
    len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    return mem_strndup(path, len > 0 ? (size_t)len : 0);
}

static void open_sockets(struct master *master)
{
    const struct settings *settings = &master->now->settings;
    size_t workers = master->now->workers;
    char error[512];

    if (!listen_set_grow(&master->listen, settings->listen, workers, error, sizeof(error)))
        fatal("%s. Is another gateway running? BANTER_LISTEN chooses another address.", error);
    if (settings->proxy_listen[0] != '\0' &&
        !listen_set_grow(&master->proxy, settings->proxy_listen, workers, error, sizeof(error)))
        fatal("%s. BANTER_PROXY_LISTEN chooses another address.", error);
}

/* A predecessor may have had more workers, or fewer. */
static void use_sockets(const struct master *master)
{
    size_t workers = master->now->workers;

    if (!listen_set_use(&master->listen, workers) || !listen_set_use(&master->proxy, workers))
        log_warn("master.sockets", "note=\"more sockets than workers\"");
}

static void block_signals(struct master *master)
{
    /* Who reads our log, or waits for us to be ready, may be gone: that is no reason to end. */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&master->signals);
    sigaddset(&master->signals, SIGTERM);
    sigaddset(&master->signals, SIGINT);
    sigaddset(&master->signals, SIGHUP);
    sigaddset(&master->signals, SIGUSR2);
    sigaddset(&master->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &master->signals, NULL);
}

/* The master keeps root, if it was given it, for the ports of later generations. */
static void shut_out(const struct settings *settings)
{
    char error[256];

    sandbox_limit(settings);
    if (!sandbox_user_known(settings, error, sizeof(error)))
        fatal("%s", error);
}

static void init(struct master *master, struct settings *settings, int argc, char **argv)
{
    *master = (struct master){.argc = argc,
                              .argv = argv,
                              .program = find_program(argv[0]),
                              .pid = getpid(),
                              .admin = {NO_PLACE, 0, 0},
                              .successor_pipe = -1,
                              .predecessor_pipe = -1,
                              .began_ms = clock_mono_ms(),
                              .watchdog_ms = sd_notify_watchdog_ms()};
    block_signals(master);
    shut_out(settings);
    master->now = generation_create(settings);
    upgrade_inherit(master);
    open_sockets(master);
    children_init(master, MAX(4 * master->now->workers + 1, (size_t)PLACES_MIN));
    master->last_watch_ms = master->began_ms;
}

/* ---- the service manager ---- */

void master_tell(const struct master *master, const char *state)
{
    /* The one that serves speaks: a manager that believes every process of the service
     * (NotifyAccess=all) would take the STOPPING=1 of a failed successor for ours. */
    if (master->succeeded || master->predecessor_pipe >= 0)
        return;
    if (master->stopping)
        sd_notify_send("%sSTATUS=%zu workers drain", state, children_alive(master, true));
    else
        sd_notify_send("%sSTATUS=%zu workers serve %s", state, master->now->workers,
                       master->now->settings.listen);
}

/* Once all workers are there; a new master that cannot get them ready leaves it to the old one. */
static void look_for_ready(struct master *master, uint64_t now)
{
    bool upgrading = master->predecessor_pipe >= 0;

    if (master->serving || master->stopping)
        return;
    if (children_serve(master, master->now, upgrading)) {
        master->serving = true;
        log_info("master.serving", "workers=%zu ms=%llu", master->now->workers,
                 (unsigned long long)(now - master->began_ms));
        use_sockets(master);
        upgrade_done(master);
        master_tell(master, "READY=1\n");
    } else if (upgrading && now - master->began_ms >= READY_WAIT_MS) {
        log_error("master.not_ready", "workers=%zu", master->now->workers);
        master->exit_status = 1;
        master_stop(master, WORKER_RETIRE);
    }
}

/* Silence makes the service manager restart us: so we only speak while the workers turn, too. One
 * that does not is killed, and is then no longer asked. */
static void feed_watchdog(struct master *master, uint64_t now)
{
    uint64_t patience_ms = MAX(master->now->settings.worker_stuck_ms, master->watchdog_ms);

    if (master->watchdog_ms == 0 || now < master->watchdog_at_ms)
        return;
    master->watchdog_at_ms = now + master->watchdog_ms;
    for (size_t i = 0; i < master->places; i++)
        if (master->children[i].pid != 0 && master->children[i].turns > 0 &&
            master->children[i].silent_ms > patience_ms + WAIT_LONG_MS)
            return;
    sd_notify_send("WATCHDOG=1");
}

/* ---- signals ---- */

void master_stop(struct master *master, enum worker_order order)
{
    const struct settings *settings = &master->now->settings;

    if (!master->stopping)
        log_info("master.drain", "notice_ms=%llu drain_ms=%llu",
                 (unsigned long long)(order == WORKER_LEAVE ? settings->drain_notice_ms : 0),
                 (unsigned long long)settings->drain_ms);
    master->stopping = true;
    for (size_t i = 0; i < master->places; i++)
        if (!master->children[i].is_admin)
            children_order(master, i, order);
    listen_set_close(&master->listen);
    listen_set_close(&master->proxy);
    if (master->successor != 0 && !master->succeeded)
        kill(master->successor, SIGTERM);
    master_tell(master, "STOPPING=1\n");
}

static void on_signal(struct master *master, int number)
{
    switch (number) {
    case SIGTERM:
    case SIGINT:
        master->ending_now = master->stopping;
        master_stop(master, master->stopping ? WORKER_END_NOW : WORKER_LEAVE);
        break;
    case SIGHUP:
        reload_begin(master);
        break;
    case SIGUSR2:
        upgrade_begin(master);
        break;
    default: /* SIGCHLD, or the time */
        break;
    }
}

/* Milliseconds until something is to be done without a signal. */
static uint64_t next_wait(const struct master *master, uint64_t now)
{
    uint64_t until = now + WAIT_LONG_MS;

    if (!master->serving || master->next != NULL || (master->successor != 0 && !master->succeeded))
        until = now + WAIT_SHORT_MS;
    if (master->watchdog_ms > 0)
        until = MIN(until, master->watchdog_at_ms);
    until = children_next(master, until);
    return until > now ? until - now : 0;
}

static void turn(struct master *master)
{
    uint64_t now = clock_mono_ms();
    uint64_t wait_ms = next_wait(master, now);
    struct timespec wait = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000L};

    on_signal(master, sigtimedwait(&master->signals, NULL, &wait));
    children_reap(master);
    now = clock_mono_ms();
    reload_step(master, now);
    upgrade_step(master, now);
    look_for_ready(master, now);
    children_watch(master, now);
    feed_watchdog(master, now);
    /* Whoever looks at the metrics sees the drain to its end. */
    if (master->stopping && children_alive(master, true) == 0)
        children_end_admin(master, false);
}

int master_run(struct settings *settings, int argc, char **argv)
{
    struct master master;

    init(&master, settings, argc, argv);
    log_info("master.ready", "listen=%s workers=%zu pid=%d", master.now->settings.listen,
             master.now->workers, (int)getpid());
    children_watch(&master, clock_mono_ms());
    while (!master.stopping || children_alive(&master, false) > 0)
        turn(&master);
    log_info("master.stopped", "status=%d", master.exit_status);
    generation_destroy(&master.next);
    generation_destroy(&master.now);
    mem_free(master.children);
    mem_free(master.program);
    return master.exit_status;
}
