#include "broker/control.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/sd_notify.h"

#include <signal.h>

struct control {
    struct control_source source;
    void (*reload)(void *context);
    void *context;
    struct loop_watch *on_hup;
    struct loop_timer *watchdog;
};

static void tell_ready(const struct control *control)
{
    sd_notify_send("READY=1\nSTATUS=serving %s", control->source.settings->broker_listen);
}

/* The log's settings hold at once; any other that has changed is told, and stays. */
static void take(const struct control *control, struct settings *fresh)
{
    const struct settings *old = control->source.settings;
    struct strbuf names = STRBUF_EMPTY;
    char error[256];

    if (!log_set(fresh->log_level, fresh->log_format, error, sizeof(error)))
        log_error("broker.log", "reason=\"%s\"", error); /* the settings have checked it */
    settings_keep(fresh, old, "LOG_LEVEL");
    settings_keep(fresh, old, "LOG_FORMAT");
    if (settings_changed(old, fresh, SETTINGS_BROKER, &names) > 0)
        log_warn("broker.needs_restart", "settings=\"%s\" note=\"the old values stay\"",
                 strbuf_str(&names));
    strbuf_fini(&names);
}

static void on_hup(void *context)
{
    struct control *control = context;
    struct settings fresh;
    char error[512];
    char quoted[600];

    sd_notify_reloading();
    if (settings_reload(&fresh, SETTINGS_BROKER, control->source.argc, control->source.argv, error,
                        sizeof(error))) {
        char *log_level = mem_strdup(fresh.log_level);

        take(control, &fresh);
        settings_fini(&fresh);
        control->reload(control->context);
        log_info("broker.reloaded", "log_level=%s", log_level);
        mem_free(log_level);
    } else {
        log_error("broker.reload_failed", "reason=%s note=\"everything stays as it was\"",
                  log_quote(error, quoted, sizeof(quoted)));
    }
    tell_ready(control);
}

static void on_watchdog(void *context ATTR_UNUSED)
{
    sd_notify_send("WATCHDOG=1");
}

struct control *control_create(struct loop *loop, const struct control_source *source,
                               void (*reload)(void *context), void *context)
{
    struct control *control = mem_alloc(sizeof(*control));
    uint64_t watchdog_ms = sd_notify_watchdog_ms();

    control->source = *source;
    control->reload = reload;
    control->context = context;
    control->on_hup = loop_signal_create(loop, SIGHUP, on_hup, control);
    control->watchdog = loop_timer_create(loop, on_watchdog, control);
    if (watchdog_ms > 0) {
        on_watchdog(control);
        loop_timer_start_periodic(control->watchdog, watchdog_ms);
    }
    tell_ready(control);
    return control;
}

void control_destroy(struct control **control)
{
    if (*control == NULL)
        return;
    sd_notify_send("STOPPING=1");
    loop_timer_destroy(&(*control)->watchdog);
    loop_watch_destroy(&(*control)->on_hup);
    mem_free(*control);
    *control = NULL;
}
