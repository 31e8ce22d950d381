#define _GNU_SOURCE
#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sandbox.h"
#include "gateway/admin_process.h"
#include "gateway/inherit.h"
#include "gateway/master_impl.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that lived this long did not die of its start. */
#define HEALTHY_MS 5000
/* One that did is replaced after a delay that doubles up to this; the first at once. */
#define RESPAWN_FIRST_MS 100
#define RESPAWN_MAX_MS   5000
/* A worker that has not turned its loop yet may be looking up names. */
#define START_STUCK_MS 30000
/* Longer gaps between two looks mean that the master itself, or the machine, stood still. */
#define WATCH_GAP_MS 1000

void children_init(struct master *master, size_t places)
{
    size_t bytes = places * sizeof(struct worker_status);

    master->places = places;
    master->children = mem_alloc_array(places, sizeof(struct child));
    master->metrics = metrics_share(places + 1);
    master->status = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(master->status != MAP_FAILED);
    limiter_memory_create(&master->limits);
    metrics_use(&master->metrics[places], "master");
}

/* ---- fork ---- */

static void close_others(const struct listen_set *set, int keep)
{
    /* Sockets of others that stay open here would keep connections that nobody accepts. */
    for (size_t i = 0; i < set->count; i++)
        if (set->fds[i] != keep)
            close(set->fds[i]);
}

static int socket_of(const struct listen_set *set, const struct child *child)
{
    return !child->is_admin && child->index < set->count ? set->fds[child->index] : -1;
}

/* In the child: what is the master's goes, what is the child's stays. */
static void leave_master(struct master *master, const struct inherit *inherit)
{
    /* A worker without its master would never be told to stop. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master->pid)
        _exit(1); /* it died before that call */
    close_others(&master->listen, inherit->listen_fd);
    close_others(&master->proxy, inherit->proxy_fd);
    if (master->successor_pipe >= 0)
        close(master->successor_pipe);
    if (master->predecessor_pipe >= 0)
        close(master->predecessor_pipe);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    /* The signals stay blocked until the child has its handlers: one that is told to stop while it
     * starts then does so in order. */
}

ATTR_NORETURN static void become_child(struct master *master, const struct generation *generation,
                                       size_t place)
{
    const struct child *child = &master->children[place];
    struct inherit inherit = {
        .settings = &generation->settings,
        .assets = generation->assets,
        .metrics = &master->metrics[place],
        .status = &master->status[place],
        .limits = &master->limits,
        .master = master->pid,
        .index = child->index,
        .listen_fd = socket_of(&master->listen, child),
        .proxy_fd = socket_of(&master->proxy, child),
    };
    char error[256];
    int status;

    leave_master(master, &inherit);
    /* A new generation's differ from the master's own until it has taken over. */
    if (!log_set(generation->settings.log_level, generation->settings.log_format, error,
                 sizeof(error)))
        log_error("master.log", "reason=\"%s\"", error); /* the settings have checked it */
    if (!sandbox_enter(&generation->settings, error, sizeof(error)))
        fatal("%s", error);
    if (getppid() != master->pid)
        _exit(1); /* it died while this was becoming another user, which forgets the signal */
    if (child->is_admin)
        status =
            admin_process_run(&generation->settings, master->metrics, master->places + 1, place);
    else
        status = worker_run(&inherit);
    fflush(NULL);
    _exit(status); /* what is still reachable from main() is the operating system's to free */
}

static size_t find_place(const struct master *master)
{
    for (size_t i = 0; i < master->places; i++)
        if (master->children[i].pid == 0)
            return i;
    return NO_PLACE;
}

size_t children_free_places(const struct master *master)
{
    size_t count = 0;

    for (size_t i = 0; i < master->places; i++)
        count += master->children[i].pid == 0;
    return count;
}

size_t children_spawn(struct master *master, const struct generation *generation, bool is_admin,
                      unsigned index)
{
    size_t place = find_place(master);
    struct worker_status *status;
    pid_t pid;

    if (place == NO_PLACE) {
        log_error("master.no_place", "note=\"too many workers drain at once\"");
        return NO_PLACE;
    }
    status = &master->status[place];
    atomic_store(&status->turns, 0);
    atomic_store(&status->phase, WORKER_STARTING);
    atomic_store(&status->ready, false);
    atomic_store(&status->order, WORKER_SERVE);
    /* Somebody else serves at its socket until it is ready, and if it never is. */
    atomic_store(&status->waits, generation != master->now || master->predecessor_pipe >= 0);
    master->children[place] = (struct child){.is_admin = is_admin,
                                             .index = index,
                                             .started_ms = clock_mono_ms(),
                                             .notice_ms = generation->settings.drain_notice_ms,
                                             .drain_ms = generation->settings.drain_ms};
    pid = fork();
    if (pid == 0)
        become_child(master, generation, place);
    if (pid < 0) {
        log_error("master.fork_failed", "errno=%d", errno);
        return NO_PLACE;
    }
    master->children[place].pid = pid;
    return place;
}

