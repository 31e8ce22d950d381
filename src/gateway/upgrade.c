#define _GNU_SOURCE
#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sd_notify.h"
#include "gateway/master_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* From the old master to the new: "PIPE:LISTEN:PROXY", descriptors. Not one of the settings, whose
 * names begin with BANTER_. */
#define VARIABLE "BANTERUPGRADE"
/* The new master gives up after READY_WAIT_MS by itself; one that hangs is ended then. */
#define SUCCESSOR_WAIT_MS (READY_WAIT_MS + 10000)
/* As shells say it: a status above is a signal. */
#define STATUS_SIGNAL 128

/* In the child, which has one thread and holds nothing. */
ATTR_NORETURN static void become_successor(struct master *master, int ready_pipe)
{
    struct strbuf value = STRBUF_EMPTY;
    char pid[24];
    sigset_t none;

    strbuf_printf(&value, "%d:", ready_pipe);
    listen_set_print(&master->listen, &value);
    strbuf_add_char(&value, ':');
    listen_set_print(&master->proxy, &value);
    setenv(VARIABLE, strbuf_str(&value), 1);
    if (getenv("WATCHDOG_PID") != NULL) {
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        setenv("WATCHDOG_PID", pid, 1);
    }
    listen_set_let_through(&master->listen);
    listen_set_let_through(&master->proxy);
    fcntl(ready_pipe, F_SETFD, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(master->program, master->argv);
    log_error("master.exec_failed", "program=%s reason=\"%s\"", master->program, strerror(errno));
    _exit(127);
}

/*
 * A service manager waits for the end of its own children only: at a stop, systemd kills a main
 * process that is none of them with SIGKILL, at once. So the new master must not stay our child. It
 * is the child of an usher, a copy of us that waits for it, ends as it ends, and dies once it
 * serves: then the kernel makes it the manager's child.
 */
ATTR_NORETURN static void become_usher(struct master *master, int ready_pipe, int pid_pipe)
{
    int status = 0;
    pid_t pid;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pid = fork();
    if (pid == 0)
        become_successor(master, ready_pipe);
    if (pid < 0 || write(pid_pipe, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        _exit(127);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status));
}

/* The usher's pid, and through *successor the new master's; -1, with errno, when there is none. */
static pid_t start(struct master *master, int ready_pipe, pid_t *successor)
{
    int ends[2];
    ssize_t got;
    pid_t usher;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    usher = fork();
    if (usher == 0)
        become_usher(master, ready_pipe, ends[1]);
    close(ends[1]);
    got = usher > 0 ? read(ends[0], successor, sizeof(*successor)) : -1;
    close(ends[0]);
    if (usher > 0 && got != (ssize_t)sizeof(*successor)) {
        errno = EAGAIN; /* it could not fork, either */
        return -1;
    }
    return usher;
}

static const char *refusal(const struct master *master)
{
    if (master->stopping || master->successor != 0)
        return "another change is under way";
    if (master->pid == 1)
        return "process 1 of a container cannot be replaced; replace the container";
    return NULL;
}

void upgrade_begin(struct master *master)
{
    const char *why = refusal(master);
    int ends[2];

    master->upgrade_again = why == NULL && (master->next != NULL || !master->serving);
    if (master->upgrade_again)
        return; /* it is done when that is over */
    if (why == NULL && pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        why = strerror(errno);
    /* The new program may have more workers; if it fails, then nobody came to their sockets. */
    if (why == NULL && (!listen_set_hold(&master->listen, master->now->workers) ||
                        !listen_set_hold(&master->proxy, master->now->workers)))
        log_warn("master.sockets", "note=\"new ones cannot be held back\"");
    if (why != NULL) {
        log_warn("master.upgrade_refused", "reason=\"%s\"", why);
        return;
    }
    master->usher = start(master, ends[1], &master->successor);
    close(ends[1]);
    if (master->usher < 0) {
        log_error("master.fork_failed", "errno=%d", errno);
        master->successor = 0;
        close(ends[0]);
        return;
    }
    log_info("master.upgrade", "program=%s pid=%d", master->program, (int)master->successor);
    master->successor_pipe = ends[0];
    master->successor_failed = false;
    master->successor_until_ms = clock_mono_ms() + SUCCESSOR_WAIT_MS;
}

static void close_pipe(struct master *master)
{
    if (master->successor_pipe >= 0)
        close(master->successor_pipe);
    master->successor_pipe = -1;
}

static void say_failed(const struct master *master, const char *why, int number)
{
    log_error("master.upgrade_failed", "program=%s pid=%d %s=%d note=\"the old one goes on\"",
              master->program, (int)master->successor, why, number);
}

/* The successor serves, and nobody but the service manager waits for it any more. */
static void hand_over(struct master *master)
{
    sd_notify_send("MAINPID=%d", (int)master->successor);
    children_end_admin(master, false); /* its address is wanted */
    master_stop(master, WORKER_RETIRE);
}

void upgrade_gone(struct master *master, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
    bool by_signal = code > STATUS_SIGNAL;

    master->usher = 0;
    if (master->succeeded) {
        if (WIFEXITED(status))
            log_error("master.successor_died", "pid=%d status=%d", (int)master->successor, code);
        if (!master->stopping)
            hand_over(master);
        return;
    }
    if (WIFSIGNALED(status))
        kill(master->successor, SIGKILL); /* somebody ended the usher alone */
    if (!master->successor_failed)
        say_failed(master, by_signal ? "signal" : "status",
                   by_signal ? code - STATUS_SIGNAL : code);
    close_pipe(master);
    master->successor = 0;
}

void upgrade_step(struct master *master, uint64_t now)
{
    char byte;

    if (master->successor == 0 && master->upgrade_again && master->serving && master->next == NULL)
        upgrade_begin(master);
    if (master->successor == 0 || master->succeeded)
        return;
    if (!master->successor_failed && read(master->successor_pipe, &byte, 1) == 1) {
        log_info("master.succeeded", "pid=%d", (int)master->successor);
        master->succeeded = true;
        close_pipe(master);
        kill(master->usher, SIGKILL); /* upgrade_gone() goes on */
        return;
    }
    if (now < master->successor_until_ms)
        return;
    if (!master->successor_failed)
        say_failed(master, "ready_ms", SUCCESSOR_WAIT_MS);
    kill(master->successor, master->successor_failed ? SIGKILL : SIGTERM);
    master->successor_failed = true;
    master->successor_until_ms = now + master->now->settings.drain_notice_ms +
                                 master->now->settings.drain_ms + KILL_GRACE_MS;
}

/* ---- in the new master ---- */

static bool inherit(struct listen_set *set, const char *text, const char *address)
{
    char error[512];

    if (strcmp(text, "-") == 0)
        return false;
    if (address[0] == '\0' || !listen_set_inherit(set, text, address, error, sizeof(error)))
        fatal("%s; a new address needs a restart",
              address[0] == '\0' ? "no address is set" : error);
    return true;
}

bool upgrade_inherit(struct master *master)
{
    const struct settings *settings = &master->now->settings;
    const char *value = getenv(VARIABLE);
    char *text;
    char *listen;
    char *proxy;

    if (value == NULL)
        return false;
    text = mem_strdup(value);
    unsetenv(VARIABLE);
    listen = strchr(text, ':');
    proxy = listen != NULL ? strchr(listen + 1, ':') : NULL;
    if (proxy == NULL)
        fatal("%s=%s is not what a master passes on", VARIABLE, text);
    *listen++ = *proxy++ = '\0';
    master->predecessor_pipe = (int)strtol(text, NULL, 10);
    if (fcntl(master->predecessor_pipe, F_SETFD, FD_CLOEXEC) != 0 ||
        !inherit(&master->listen, listen, settings->listen))
        fatal("%s=%s holds no open descriptors", VARIABLE, text);
    if (strcmp(proxy, "-") != 0)
        inherit(&master->proxy, proxy, settings->proxy_listen);
    mem_free(text);
    return true;
}

void upgrade_done(struct master *master)
{
    if (master->predecessor_pipe < 0)
        return;
    if (write(master->predecessor_pipe, "R", 1) != 1)
        log_warn("master.predecessor_gone", "errno=%d", errno);
    close(master->predecessor_pipe);
    master->predecessor_pipe = -1;
    /* The old admin process needs a moment to let go of its address. */
    master->admin.respawn_at_ms = clock_mono_ms() + 300;
}
