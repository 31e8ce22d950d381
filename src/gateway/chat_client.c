#include "gateway/chat_client.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "gateway/bus_link.h"
#include "gateway/chat_admission.h"
#include "gateway/chat_commands.h"
#include "gateway/limiter.h"

#include <string.h>

static const struct subscriber_ops sub_ops;

static struct chat_client *of_conn(struct ws_conn *conn)
{
    return CONTAINER_OF(conn, struct chat_client, conn);
}

static struct chat_room *of_sub(struct subscription *sub)
{
    return CONTAINER_OF(sub, struct chat_room, sub);
}

void chat_client_ref(struct chat_client *client)
{
    client->refs++;
}

void chat_client_unref(struct chat_client *client)
{
    if (--client->refs == 0)
        mem_free(client);
}

static void deliver(struct chat_client *client, struct frame *frame)
{
    ws_conn_send(&client->conn, client->conn.stream ? frame_stream(frame) : frame);
}

void chat_client_say(struct chat_client *client, struct strbuf *out)
{
    struct frame *frame = frame_create(WS_OP_TEXT, out->data, out->len);

    deliver(client, frame);
    frame_unref(frame);
    strbuf_fini(out);
}

/* ---- ending ---- */

static void close_with(struct chat_client *client, uint16_t code, const char *reason,
                       enum close_verdict verdict, uint32_t after_ms)
{
    struct strbuf bye = STRBUF_EMPTY;

    if (client->conn.state != WS_OPEN)
        return;
    /* A single-room socket never said hello, and its clients know no bye. */
    if (client->kind != CHAT_SINGLE && client->membership.session != NULL) {
        chat_frame_bye(&bye, code, reason, verdict, after_ms);
        chat_client_say(client, &bye);
    }
    ws_conn_close(&client->conn, code, reason);
}

void chat_client_close(struct chat_client *client, enum close_reason reason)
{
    const struct close_row *row = close_reason_row(reason);
    uint32_t after_ms = row->after_ms;

    if (row->verdict == CLOSE_NOW && after_ms > 0) {
        uint32_t random;

        digest_random(&random, sizeof(random));
        after_ms = random % after_ms;
    }
    close_with(client, row->code, row->sentence, row->verdict, after_ms);
}

static void on_session_ended(struct session_member *member)
{
    chat_client_close(CONTAINER_OF(member, struct chat_client, membership),
                      CLOSE_REASON_SESSION_ENDED);
}

/* The peer broke the protocol: repeating it cannot help, connecting anew can. */
static void on_violation(struct ws_conn *conn, uint16_t code, const char *reason)
{
    close_with(of_conn(conn), code, reason, CLOSE_BACK_OFF, 1000);
}

static void on_unresponsive(struct ws_conn *conn)
{
    chat_client_close(of_conn(conn), CLOSE_REASON_UNRESPONSIVE);
}

void chat_client_drain(struct ws_conn *conn)
{
    struct chat_client *client = of_conn(conn);

    client->leaving = true;
    if (client->in_flight == 0)
        chat_client_drain_now(conn);
    else
        ws_conn_pause(conn);
}

bool chat_client_leaving(struct ws_conn *conn)
{
    return of_conn(conn)->leaving;
}

void chat_client_drain_now(struct ws_conn *conn)
{
    chat_client_close(of_conn(conn), CLOSE_REASON_DRAINING);
}

/* ---- a room of a client ---- */

static bool sub_full(struct subscription *sub, bool behind)
{
    struct ws_conn *conn = &of_sub(sub)->client->conn;

    return conn->state != WS_OPEN || ws_conn_full(conn, behind);
}

static void sub_deliver(struct subscription *sub, struct frame *frame)
{
    deliver(of_sub(sub)->client, frame);
}

static void sub_started(struct subscription *sub, enum cursor_resume resume,
                        const struct room_log *log)
{
    struct chat_room *room = of_sub(sub);
    struct strbuf out = STRBUF_EMPTY;
    struct subscribed_frame frame = {
        .room_id = room->room_id,
        .head = sub->has_since ? MAX(log->head, sub->head) : sub->head,
        .epoch = log->epoch,
        .has_since = sub->has_since,
        .resume = resume,
    };

    if (!sub->all_kinds)
        return; /* the original's clients expect nothing */
    chat_frame_subscribed(&out, &frame);
    chat_client_say(room->client, &out);
}