/* ---- orders ---- */

static uint64_t drain_time(const struct child *child, enum worker_order order)
{
    uint64_t notice_ms = order == WORKER_LEAVE ? child->notice_ms : 0;

    return (order == WORKER_END_NOW ? 0 : notice_ms + child->drain_ms) + KILL_GRACE_MS;
}

void children_order(struct master *master, size_t place, enum worker_order order)
{
    struct child *child = &master->children[place];

    /* One that drains already goes on with it, unless it is to end. */
    if (child->pid == 0 || (child->leaving && order != WORKER_END_NOW))
        return;
    child->leaving = true;
    child->kill_at_ms = clock_mono_ms() + drain_time(child, order);
    atomic_store(&master->status[place].order, order);
    kill(child->pid, SIGTERM);
}

void children_let_accept(struct master *master, size_t place)
{
    atomic_store(&master->status[place].waits, false);
}

void children_end_admin(struct master *master, bool restart)
{
    for (size_t i = 0; i < master->places; i++) {
        struct child *child = &master->children[i];

        if (child->pid == 0 || !child->is_admin || child->leaving)
            continue;
        child->restarts = restart;
        child->leaving = !restart;
        child->kill_at_ms = clock_mono_ms() + KILL_GRACE_MS;
        kill(child->pid, SIGTERM);
    }
}

/* ---- ends ---- */

static struct seat *seat_of(struct master *master, size_t place)
{
    if (master->admin.place == place)
        return &master->admin;
    for (size_t i = 0; i < master->now->workers; i++)
        if (master->now->seats[i].place == place)
            return &master->now->seats[i];
    return NULL;
}

static void vacate(struct seat *seat, uint64_t respawn_at_ms)
{
    seat->place = NO_PLACE;
    seat->respawn_at_ms = respawn_at_ms;
}

static void on_died(struct seat *seat, const struct child *child, int status)
{
    uint64_t now = clock_mono_ms();
    bool healthy = now - child->started_ms >= HEALTHY_MS;
    char name[16] = "admin";

    if (!child->is_admin)
        snprintf(name, sizeof(name), "w%u", child->index);
    if (seat != NULL) {
        vacate(seat, now + (healthy ? 0 : seat->delay_ms));
        seat->delay_ms = healthy ? 0
                                 : MIN(MAX(seat->delay_ms * 2, (uint64_t)RESPAWN_FIRST_MS),
                                       (uint64_t)RESPAWN_MAX_MS);
    }
    metrics_add(METRIC_WORKER_DEATHS, 1);
    log_warn("master.child_died", "child=%s %s=%d respawn_ms=%llu", name,
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             (unsigned long long)(seat != NULL ? seat->respawn_at_ms - now : 0));
}

/* Somebody has sent SIGTERM to a worker of ours. */
static void log_replace(unsigned index)
{
    log_info("master.replace", "child=w%u reason=\"it was told to stop\"", index);
}

static void on_gone(struct master *master, size_t place, int status)
{
    struct child child = master->children[place];
    struct seat *seat = seat_of(master, place);
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    metrics_retire(&master->metrics[place]);
    master->children[place].pid = 0;
    if (child.restarts && seat != NULL) {
        vacate(seat, 0);
    } else if (child.leaving || master->stopping) {
        if (seat != NULL)
            vacate(seat, 0);
        if (master->stopping && !good)
            master->exit_status = 1;
        if (!good)
            log_warn("master.drain_cut", "pid=%d status=%d", (int)child.pid, status);
    } else if (good && seat != NULL && !child.is_admin &&
               atomic_load(&master->status[place].phase) == WORKER_DRAINING) {
        log_replace(child.index); /* it had so little to do that nobody saw it drain */
        vacate(seat, 0);
    } else {
        on_died(seat, &child, status);
    }
}

void children_reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == master->usher)
            upgrade_gone(master, status);
        for (size_t i = 0; i < master->places; i++)
            if (master->children[i].pid == pid)
                on_gone(master, i, status);
    }
}

/* ---- watching ---- */

