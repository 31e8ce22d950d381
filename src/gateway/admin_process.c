#include "gateway/admin_process.h"

#include "common/admin.h"
#include "common/log.h"
#include "common/metrics_text.h"
#include "gateway/listen.h"
#include "gateway/routes.h"

#include <event2/event.h>
#include <signal.h>

/* A predecessor needs a moment to let go of the address. */
#define RETRY_FIRST_MS 200
#define RETRY_LAST_MS  5000

struct admin_process {
    struct loop *loop;
    struct loop_timer *timer;
    struct admin_options options;
    struct admin *admin;
    uint64_t retry_ms;
};

static void on_signal(void *context)
{
    loop_stop(context);
}

/* The address may become free. That it is not is said once. */
static void try_again(void *context)
{
    struct admin_process *process = context;
    char error[256];

    if (listen_is_free(process->options.address, error, sizeof(error)))
        process->admin = admin_create(process->loop, &process->options);
    if (process->admin != NULL)
        return;
    process->retry_ms = MIN(process->retry_ms * 2, (uint64_t)RETRY_LAST_MS);
    loop_timer_start(process->timer, process->retry_ms);
}

int admin_process_run(const struct settings *settings, struct metrics_slot *slots, size_t count,
                      size_t own)
{
    struct loop *loop = loop_create();
    struct loop_watch *on_term = loop_signal_create(loop, SIGTERM, on_signal, loop);
    struct loop_watch *on_int = loop_signal_create(loop, SIGINT, on_signal, loop);
    struct admin_process process = {
        .loop = loop,
        .options = {.program = "gateway",
                    .address = settings->admin_listen,
                    .slots = slots,
                    .count = count},
        .retry_ms = RETRY_FIRST_MS,
    };

    log_name("gateway.admin");
    metrics_use(&slots[own], "admin");
    routes_name(metrics_name_route);
    loop_signals_unblock();
    process.timer = loop_timer_create(loop, try_again, &process);
    process.admin = admin_create(loop, &process.options);
    if (process.admin == NULL)
        loop_timer_start(process.timer, process.retry_ms);
    loop_run(loop);
    admin_destroy(&process.admin);
    loop_timer_destroy(&process.timer);
    loop_watch_destroy(&on_term);
    loop_watch_destroy(&on_int);
    loop_destroy(&loop);
    libevent_global_shutdown();
    return 0;
}
