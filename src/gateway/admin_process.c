#include "gateway/admin_process.h"

#include "common/admin.h"
#include "common/log.h"
#include "common/metrics_text.h"
#include "gateway/routes.h"

#include <event2/event.h>
#include <signal.h>

static void on_signal(void *context)
{
    loop_stop(context);
}

int admin_process_run(const struct settings *settings, struct metrics_slot *slots, size_t count,
                      size_t own)
{
    struct loop *loop = loop_create();
    struct loop_watch *on_term = loop_signal_create(loop, SIGTERM, on_signal, loop);
    struct loop_watch *on_int = loop_signal_create(loop, SIGINT, on_signal, loop);
    const struct admin_options options = {
        .program = "gateway", .address = settings->admin_listen, .slots = slots, .count = count};
    struct admin *admin;

    log_name("gateway.admin");
    metrics_use(&slots[own], "admin");
    routes_name(metrics_name_route);
    loop_signals_unblock();
    admin = admin_create(loop, &options);
    loop_run(loop); /* without a port, too: the master would only start another */
    admin_destroy(&admin);
    loop_watch_destroy(&on_term);
    loop_watch_destroy(&on_int);
    loop_destroy(&loop);
    libevent_global_shutdown();
    return 0;
}