static void sub_caught_up(struct subscription *sub, uint64_t seq)
{
    struct chat_room *room = of_sub(sub);
    struct strbuf out = STRBUF_EMPTY;

    chat_frame_caught_up(&out, room->room_id, seq);
    chat_client_say(room->client, &out);
}

/* One room of many ends alone; with the only one the connection ends. */
static void sub_ended(struct subscription *sub, enum rooms_end why)
{
    static const enum close_reason reasons[] = {
        [ROOMS_END_REMOVED] = CLOSE_REASON_REMOVED,
        [ROOMS_END_ROOM_GONE] = CLOSE_REASON_ROOM_GONE,
        [ROOMS_END_LOG_RESET] = CLOSE_REASON_LOG_RESTORED,
        [ROOMS_END_UNREADABLE] = CLOSE_REASON_LOG_UNREADABLE,
    };
    struct chat_room *room = of_sub(sub);
    struct strbuf out = STRBUF_EMPTY;

    if (room->client->kind != CHAT_MULTI || why == ROOMS_END_LOG_RESET) {
        chat_client_close(room->client, reasons[why]);
        return;
    }
    chat_frame_unsubscribed(&out, room->room_id, close_reason_row(reasons[why]));
    chat_client_say(room->client, &out);
    list_push_back(&room->client->services->ended_rooms, &room->ended_node);
}

static const struct subscriber_ops sub_ops = {sub_full, sub_deliver, sub_started, sub_caught_up,
                                              sub_ended};

struct chat_room *chat_client_add_room(struct chat_client *client,
                                       const struct chat_request *request)
{
    struct chat_room *room = mem_alloc(sizeof(*room));

    room->client = client;
    room->serial = ++client->last_serial;
    room->room_id = request->room_id;
    room->sub.ops = &sub_ops;
    room->sub.memory = &client->conn;
    room->sub.has_since = request->has_since;
    room->sub.since = request->since;
    room->sub.epoch = request->epoch;
    room->sub.runs = client->kind != CHAT_STREAM;
    room->sub.all_kinds = client->kind != CHAT_SINGLE || request->has_since;
    list_push_back(&client->rooms, &room->client_node);
    client->room_count++;
    return room;
}

void chat_client_remove_room(struct chat_room *room)
{
    rooms_unsubscribe(room->client->services->rooms, &room->sub);
    list_remove(&room->client_node);
    list_remove(&room->ended_node);
    room->client->room_count--;
    mem_free(room);
}

void chat_client_hear(struct chat_room *room, uint64_t head)
{
    room->sub.user_id = room->client->membership.session->user_id;
    room->sub.head = head;
    rooms_subscribe(room->client->services->rooms, &room->sub, room->room_id);
}

struct chat_room *chat_client_room(struct chat_client *client, uint64_t room_id)
{
    LIST_FOREACH (node, &client->rooms) {
        struct chat_room *room = LIST_ITEM(node, struct chat_room, client_node);

        if (room->room_id == room_id)
            return room;
    }
    return NULL;
}

void chat_client_unsubscribe(struct chat_room *room)
{
    struct strbuf out = STRBUF_EMPTY;

    chat_frame_unsubscribed(&out, room->room_id, NULL);
    chat_client_say(room->client, &out);
    chat_client_remove_room(room);
}

void chat_client_turn_end(void *context)
{
    struct services *services = context;
    struct list_node *node;

    while ((node = list_pop_front(&services->ended_rooms)) != NULL)
        chat_client_remove_room(LIST_ITEM(node, struct chat_room, ended_node));
}

/* ---- what the access log says ---- */

static const char *const kind_names[] = {"single", "multi", "stream"};

void chat_client_log_open(const struct chat_client *client, const char *request_id)
{
    char origin[ORIGIN_TEXT_SIZE];

    if (client->services->settings->access_log)
        log_info("ws.open", "%s req=%s kind=%s user=%llu", origin_format(&client->origin, origin),
                 request_id, kind_names[client->kind],
                 (unsigned long long)client->membership.session->user_id);
}

