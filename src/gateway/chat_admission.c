#include "gateway/chat_admission.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "common/store_admission.h"
#include "common/store_log.h"
#include "common/store_tickets.h"
#include "gateway/auth_waits.h"
#include "gateway/limiter.h"

#include <string.h>

/* What is checked on the pool before a client may have something. */
struct admission {
    struct pool_job job;
    struct chat_client *client;
    bool check_session; /* else it has one */
    bool check_room;
    uint64_t user_id; /* of check_room without check_session */
    struct chat_request request;
    uint32_t serial;                        /* of the chat_room, if there is one yet */
    uint8_t token_hash[DIGEST_SHA256_SIZE]; /* of check_session; of a ticket, when it was used */
    /* The result: */
    struct store_session session;
    uint64_t head;
    uint64_t epoch;
    enum err err;
};

static enum err no_row_is_no_token(enum err err)
{
    return err == ERR_NO_ROW ? ERR_INVALID_TOKEN : err;
}

/* Whose session it is: a ticket is worth one look. */
static enum err find_token(struct admission *admission, struct db *db)
{
    const struct ws_auth *auth = &admission->request.auth;

    if (auth->kind == WS_AUTH_TICKET)
        return no_row_is_no_token(store_ticket_use(db, auth->hash, admission->token_hash));
    memcpy(admission->token_hash, auth->hash, sizeof(admission->token_hash));
    return ERR_NONE;
}

static void run_admission(struct pool_job *job, struct db *db)
{
    struct admission *admission = CONTAINER_OF(job, struct admission, job);
    uint64_t room_id = admission->request.room_id;

    admission->err = admission->check_session ? find_token(admission, db) : ERR_NONE;
    if (admission->err != ERR_NONE)
        return;
    if (admission->check_session && admission->check_room) {
        admission->err = no_row_is_no_token(store_admit_session(
            db, admission->token_hash, room_id, &admission->session, &admission->head));
    } else if (admission->check_session) {
        admission->err =
            no_row_is_no_token(store_session_find(db, admission->token_hash, &admission->session));
        if (admission->err == ERR_NONE) /* for the hello */
            admission->err = store_log_epoch(db, &admission->epoch);
    } else {
        admission->err = store_admit_user(db, admission->user_id, room_id, &admission->head);
    }
}

static void refuse(struct chat_client *client, enum err err)
{
    switch (err) {
    case ERR_INVALID_TOKEN:
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
static void admit(struct chat_client *client, const struct admission *admission)
{
    if (!limiter_attached(client->services->limiter, admission->session.user_id)) {
        chat_client_close(client, CLOSE_REASON_TOO_MANY_SOCKETS);
        return;
    }
    sessions_attach(client->services->sessions, &client->membership, admission->token_hash,
                    &admission->session);
    chat_client_log_open(client, admission->request.request_id);
    if (client->kind == CHAT_MULTI)
        say_hello(client, admission->epoch);
    else
        chat_client_hear(chat_client_add_room(client, &admission->request), admission->head);
}

/* A room that a multi-room client subscribed to. It may have gone from the list meanwhile. */
static void admit_room(struct chat_client *client, const struct admission *admission)
{
    struct chat_room *room = chat_client_room(client, admission->request.room_id);
    struct error_frame error = {.err = err_public(admission->err),
                                .room_id = admission->request.room_id};
    struct strbuf out = STRBUF_EMPTY;

    if (room == NULL || room->serial != admission->serial)
        return; /* unsubscribed meanwhile, and perhaps subscribed anew */
    if (admission->err == ERR_NONE) {
        chat_client_hear(room, admission->head);
        return;
    }
    chat_frame_error(&out, &error);
    chat_client_say(client, &out);
    chat_client_remove_room(room);
}

static void on_admitted(struct pool_job *job)
{
    struct admission *admission = CONTAINER_OF(job, struct admission, job);
    struct chat_client *client = admission->client;

    client->admissions--;
    if (admission->check_session)
        limiter_handshake_ended(client->services->limiter);
    if (client->conn.state == WS_OPEN) {
        if (!admission->check_session)
            admit_room(client, admission);
        else if (admission->err == ERR_NONE)
            admit(client, admission);
        else
            refuse(client, admission->err);
    }
    chat_client_hold_or_go_on(client);
    mem_free(admission);
    chat_client_unref(client);
}

static struct admission *create_admission(struct chat_client *client,
                                          const struct chat_request *request)
{
    struct admission *admission = mem_alloc(sizeof(*admission));

    admission->job.run = run_admission;
    admission->job.done = on_admitted;
    admission->client = client;
    admission->request = *request;
    admission->err = ERR_OVERLOADED;
    return admission;
}

static bool submit(struct admission *admission)
{
    struct chat_client *client = admission->client;

    if (client->services->db == NULL || !pool_submit(client->services->db, &admission->job)) {
        metrics_add(METRIC_DB_QUEUE_FULL, 1);
        metrics_add_by(METRIC_SHED, METRICS_SHED_DB_QUEUE, 1);
        mem_free(admission);
        return false;
    }
    client->admissions++;
    chat_client_ref(client);
    return true;
}

void chat_admission_subscribe(struct chat_client *client, const struct chat_request *request)
{
    struct admission *admission = create_admission(client, request);
    struct chat_room *room = chat_client_add_room(client, request);
    struct error_frame error = {.err = ERR_OVERLOADED, .room_id = request->room_id};
    struct strbuf out = STRBUF_EMPTY;

    admission->serial = room->serial;
    admission->check_room = true;
    admission->user_id = client->membership.session->user_id;
    if (submit(admission))
        return;
    chat_frame_error(&out, &error);
    chat_client_say(client, &out);
    chat_client_remove_room(room);
}

/* ---- who is there? ---- */

static void authenticate(struct chat_client *client, const struct chat_request *request)
{
    struct admission *admission = create_admission(client, request);

    admission->check_session = true;
    admission->check_room = request->single;
    if (submit(admission))
        limiter_handshake_begins(client->services->limiter);
    else
        chat_client_close(client, CLOSE_REASON_TRY_LATER);
}

static void await_auth(struct chat_client *client, const struct chat_request *request)
{
    client->awaits_auth = auth_waits_add(client->services->auth_waits, client, request);
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

void chat_admission_late(struct chat_client *client)
{
    client->awaits_auth = false;
    if (client->conn.state != WS_OPEN)
        return; /* it is on its way out */
    metrics_add(METRIC_WS_AUTH_LATE, 1);
    chat_client_close(client, CLOSE_REASON_INVALID_TOKEN);
}

void chat_admission_forget(struct chat_client *client)
{
    if (client->awaits_auth)
        auth_waits_take(client->services->auth_waits, client, NULL);
    client->awaits_auth = false;
}
