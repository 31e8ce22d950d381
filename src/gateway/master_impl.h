/*
 * master_impl.h: the master's state, and what its files do for each other:
 *
 *   master.c    start, signals, the end
 *   children.c  the table of processes: fork, watch, bury
 *   reload.c    SIGHUP: new workers with new settings, then the old ones drain
 *   upgrade.c   SIGUSR2: a new master from a new program, then this one drains
 *
 * Nothing here has a thread or a loop: the master sleeps in sigtimedwait(), and each turn asks
 * everything in turn whether something is to be done.
 */
#ifndef BANTER_GATEWAY_MASTER_IMPL_H
#define BANTER_GATEWAY_MASTER_IMPL_H

#include "common/metrics.h"
#include "common/settings.h"
#include "gateway/limiter.h"
#include "gateway/listen.h"
#include "gateway/worker_status.h"

#include <signal.h>
#include <sys/types.h>

/* New workers must be ready in this time, or the old ones stay. */
#define READY_WAIT_MS 20000
/* After the workers' own drain and grace. */
#define KILL_GRACE_MS 8000

#define NO_PLACE ((size_t)-1)

/* A process, at its place in the table; metrics slot and status have the same number. */
struct child {
    pid_t pid; /* 0: the place is free */
    bool is_admin;
    unsigned index; /* of a worker: which one of its generation */
    bool leaving;   /* it drains, and nobody is to replace it */
    bool restarts;  /* it was told to end, and is to be started again at once */
    uint64_t started_ms;
    uint64_t notice_ms; /* how long its drain may take, by the settings that it was forked with */
    uint64_t drain_ms;
    uint64_t kill_at_ms; /* 0: not */
    uint64_t turns;      /* as they were seen last, */
    uint64_t silent_ms;  /* and for how long, in time that the master itself was awake */
};

/* Something that shall run. */
struct seat {
    size_t place; /* NO_PLACE: nobody runs */
    uint64_t respawn_at_ms;
    uint64_t delay_ms;
};

/* What processes are forked with. */
struct generation {
    struct settings settings;
    struct assets *assets;
    size_t workers;
    struct seat *seats; /* of the workers */
};

struct master {
    int argc;
    char **argv;
    char *program; /* the path that SIGUSR2 starts */
    pid_t pid;     /* our own */
    sigset_t signals;
    struct listen_set listen;
    struct listen_set proxy;

    size_t places;
    struct child *children;
    struct metrics_slot *metrics; /* a slot for each place, then the master's own */
    struct limiter_memory limits; /* for all workers */
    struct worker_status *status;
    struct generation *now;
    struct seat admin;
    uint64_t last_watch_ms;

    struct generation *next; /* NULL: no reload is under way */
    uint64_t next_until_ms;
    bool reload_again;  /* as soon as what is under way is over */
    bool upgrade_again; /* the same */

    pid_t successor; /* 0: no upgrade is under way */
    pid_t usher;     /* its parent, a child of ours */
    int successor_pipe;
    uint64_t successor_until_ms; /* then it is told to end */
    bool successor_failed;       /* it was told so */
    int predecessor_pipe;        /* -1: nobody waits for us to be ready */

    bool serving; /* all workers were ready once */
    uint64_t began_ms;
    uint64_t watchdog_ms; /* 0: nobody waits */
    uint64_t watchdog_at_ms;
    bool stopping;
    bool ending_now;
    bool succeeded; /* a new master has taken over */
    int exit_status;
};

/* ---- master.c ---- */

struct generation *generation_create(struct settings *settings);
void generation_destroy(struct generation **generation);
/* Begins the end: with WORKER_LEAVE or WORKER_RETIRE. */
void master_stop(struct master *master, enum worker_order order);
/* Tells the service manager how we are. */
void master_tell(const struct master *master, const char *state);

/* ---- children.c ---- */

void children_init(struct master *master, size_t places);
/* Forks a worker, or the admin process; its place, or NO_PLACE with a line in the log. Returns in
 * the master only. */
size_t children_spawn(struct master *master, const struct generation *generation, bool is_admin,
                      unsigned index);
/* Tells a worker to go; within what its drain may take, it does or is killed. */
void children_order(struct master *master, size_t place, enum worker_order order);
/* A worker that has waited to be ready accepts from now on, ready or not. */
void children_let_accept(struct master *master, size_t place);
/* Ends the admin process; the seat starts another if restart. */
void children_end_admin(struct master *master, bool restart);
/* Buries those that ended. */
void children_reap(struct master *master);
/* Fills empty seats, kills who is stuck or late. */
void children_watch(struct master *master, uint64_t now);
/* Until when children_watch() has nothing to do; at most until. */
uint64_t children_next(const struct master *master, uint64_t until);
/* How many live; of the workers only, or all. */
size_t children_alive(const struct master *master, bool workers_only);
/* Whether every worker of a generation is there and turns its loop; ready: and has its database and
 * its broker. */
bool children_serve(const struct master *master, const struct generation *generation, bool ready);
size_t children_free_places(const struct master *master);

/* ---- reload.c ---- */

void reload_begin(struct master *master);
void reload_step(struct master *master, uint64_t now);

/* ---- upgrade.c ---- */

void upgrade_begin(struct master *master);
void upgrade_step(struct master *master, uint64_t now);
/* The usher has ended: with its successor, or because that one has taken over. */
void upgrade_gone(struct master *master, int status);
/* In the new master: takes the sockets over; false if there is nobody to take them from. A fault is
 * fatal: then the old master goes on. */
bool upgrade_inherit(struct master *master);
/* In the new master: the workers are ready, and the old one may go. */
void upgrade_done(struct master *master);

#endif
