#define _GNU_SOURCE
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sd_notify.h"
#include "gateway/master_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What belongs to sockets that are open. */
static const char *const fixed[] = {"LISTEN", "PROXY_LISTEN", "ADMIN_LISTEN"};

static void keep_fixed(struct settings *fresh, const struct settings *old)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (settings_keep(fresh, old, fixed[i]))
            log_warn("master.needs_restart", "setting=%s note=\"the old value stays\"", fixed[i]);
}

/* The new generation is made, or a sentence why not. */
static struct generation *read_again(struct master *master, char *error, size_t error_size)
{
    struct settings fresh;
    struct strbuf names = STRBUF_EMPTY;
    struct generation *next;

    if (!settings_reload(&fresh, SETTINGS_GATEWAY, master->argc, master->argv, error, error_size))
        return NULL;
    keep_fixed(&fresh, &master->now->settings);
    settings_changed(&master->now->settings, &fresh, SETTINGS_GATEWAY, &names);
    log_info("master.reload", "changed=\"%s\"", strbuf_str(&names));
    strbuf_fini(&names);
    next = generation_create(&fresh);
    if (next->workers > children_free_places(master)) {
        snprintf(error, error_size, "there is no place for %zu more workers", next->workers);
        generation_destroy(&next);
        return NULL;
    }
    return next;
}

/* Those that are new get no connections before take_over(), so that giving up loses none. */
static bool enough_sockets(struct master *master, size_t workers, char *error, size_t error_size)
{
    const struct settings *settings = &master->now->settings;

    if (!listen_set_hold(&master->listen, master->now->workers) ||
        !listen_set_hold(&master->proxy, master->now->workers)) {
        snprintf(error, error_size, "new sockets cannot be held back: %s", strerror(errno));
        return false;
    }
    if (!listen_set_grow(&master->listen, settings->listen, workers, error, error_size))
        return false;
    return settings->proxy_listen[0] == '\0' ||
           listen_set_grow(&master->proxy, settings->proxy_listen, workers, error, error_size);
}

static void failed(struct master *master, const char *why)
{
    char quoted[512];

    log_error("master.reload_failed", "reason=%s note=\"everything stays as it was\"",
              log_quote(why, quoted, sizeof(quoted)));
    master_tell(master, "READY=1\n");
}

void reload_begin(struct master *master)
{
    char error[512] = "";

    if (master->stopping || master->successor != 0) {
        log_warn("master.reload_refused", "reason=\"another change is under way\"");
        return;
    }
    master->reload_again = master->next != NULL || !master->serving;
    if (master->reload_again)
        return; /* it is done when that is over */
    sd_notify_reloading();
    master->next = read_again(master, error, sizeof(error));
    if (master->next != NULL && master->next->workers > master->listen.count &&
        !enough_sockets(master, master->next->workers, error, sizeof(error)))
        generation_destroy(&master->next);
    if (master->next == NULL) {
        failed(master, error);
        return;
    }
    for (size_t i = 0; i < master->next->workers; i++)
        master->next->seats[i].place = children_spawn(master, master->next, false, (unsigned)i);
    master->next_until_ms = clock_mono_ms() + READY_WAIT_MS;
}

static bool one_died(const struct master *master)
{
    for (size_t i = 0; i < master->next->workers; i++) {
        size_t place = master->next->seats[i].place;

        if (place == NO_PLACE || master->children[place].pid == 0)
            return true;
    }
    return false;
}

/* Those that accepted somebody meanwhile let them go in order. */
static void give_up(struct master *master, const char *why)
{
    for (size_t i = 0; i < master->next->workers; i++) {
        size_t place = master->next->seats[i].place;

        if (place != NO_PLACE)
            children_order(master, place, WORKER_RETIRE);
    }
    generation_destroy(&master->next);
    failed(master, why);
}

/* The successors accept at the same sockets, so nobody waits while the old ones leave. */
static void take_over(struct master *master)
{
    struct generation *old = master->now;
    char error[256];

    if (!listen_set_use(&master->listen, master->next->workers) ||
        !listen_set_use(&master->proxy, master->next->workers))
        log_warn("master.needs_restart",
                 "setting=WORKERS note=\"some connections are not accepted until then\"");
    master->now = master->next;
    master->next = NULL;
    for (size_t i = 0; i < master->now->workers; i++)
        children_let_accept(master, master->now->seats[i].place);
    for (size_t i = 0; i < old->workers; i++)
        if (old->seats[i].place != NO_PLACE)
            children_order(master, old->seats[i].place,
                           i < master->now->workers ? WORKER_RETIRE : WORKER_DISSOLVE);
    if (!log_set(master->now->settings.log_level, master->now->settings.log_format, error,
                 sizeof(error)))
        log_error("master.log", "reason=\"%s\"", error); /* the settings have checked it */
    children_end_admin(master, true);
    log_info("master.reloaded", "workers=%zu", master->now->workers);
    generation_destroy(&old);
    master_tell(master, "READY=1\n");
}

void reload_step(struct master *master, uint64_t now)
{
    if (master->stopping) {
        generation_destroy(&master->next); /* its workers were told to go, too */
        return;
    }
    if (master->next == NULL) {
        if (master->reload_again && master->serving)
            reload_begin(master);
        return;
    }
    if (one_died(master)) {
        give_up(master, "a new worker has died");
    } else if (children_serve(master, master->next, true)) {
        take_over(master);
    } else if (now >= master->next_until_ms) {
        /* If the old ones lack database or broker, too, then the new ones are no worse. */
        if (children_serve(master, master->next, false) &&
            !children_serve(master, master->now, true))
            take_over(master);
        else
            give_up(master, "the new workers do not reach the database or the broker");
    }
}
