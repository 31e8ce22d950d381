#include "gateway/chat_admission.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "gateway/admissions.h"
#include "gateway/auth_waits.h"
#include "gateway/limiter.h"

#include <string.h>

/* What is asked before a client may have something: a new one its session (and of single its room),
 * one that has a session another room. */
struct entry {
    struct admission admission;
    struct chat_client *client;
    struct chat_request request;
    uint32_t serial;         /* of the chat_room, if there is one yet */
    uint64_t revoked_before; /* as sessions_revoked() said when it was asked */
};

static void refuse(struct chat_client *client, enum err err)
{
    switch (err) {
    case ERR_NO_ROW: /* no such session, or no such ticket */
        chat_client_close(client, CLOSE_REASON_INVALID_TOKEN);
        break;
    case ERR_NOT_A_MEMBER:
        chat_client_close(client, CLOSE_REASON_NOT_A_MEMBER);
        break;
    case ERR_ROOM_NOT_FOUND:
        chat_client_close(client, CLOSE_REASON_ROOM_NOT_FOUND);
        break;
    default:
        chat_client_close(client, CLOSE_REASON_TRY_LATER);
    }
}

static void say_hello(struct chat_client *client, uint64_t epoch)
{
    const struct session *session = client->membership.session;
    struct hello_frame hello = {session->user_id, session->username, epoch,
                                client->services->settings->ping_ms, clock_wall_us()};
    struct strbuf out = STRBUF_EMPTY;

    chat_frame_hello(&out, &hello);
    chat_client_say(client, &out);
}

/* A new connection: it has a session now, and is read from. */
static void admit(struct chat_client *client, const struct entry *entry)
{
    const struct store_admission *answer = &entry->admission.ask;

    if (answer->err != ERR_NONE) {
        refuse(client, answer->err);
        return;
    }
    if (!limiter_attached(client->services->limiter, answer->session.user_id)) {
        chat_client_close(client, CLOSE_REASON_TOO_MANY_SOCKETS);
        return;
    }
    sessions_attach(client->services->sessions, &client->membership, entry->admission.hash,
                    &answer->session, entry->revoked_before);
    chat_client_log_open(client, entry->request.request_id);
    if (client->kind == CHAT_MULTI)
        say_hello(client, entry->admission.epoch);
    else
        chat_client_hear(chat_client_add_room(client, &entry->request), answer->head);
}

/* A room that a multi-room client subscribed to. It may have gone from the list meanwhile. */
static void admit_room(struct chat_client *client, const struct entry *entry)
{
    const struct store_admission *answer = &entry->admission.ask;
    struct chat_room *room = chat_client_room(client, entry->request.room_id);
    struct error_frame error = {.err = err_public(answer->err), .room_id = entry->request.room_id};
    struct strbuf out = STRBUF_EMPTY;

    if (room == NULL || room->serial != entry->serial)
        return; /* unsubscribed meanwhile, and perhaps subscribed anew */
    if (answer->err == ERR_NONE) {
        chat_client_hear(room, answer->head);
        return;
    }
    chat_frame_error(&out, &error);
    chat_client_say(client, &out);
    chat_client_remove_room(room);
}

static void on_admitted(struct admission *admission)
{
    struct entry *entry = CONTAINER_OF(admission, struct entry, admission);
    struct chat_client *client = entry->client;
    bool is_new = admission->by != ADMISSION_BY_USER;

    client->admissions--;
    if (is_new)
        limiter_handshake_ended(client->services->limiter);
    if (client->conn.state == WS_OPEN) {
        if (is_new)
            admit(client, entry);
        else
            admit_room(client, entry);
    }
    chat_client_hold_or_go_on(client);
    mem_free(entry);
    chat_client_unref(client);
}

static struct entry *create_entry(struct chat_client *client, const struct chat_request *request)
{
    struct entry *entry = mem_alloc(sizeof(*entry));

    entry->client = client;
    entry->request = *request;
    entry->admission.ask.room_id = request->room_id;
    entry->admission.ask.wants_head = true;
    entry->admission.done = on_admitted;
    return entry;
}

