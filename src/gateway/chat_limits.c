#include "gateway/chat_limits.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "gateway/bus_link.h"
#include "gateway/limiter.h"

/* ---- back-pressure ---- */

void chat_client_hold_or_go_on(struct chat_client *client)
{
    if (client->membership.session == NULL || client->conn.state != WS_OPEN)
        return; /* not admitted yet, or past caring */
    if (client->leaving) {
        chat_client_drain(&client->conn);
        return;
    }
    if (client->held || client->in_flight >= SENDS_IN_FLIGHT_PER_SOCKET_MAX ||
        client->admissions >= ADMISSIONS_PER_SOCKET_MAX || ws_conn_choked(&client->conn) ||
        bus_link_full(client->services->link))
        ws_conn_pause(&client->conn);
    else
        ws_conn_resume(&client->conn);
}

static void resume_one(struct ws_conn *conn, void *context ATTR_UNUSED)
{
    if (conn->paused)
        chat_client_hold_or_go_on(CONTAINER_OF(conn, struct chat_client, conn));
}

void chat_client_resume_all(struct services *services)
{
    ws_set_foreach(services->sockets, resume_one, NULL);
}

/* ---- rates ---- */

/* One that is held: made for it alone, so that all others need no room for it. */
struct hold {
    struct list_node node;
    struct chat_client *client; /* a reference */
    uint64_t until_ms;
};

struct chat_holds {
    struct loop_timer *timer; /* runs while somebody is held */
    struct list holds;
};

/* How exactly holds end: a timer for each of many hostile sockets would cost more than they do. */
#define TICK_MS 20

static void let_go(struct hold *hold)
{
    struct chat_client *client = hold->client;

    list_remove(&hold->node);
    mem_free(hold);
    client->held = false;
    chat_client_hold_or_go_on(client);
    chat_client_unref(client);
}

static void on_tick(void *context)
{
    struct chat_holds *holds = context;
    uint64_t now = clock_mono_ms();

    LIST_FOREACH_SAFE (node, &holds->holds) {
        struct hold *hold = LIST_ITEM(node, struct hold, node);

        if (hold->until_ms <= now)
            let_go(hold);
    }
    if (list_empty(&holds->holds))
        loop_timer_stop(holds->timer);
}

struct chat_holds *chat_holds_create(struct loop *loop)
{
    struct chat_holds *holds = mem_alloc(sizeof(*holds));

    list_init(&holds->holds);
    holds->timer = loop_timer_create(loop, on_tick, holds);
    return holds;
}

void chat_holds_destroy(struct chat_holds **holds)
{
    if (*holds == NULL)
        return;
    LIST_FOREACH_SAFE (node, &(*holds)->holds) {
        let_go(LIST_ITEM(node, struct hold, node));
    }
    loop_timer_destroy(&(*holds)->timer);
    mem_free(*holds);
    *holds = NULL;
}

static void hold_back(struct chat_client *client, uint64_t wait_ms)
{
    struct chat_holds *holds = client->services->holds;
    struct hold *hold = mem_alloc(sizeof(*hold));

    if (list_empty(&holds->holds))
        loop_timer_start_periodic(holds->timer, TICK_MS);
    hold->client = client;
    hold->until_ms = clock_mono_ms() + MIN(wait_ms, HOLD_MS_MAX);
    list_push_back(&holds->holds, &hold->node);
    client->held = true;
    chat_client_ref(client);
    metrics_add(METRIC_SOCKETS_HELD, 1);
}

static bool take(struct chat_client *client, enum rate_class kind, const struct error_frame *about)
{
    struct error_frame error = *about;
    struct strbuf out = STRBUF_EMPTY;

    if (limiter_take(client->services->limiter, kind, client->membership.session->user_id,
                     &error.retry_after_ms))
        return true;
    error.err = ERR_RATE_LIMITED;
    chat_frame_error(&out, &error);
    chat_client_say(client, &out);
    if (client->refusals < REFUSALS_BEFORE_HOLD)
        client->refusals++;
    else if (!client->held)
        hold_back(client, error.retry_after_ms);
    return false;
}

bool chat_limits_take(struct chat_client *client, enum rate_class kind,
                      const struct error_frame *about)
{
    if (!take(client, kind, about))
        return false;
    if (client->refusals > 0)
        client->refusals--;
    return true;
}

/* Refusals are not forgotten for it: what is in the frame may be refused, too. */
bool chat_limits_take_frame(struct chat_client *client)
{
    const struct error_frame about = {.room_id = 0};

    return take(client, RATE_FRAME, &about);
}
