#include "gateway/chat_client.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/event_json.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/store_log.h"
#include "common/store_rooms.h"
#include "gateway/rooms.h"
#include "gateway/sending.h"
#include "gateway/sessions.h"

#include <string.h>

/* Commands of one socket that may be under way: more than any window needs, and few enough that one
 * client cannot fill the link. */
#define IN_FLIGHT_MAX 256

struct chat_client {
    struct ws_conn conn;
    struct session_member membership;
    struct subscription sub;
    struct services *services;
    uint64_t room_id;
    uint32_t refs; /* the socket's own, and one for each job and command under way */
    uint32_t in_flight;
};

/* The check of token and membership. */
struct admission {
    struct pool_job job;
    struct chat_client *client;
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    struct store_session session;
    uint64_t head;
    enum err err;
};

/* A send whose answer is awaited. */
struct sent {
    struct chat_client *client;
    size_t client_id_len;
    bool has_client_id;
    char client_id[];
};

static struct chat_client *of_conn(struct ws_conn *conn)
{
    return CONTAINER_OF(conn, struct chat_client, conn);
}

static struct chat_client *of_sub(struct subscription *sub)
{
    return CONTAINER_OF(sub, struct chat_client, sub);
}

static void unref(struct chat_client *client)
{
    if (--client->refs == 0)
        mem_free(client);
}

static void send_buffer(struct chat_client *client, struct strbuf *json)
{
    ws_conn_send_text(&client->conn, json->data, json->len);
    strbuf_fini(json);
}

/* ---- answers to sends ---- */

static void add_client_id(struct strbuf *json, struct span client_id)
{
    if (client_id.data == NULL)
        return;
    strbuf_add_str(json, ",\"client_id\":");
    json_write_string(json, client_id);
}

static void send_error(struct chat_client *client, enum err err, const char *message,
                       struct span client_id)
{
    struct strbuf json = STRBUF_EMPTY;

    strbuf_printf(&json, "{\"type\":\"error\",\"code\":\"%s\",\"message\":", err_code(err));
    json_write_string(&json, (struct span){(const uint8_t *)message, strlen(message)});
    strbuf_add_str(&json, err_temporary(err) ? ",\"temporary\":true" : ",\"temporary\":false");
    add_client_id(&json, client_id);
    strbuf_add_char(&json, '}');
    send_buffer(client, &json);
}

static void send_ack(struct chat_client *client, const struct bus_answer *answer,
                     struct span client_id)
{
    struct strbuf json = STRBUF_EMPTY;
    char iso[CLOCK_ISO_SIZE];

    strbuf_add_str(&json, "{\"type\":\"ack\"");
    add_client_id(&json, client_id);
    strbuf_printf(&json, ",\"room_id\":%llu,\"id\":%llu,\"created_at\":\"%s\",\"duplicate\":%s}",
                  (unsigned long long)client->room_id, (unsigned long long)answer->seq,
                  clock_format_iso(answer->created_at_us, iso),
                  answer->duplicate ? "true" : "false");
    send_buffer(client, &json);
}

/* Reads on, unless this socket or the worker has as much under way as it may. */
static void hold_or_go_on(struct chat_client *client)
{
    if (client->in_flight >= IN_FLIGHT_MAX || bus_link_full(client->services->link))
        ws_conn_pause(&client->conn);
    else
        ws_conn_resume(&client->conn);
}

static void on_answer(void *context, const struct bus_answer *answer)
{
    struct sent *sent = context;
    struct chat_client *client = sent->client;
    struct span client_id = {sent->has_client_id ? (const uint8_t *)sent->client_id : NULL,
                             sent->client_id_len};

    client->in_flight--;
    if (answer->err != ERR_NONE)
        send_error(client, answer->err, err_sentence(answer->err), client_id);
    else if (sent->has_client_id)
        send_ack(client, answer, client_id);
    if (client->conn.state == WS_OPEN && client->conn.paused)
        hold_or_go_on(client);
    mem_free(sent);
    unref(client);
}

static void send_message(struct chat_client *client, const struct outgoing *out)
{
    struct sent *sent = mem_alloc(sizeof(*sent) + out->client_id.len);

    sent->client = client;
    sent->has_client_id = out->client_id.data != NULL;
    sent->client_id_len = out->client_id.len;
    if (out->client_id.len > 0)
        memcpy(sent->client_id, out->client_id.data, out->client_id.len);
    if (!sending_publish(client->services->link, client->room_id,
                         client->membership.session->user_id, client->membership.session->username,
                         out, on_answer, sent)) {
        mem_free(sent);
        send_error(client, ERR_OVERLOADED, err_sentence(ERR_OVERLOADED), out->client_id);
        return;
    }
    client->in_flight++;
    client->refs++;
}