static void log_close(const struct chat_client *client)
{
    static const char *const by[] = {"server", "client", "network"};
    const struct session *session = client->membership.session;
    const struct ws_ending *ending = &client->conn.ending;
    char origin[ORIGIN_TEXT_SIZE];

    if (client->services->settings->access_log)
        log_info("ws.close",
                 "%s kind=%s user=%llu by=%s code=%u reason=\"%s\" duration_ms=%llu frames_in=%u "
                 "frames_out=%u",
                 origin_format(&client->origin, origin), kind_names[client->kind],
                 (unsigned long long)(session != NULL ? session->user_id : 0), by[ending->by],
                 ending->code, ending->reason != NULL ? ending->reason : "",
                 (unsigned long long)(clock_mono_ms() - client->opened_ms), ending->frames_in,
                 ending->frames_out);
}

/* ---- coming and going ---- */

static struct chat_client *create(struct services *services, enum chat_kind kind,
                                  const struct origin *origin)
{
    struct chat_client *client = mem_alloc(sizeof(*client));

    client->services = services;
    client->origin = *origin;
    client->opened_ms = clock_mono_ms();
    client->kind = (uint8_t)kind;
    client->refs = 1;
    client->membership.on_ended = on_session_ended;
    list_init(&client->rooms);
    limiter_opened(services->limiter, limiter_address(services->limiter, &origin->client));
    metrics_add(METRIC_WS_OPENED, 1);
    return client;
}

static void count_open(const struct services *services)
{
    size_t streams = ws_set_streams(services->sockets);

    metrics_set(METRIC_WS_OPEN, ws_set_count(services->sockets) - streams);
    metrics_set(METRIC_EVENT_STREAMS, streams);
}

void chat_client_open(struct services *services, int fd, const void *early, size_t early_len,
                      const struct chat_request *request)
{
    struct chat_client *client =
        create(services, request->single ? CHAT_SINGLE : CHAT_MULTI, &request->origin);

    ws_conn_open(&client->conn, services->sockets, fd, early, early_len);
    ws_conn_deflate(&client->conn, request->window_bits);
    count_open(services);
    chat_admission_begin(client, request);
}

void chat_client_open_stream(struct services *services, int fd,
                             const struct stream_request *request)
{
    struct chat_client *client = create(services, CHAT_STREAM, &request->origin);
    struct chat_request room = {.room_id = request->room_id,
                                .has_since = request->has_since,
                                .since = request->since,
                                .epoch = request->epoch};

    ws_conn_open_stream(&client->conn, services->sockets, fd);
    count_open(services);
    CHECK(limiter_attached(services->limiter, request->session->user_id));
    sessions_attach(services->sessions, &client->membership, request->token_hash, request->session,
                    SESSIONS_UNKNOWN);
    chat_client_log_open(client, request->request_id);
    chat_client_hear(chat_client_add_room(client, &room), request->head);
    chat_client_hold_or_go_on(client);
}

/* Each room gets its turn to be the first. */
static void on_drained(struct ws_conn *conn)
{
    struct chat_client *client = of_conn(conn);

    if (!list_empty(&client->rooms))
        list_push_back(&client->rooms, list_pop_front(&client->rooms));
    LIST_FOREACH (node, &client->rooms) {
        rooms_pump(client->services->rooms, &LIST_ITEM(node, struct chat_room, client_node)->sub);
    }
    chat_client_hold_or_go_on(client);
}

/* Who is attached has a session, and nobody else. */
static void let_count_go(const struct chat_client *client)
{
    struct limiter *limiter = client->services->limiter;

    limiter_closed(limiter, limiter_address(limiter, &client->origin.client));
    if (client->membership.session != NULL)
        limiter_detached(limiter, client->membership.session->user_id);
}

static void on_closed(struct ws_conn *conn)
{
    struct chat_client *client = of_conn(conn);
    struct list_node *node;

    while ((node = list_first(&client->rooms)) != NULL)
        chat_client_remove_room(LIST_ITEM(node, struct chat_room, client_node));
    chat_admission_forget(client);
    log_close(client);
    let_count_go(client);
    sessions_detach(client->services->sessions, &client->membership);
    count_open(client->services);
    chat_client_unref(client);
}

static void on_message(struct ws_conn *conn, bool text, const uint8_t *data, size_t len)
{
    struct chat_client *client = of_conn(conn);

    if (client->awaits_auth)
        chat_admission_on_frame(client, text, data, len);
    else
        chat_commands_handle(client, text, data, len);
}

const struct ws_handlers chat_client_handlers = {on_message, on_drained, on_violation,
                                                 on_unresponsive, on_closed};
