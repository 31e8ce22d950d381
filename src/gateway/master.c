#define _GNU_SOURCE
#include "gateway/master.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "gateway/admin_process.h"
#include "gateway/assets.h"
#include "gateway/inherit.h"
#include "gateway/listen.h"
#include "gateway/worker.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A worker that lived this long did not die of its start. */
#define HEALTHY_MS 5000
/* One that did is replaced after a delay that doubles up to this; the first at once. */
#define RESPAWN_FIRST_MS 100
#define RESPAWN_MAX_MS   5000
/* After the workers' own drain and grace. */
#define KILL_GRACE_MS 8000

struct child {
    pid_t pid; /* 0: none */
    int listen_fd;
    uint64_t started_ms;
    uint64_t respawn_at_ms; /* while there is none */
    uint64_t delay_ms;
};

struct master {
    const struct settings *settings;
    struct assets *assets;
    struct metrics_slot *metrics; /* a slot for each child, then the master's own */
    struct child *children;       /* the workers, then the admin process if there is one */
    size_t workers;
    size_t count;
    pid_t pid; /* the master's own */
    bool stopping;
    bool killed;
    uint64_t kill_at_ms;
    int exit_status;
    sigset_t signals;
};

/* The files that the build put beside the program, or where they are installed. */
static char *find_assets(const struct settings *settings)
{
    char program[PATH_MAX];
    char *beside;
    ssize_t len;

    if (settings->assets_dir[0] != '\0')
        return mem_strdup(settings->assets_dir);
    len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (len > 0) {
        program[len] = '\0';
        *strrchr(program, '/') = '\0';
        beside = mem_printf("%s/../../assets", program);
        if (access(beside, R_OK) == 0)
            return beside;
        mem_free(beside);
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

static void open_sockets(struct master *master)
{
    const char *address = master->settings->listen;
    char error[512];

    if (!listen_is_free(address, error, sizeof(error)))
        fatal("%s. Is another gateway running? BANTER_LISTEN chooses another address.", error);
    for (size_t i = 0; i < master->workers; i++) {
        master->children[i].listen_fd = listen_open(address, true, error, sizeof(error));
        if (master->children[i].listen_fd < 0)
            fatal("%s", error);
    }
}

/* In the child: what is the master's goes, what is the child's stays. */
static void leave_master(struct master *master, size_t index)
{
    /* A worker without its master would never be told to stop. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master->pid)
        _exit(1); /* it died before that call */
    /* Sockets of others that stay open here would keep connections that nobody accepts. */
    for (size_t i = 0; i < master->workers; i++)
        if (i != index)
            close(master->children[i].listen_fd);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    /* The signals stay blocked until the child has its handlers: one that is told to stop while it
     * starts then does so in order. */
}

ATTR_NORETURN static void become_child(struct master *master, size_t index)
{
    struct inherit inherit = {
        .settings = master->settings,
        .assets = master->assets,
        .metrics = &master->metrics[index],
        .index = (unsigned)index,
        .listen_fd = master->children[index].listen_fd,
        .proxy_fd = -1,
    };
    int status;

    leave_master(master, index);
    if (index < master->workers)
        status = worker_run(&inherit);
    else
        status = admin_process_run(master->settings, master->metrics, master->count + 1, index);
    assets_destroy(&master->assets);
    mem_free(master->children);
    fflush(NULL);
    _exit(status); /* what is still reachable from main() is the operating system's to free */
}

static void spawn(struct master *master, size_t index)
{
    struct child *child = &master->children[index];
    pid_t pid = fork();

    if (pid == 0)
        become_child(master, index);
    if (pid < 0) {
        log_error("master.fork_failed", "errno=%d", errno);
        child->respawn_at_ms = clock_mono_ms() + RESPAWN_MAX_MS;
        return;
    }
    child->pid = pid;
    child->started_ms = clock_mono_ms();
}

static void on_child_gone(struct master *master, struct child *child, int status)
{
    uint64_t now = clock_mono_ms();
    bool healthy = now - child->started_ms >= HEALTHY_MS;

    child->pid = 0;
    if (master->stopping) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            master->exit_status = master->killed ? master->exit_status : 1;
        return;
    }
    metrics_add(METRIC_WORKER_DEATHS, 1);
    child->respawn_at_ms = now + (healthy ? 0 : child->delay_ms);
    child->delay_ms = healthy ? 0
                              : MIN(MAX(child->delay_ms * 2, (uint64_t)RESPAWN_FIRST_MS),
                                    (uint64_t)RESPAWN_MAX_MS);
    log_warn("master.child_died", "child=%td %s=%d respawn_ms=%llu", child - master->children,
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             (unsigned long long)(child->respawn_at_ms - now));
}

static void reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < master->count; i++)
            if (master->children[i].pid == pid) {
                metrics_retire(&master->metrics[i]);
                on_child_gone(master, &master->children[i], status);
            }
}