static void on_message(struct ws_conn *conn, bool text, const uint8_t *data, size_t len)
{
    static const struct span none = {NULL, 0};
    struct chat_client *client = of_conn(conn);
    struct json_doc *doc = NULL;
    struct outgoing out;
    enum err err;

    if (!text) {
        send_error(client, ERR_BAD_FRAME, "Binary frames are not used; send JSON text.", none);
        return;
    }
    if (json_parse_object(data, len, &doc) != ERR_NONE) {
        send_error(client, ERR_BAD_FRAME, "The frame is not a JSON object.", none);
        return;
    }
    err = sending_read(doc, &out);
    if (err == ERR_NONE)
        send_message(client, &out);
    else
        send_error(client, err == ERR_VALIDATION ? ERR_BAD_FRAME : err, out.problem, out.client_id);
    json_doc_destroy(&doc);
    hold_or_go_on(client);
}

/* ---- the subscription ---- */

static bool sub_full(struct subscription *sub)
{
    return of_sub(sub)->conn.state != WS_OPEN || ws_conn_full(&of_sub(sub)->conn);
}

static void sub_deliver(struct subscription *sub, struct frame *frame)
{
    ws_conn_send(&of_sub(sub)->conn, frame);
}

static void sub_started(struct subscription *sub, enum cursor_resume resume,
                        const struct room_log *log)
{
    struct chat_client *client = of_sub(sub);
    struct strbuf json = STRBUF_EMPTY;

    if (sub->resuming) {
        strbuf_printf(&json,
                      "{\"type\":\"subscribed\",\"room_id\":%llu,\"head\":%llu,"
                      "\"epoch\":%llu,\"recovered\":%s",
                      (unsigned long long)client->room_id,
                      (unsigned long long)MAX(log->head, sub->head), (unsigned long long)log->epoch,
                      resume == CURSOR_RESUMED ? "true}" : "false");
        if (resume != CURSOR_RESUMED)
            strbuf_printf(&json, ",\"reason\":\"%s\"}",
                          resume == CURSOR_BEYOND_HEAD ? "since_beyond_head" : "epoch_changed");
        send_buffer(client, &json);
    }
}

static void sub_caught_up(struct subscription *sub, uint64_t seq)
{
    struct strbuf json = STRBUF_EMPTY;

    strbuf_printf(&json, "{\"type\":\"caught_up\",\"room_id\":%llu,\"seq\":%llu}",
                  (unsigned long long)of_sub(sub)->room_id, (unsigned long long)seq);
    send_buffer(of_sub(sub), &json);
}

static void sub_ended(struct subscription *sub, enum rooms_end why)
{
    static const struct {
        uint16_t code;
        const char *reason;
    } closes[] = {
        [ROOMS_END_REMOVED] = {WS_CLOSE_POLICY, "Removed from the room"},
        [ROOMS_END_ROOM_GONE] = {WS_CLOSE_POLICY, "Room removed"},
        [ROOMS_END_LOG_RESET] = {WS_CLOSE_SERVICE_RESTART, "The log was restored"},
        [ROOMS_END_UNREADABLE] = {WS_CLOSE_INTERNAL_ERROR, "The log cannot be read"},
    };

    ws_conn_close(&of_sub(sub)->conn, closes[why].code, closes[why].reason);
}

static const struct subscriber_ops sub_ops = {sub_full, sub_deliver, sub_started, sub_caught_up,
                                              sub_ended};

static void on_session_ended(struct session_member *member)
{
    struct chat_client *client = CONTAINER_OF(member, struct chat_client, membership);

    ws_conn_close(&client->conn, WS_CLOSE_POLICY, "Session ended");
}

/* ---- coming and going ---- */