static bool submit(struct entry *entry)
{
    struct chat_client *client = entry->client;
    struct services *services = client->services;

    entry->revoked_before = sessions_revoked(services->sessions);
    if (services->admissions == NULL ||
        !admissions_submit(services->admissions, &entry->admission)) {
        metrics_add(METRIC_DB_QUEUE_FULL, 1);
        metrics_add_by(METRIC_SHED, METRICS_SHED_DB_QUEUE, 1);
        mem_free(entry);
        return false;
    }
    client->admissions++;
    chat_client_ref(client);
    return true;
}

void chat_admission_subscribe(struct chat_client *client, const struct chat_request *request)
{
    struct entry *entry = create_entry(client, request);
    struct chat_room *room = chat_client_add_room(client, request);
    struct error_frame error = {.err = ERR_OVERLOADED, .room_id = request->room_id};
    struct strbuf out = STRBUF_EMPTY;

    entry->serial = room->serial;
    entry->admission.by = ADMISSION_BY_USER;
    entry->admission.ask.wants_room = true;
    entry->admission.ask.user_id = client->membership.session->user_id;
    if (submit(entry))
        return;
    chat_frame_error(&out, &error);
    chat_client_say(client, &out);
    chat_client_remove_room(room);
}

/* ---- who is there? ---- */

static void authenticate(struct chat_client *client, const struct chat_request *request)
{
    struct entry *entry = create_entry(client, request);

    entry->admission.by =
        request->auth.kind == WS_AUTH_TICKET ? ADMISSION_BY_TICKET : ADMISSION_BY_TOKEN;
    memcpy(entry->admission.hash, request->auth.hash, sizeof(entry->admission.hash));
    entry->admission.ask.wants_room = request->single;
    entry->admission.wants_epoch = !request->single;
    if (submit(entry))
        limiter_handshake_begins(client->services->limiter);
    else
        chat_client_close(client, CLOSE_REASON_TRY_LATER);
}

static void await_auth(struct chat_client *client, const struct chat_request *request)
{
    struct services *services = client->services;
    uint64_t address = limiter_address(services->limiter, &client->origin.client);

    client->awaits_auth = auth_waits_add(services->auth_waits, client, address, request);
    if (client->awaits_auth) {
        ws_conn_resume(&client->conn);
        return;
    }
    metrics_add(METRIC_WS_AUTH_FULL, 1);
    chat_client_close(client, CLOSE_REASON_TRY_LATER);
}

void chat_admission_begin(struct chat_client *client, const struct chat_request *request)
{
    switch (request->auth.kind) {
    case WS_AUTH_NONE:
        await_auth(client, request);
        break;
    case WS_AUTH_BAD:
        chat_client_close(client, CLOSE_REASON_INVALID_TOKEN);
        break;
    case WS_AUTH_TOKEN:
    case WS_AUTH_TICKET:
        authenticate(client, request);
    }
}

void chat_admission_on_frame(struct chat_client *client, bool text, const uint8_t *data, size_t len)
{
    struct chat_request request;

    client->awaits_auth = false;
    CHECK(auth_waits_take(client->services->auth_waits, client, &request));
    request.auth = text ? ws_auth_read_frame(data, len) : (struct ws_auth){.kind = WS_AUTH_BAD};
    ws_conn_pause(&client->conn);
    chat_admission_begin(client, &request);
}

void chat_admission_over(struct chat_client *client, bool late)
{
    client->awaits_auth = false;
    if (client->conn.state != WS_OPEN)
        return; /* it is on its way out */
    metrics_add(late ? METRIC_WS_AUTH_LATE : METRIC_WS_AUTH_FULL, 1);
    chat_client_close(client, late ? CLOSE_REASON_INVALID_TOKEN : CLOSE_REASON_TRY_LATER);
}

void chat_admission_forget(struct chat_client *client)
{
    if (client->awaits_auth)
        auth_waits_take(client->services->auth_waits, client, NULL);
    client->awaits_auth = false;
}