static void kill_child(struct child *child)
{
    kill(child->pid, SIGKILL);
    child->kill_at_ms = 0;
}

/* A loop that stands still serves nobody, and nobody else gets its connections. */
static void watch_loop(struct master *master, size_t place, uint64_t passed_ms)
{
    struct child *child = &master->children[place];
    uint64_t turns = atomic_load(&master->status[place].turns);
    uint64_t limit_ms = master->now->settings.worker_stuck_ms;

    if (turns != child->turns) {
        child->turns = turns;
        child->silent_ms = 0;
        return;
    }
    child->silent_ms += passed_ms;
    if (turns == 0)
        limit_ms = MAX(limit_ms, (uint64_t)START_STUCK_MS);
    if (master->now->settings.worker_stuck_ms == 0 || child->silent_ms < limit_ms ||
        child->silent_ms - passed_ms >= limit_ms)
        return;
    log_error("master.stuck", "child=w%u pid=%d silent_ms=%llu", child->index, (int)child->pid,
              (unsigned long long)child->silent_ms);
    kill_child(child);
}

/* The sockets of one that was told to stop need another one at once. */
static void replace_who_leaves(struct master *master)
{
    for (size_t i = 0; i < master->now->workers; i++) {
        size_t place = master->now->seats[i].place;
        struct child *child;

        if (place == NO_PLACE || atomic_load(&master->status[place].phase) != WORKER_DRAINING)
            continue;
        log_replace((unsigned)i);
        child = &master->children[place];
        child->leaving = true;
        child->kill_at_ms = clock_mono_ms() + drain_time(child, WORKER_RETIRE);
        vacate(&master->now->seats[i], 0);
    }
}

static void fill_seats(struct master *master, uint64_t now)
{
    for (size_t i = 0; i < master->now->workers; i++) {
        struct seat *seat = &master->now->seats[i];

        if (seat->place != NO_PLACE || seat->respawn_at_ms > now)
            continue;
        seat->place = children_spawn(master, master->now, false, (unsigned)i);
        if (seat->place == NO_PLACE)
            seat->respawn_at_ms = now + RESPAWN_MAX_MS;
    }
    if (master->now->settings.admin_listen[0] == '\0' || master->predecessor_pipe >= 0 ||
        master->admin.place != NO_PLACE || master->admin.respawn_at_ms > now)
        return;
    master->admin.place = children_spawn(master, master->now, true, 0);
    if (master->admin.place == NO_PLACE)
        master->admin.respawn_at_ms = now + RESPAWN_MAX_MS;
}

void children_watch(struct master *master, uint64_t now)
{
    uint64_t passed_ms = MIN(now - master->last_watch_ms, (uint64_t)WATCH_GAP_MS);

    master->last_watch_ms = now;
    for (size_t i = 0; i < master->places; i++) {
        struct child *child = &master->children[i];

        if (child->pid == 0)
            continue;
        if (!child->is_admin && !child->leaving)
            watch_loop(master, i, passed_ms);
        if (child->kill_at_ms == 0 || now < child->kill_at_ms)
            continue;
        log_error("master.kill", "pid=%d reason=\"still there after the drain time\"",
                  (int)child->pid);
        kill_child(child);
    }
    if (master->stopping)
        return;
    replace_who_leaves(master);
    fill_seats(master, now);
}

uint64_t children_next(const struct master *master, uint64_t until)
{
    if (master->stopping)
        return until;
    for (size_t i = 0; i < master->now->workers; i++)
        if (master->now->seats[i].place == NO_PLACE)
            until = MIN(until, master->now->seats[i].respawn_at_ms);
    if (master->admin.place == NO_PLACE && master->predecessor_pipe < 0 &&
        master->now->settings.admin_listen[0] != '\0')
        until = MIN(until, master->admin.respawn_at_ms);
    return until;
}

size_t children_alive(const struct master *master, bool workers_only)
{
    size_t count = 0;

    for (size_t i = 0; i < master->places; i++)
        count += master->children[i].pid > 0 && !(workers_only && master->children[i].is_admin);
    return count;
}

bool children_serve(const struct master *master, const struct generation *generation, bool ready)
{
    for (size_t i = 0; i < generation->workers; i++) {
        size_t place = generation->seats[i].place;
        const struct worker_status *status;

        if (place == NO_PLACE || master->children[place].pid == 0)
            return false;
        status = &master->status[place];
        if (atomic_load(&status->phase) != WORKER_SERVING || atomic_load(&status->turns) == 0)
            return false;
        if (ready && !atomic_load(&status->ready))
            return false;
    }
    return true;
}