static void run_admission(struct pool_job *job, struct db *db)
{
    struct admission *admission = CONTAINER_OF(job, struct admission, job);

    admission->err = store_session_find(db, admission->token_hash, &admission->session);
    if (admission->err == ERR_NO_ROW)
        admission->err = ERR_INVALID_TOKEN;
    /* The head first: whatever changes the membership after the check has a seq above it. */
    if (admission->err == ERR_NONE)
        admission->err = store_log_head(db, admission->client->room_id, &admission->head);
    if (admission->err == ERR_NONE)
        admission->err =
            store_room_check_member(db, admission->client->room_id, admission->session.user_id);
}

static void refuse(struct chat_client *client, enum err err)
{
    switch (err) {
    case ERR_INVALID_TOKEN:
        ws_conn_close(&client->conn, WS_CLOSE_POLICY, "Invalid token");
        break;
    case ERR_NOT_A_MEMBER:
    case ERR_ROOM_NOT_FOUND:
        ws_conn_close(&client->conn, WS_CLOSE_POLICY, err_sentence(err));
        break;
    default:
        ws_conn_close(&client->conn, WS_CLOSE_TRY_AGAIN_LATER, err_sentence(err));
    }
}

static void on_admitted(struct pool_job *job)
{
    struct admission *admission = CONTAINER_OF(job, struct admission, job);
    struct chat_client *client = admission->client;
    struct services *services = client->services;

    if (client->conn.state == WS_OPEN && admission->err != ERR_NONE) {
        refuse(client, admission->err);
    } else if (client->conn.state == WS_OPEN) {
        sessions_attach(services->sessions, &client->membership, admission->token_hash,
                        &admission->session);
        client->sub.user_id = admission->session.user_id;
        client->sub.head = admission->head;
        rooms_subscribe(services->rooms, &client->sub, client->room_id);
        ws_conn_resume(&client->conn);
    }
    mem_free(admission);
    unref(client);
}

static bool token_usable(struct span token)
{
    uint8_t bytes[TOKEN_BYTES];

    return digest_unhex((const char *)token.data, token.len, bytes, sizeof(bytes));
}

static void admit(struct chat_client *client, struct span token)
{
    struct admission *admission;

    if (!token_usable(token)) {
        refuse(client, ERR_INVALID_TOKEN);
        return;
    }
    admission = mem_alloc(sizeof(*admission));
    admission->job.run = run_admission;
    admission->job.done = on_admitted;
    admission->client = client;
    admission->err = ERR_OVERLOADED;
    digest_sha256(token.data, token.len, admission->token_hash);
    if (!pool_submit(client->services->db, &admission->job)) {
        metrics_add(METRIC_DB_QUEUE_FULL, 1);
        mem_free(admission);
        refuse(client, ERR_OVERLOADED);
        return;
    }
    client->refs++;
}

void chat_client_open(struct services *services, int fd, const void *early, size_t early_len,
                      const struct chat_request *request)
{
    struct chat_client *client = mem_alloc(sizeof(*client));

    client->services = services;
    client->room_id = request->room_id;
    client->refs = 1;
    client->membership.on_ended = on_session_ended;
    client->sub.ops = &sub_ops;
    client->sub.since = request->since;
    client->sub.epoch = request->epoch;
    client->sub.resuming = request->has_since;
    ws_conn_open(&client->conn, services->sockets, fd, early, early_len);
    metrics_add(METRIC_WS_OPENED, 1);
    metrics_set(METRIC_WS_OPEN, ws_set_count(services->sockets));
    admit(client, request->token);
}

static void on_drained(struct ws_conn *conn)
{
    rooms_pump(of_conn(conn)->services->rooms, &of_conn(conn)->sub);
}

static void on_closed(struct ws_conn *conn)
{
    struct chat_client *client = of_conn(conn);

    rooms_unsubscribe(client->services->rooms, &client->sub);
    sessions_detach(client->services->sessions, &client->membership);
    metrics_set(METRIC_WS_OPEN, ws_set_count(client->services->sockets));
    unref(client);
}

const struct ws_handlers chat_client_handlers = {on_message, on_drained, on_closed};

void chat_client_drain(struct ws_conn *conn)
{
    ws_conn_close(conn, WS_CLOSE_SERVICE_RESTART, "Server restarting");
}

static void resume_one(struct ws_conn *conn, void *context ATTR_UNUSED)
{
    struct chat_client *client = of_conn(conn);

    /* One that was not admitted yet stays paused. */
    if (conn->paused && client->membership.session != NULL)
        hold_or_go_on(client);
}

void chat_client_resume_all(struct services *services)
{
    ws_set_foreach(services->sockets, resume_one, NULL);
}