static void signal_children(struct master *master, int number)
{
    for (size_t i = 0; i < master->count; i++)
        if (master->children[i].pid > 0)
            kill(master->children[i].pid, number);
}

static void stop(struct master *master)
{
    if (!master->stopping) {
        log_info("master.drain", "drain_ms=%llu", (unsigned long long)master->settings->drain_ms);
        for (size_t i = 0; i < master->workers; i++)
            close(master->children[i].listen_fd);
        master->kill_at_ms = clock_mono_ms() + master->settings->drain_ms + KILL_GRACE_MS;
    }
    master->stopping = true;
    signal_children(master, SIGTERM);
}

static size_t alive(const struct master *master)
{
    size_t count = 0;

    for (size_t i = 0; i < master->count; i++)
        count += master->children[i].pid > 0;
    return count;
}

/* Milliseconds until something is to be done without a signal. */
static uint64_t next_wait(const struct master *master, uint64_t now)
{
    uint64_t wait = 1000;

    for (size_t i = 0; i < master->count; i++) {
        const struct child *child = &master->children[i];

        if (child->pid == 0 && !master->stopping)
            wait = MIN(wait, child->respawn_at_ms > now ? child->respawn_at_ms - now : 0);
    }
    return wait;
}

static void look_after(struct master *master)
{
    uint64_t now = clock_mono_ms();

    for (size_t i = 0; i < master->count && !master->stopping; i++)
        if (master->children[i].pid == 0 && master->children[i].respawn_at_ms <= now)
            spawn(master, i);
    if (master->stopping && !master->killed && now >= master->kill_at_ms) {
        log_error("master.kill", "workers=%zu reason=\"still there after the drain time\"",
                  alive(master));
        master->killed = true;
        master->exit_status = 1;
        signal_children(master, SIGKILL);
    }
}

static void turn(struct master *master)
{
    uint64_t wait_ms = next_wait(master, clock_mono_ms());
    struct timespec wait = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000L};

    switch (sigtimedwait(&master->signals, NULL, &wait)) {
    case SIGTERM:
    case SIGINT:
        stop(master);
        break;
    case SIGHUP:
        log_info("master.hup", "note=\"settings are read at start only\"");
        break;
    default: /* SIGCHLD, or the time */
        break;
    }
    reap(master);
    look_after(master);
}

int master_run(const struct settings *settings)
{
    struct master master = {
        .settings = settings, .workers = worker_count(settings), .pid = getpid()};
    char *dir = find_assets(settings);

    master.count = master.workers + (settings->admin_listen[0] != '\0' ? 1 : 0);
    sigemptyset(&master.signals);
    sigaddset(&master.signals, SIGTERM);
    sigaddset(&master.signals, SIGINT);
    sigaddset(&master.signals, SIGHUP);
    sigaddset(&master.signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &master.signals, NULL);
    master.assets = assets_load(dir);
    mem_free(dir);
    master.metrics = metrics_share(master.count + 1);
    metrics_use(&master.metrics[master.count], "master");
    master.children = mem_alloc_array(master.count, sizeof(struct child));
    open_sockets(&master);
    log_info("master.ready", "listen=%s workers=%zu pid=%d", settings->listen, master.workers,
             (int)getpid());
    look_after(&master);
    while (!master.stopping || alive(&master) > 0)
        turn(&master);
    log_info("master.stopped", "status=%d", master.exit_status);
    assets_destroy(&master.assets);
    mem_free(master.children);
    return master.exit_status;
}
