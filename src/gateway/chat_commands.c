#include "gateway/chat_commands.h"

#include "common/clock.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "gateway/bus_link.h"
#include "gateway/chat_admission.h"
#include "gateway/chat_limits.h"
#include "gateway/sending.h"

#include <string.h>

/* A user is said to be typing at most this often in a room: the note stands for some seconds. */
#define TYPING_INTERVAL_MS 2000

/* A send whose answer is awaited. */
struct sent {
    struct chat_client *client;
    uint64_t room_id;
    size_t client_id_len;
    bool has_client_id;
    char client_id[];
};

static void say_error(struct chat_client *client, const struct error_frame *error)
{
    struct strbuf out = STRBUF_EMPTY;

    chat_frame_error(&out, error);
    chat_client_say(client, &out);
}

static void say_bad_frame(struct chat_client *client, const char *message, uint64_t room_id)
{
    struct error_frame error = {.err = ERR_BAD_FRAME, .message = message, .room_id = room_id};

    say_error(client, &error);
}

/* ---- message ---- */

/* The single-room socket's errors have no room: its clients know which it is. */
static uint64_t named_room(const struct chat_client *client, uint64_t room_id)
{
    return client->kind == CHAT_MULTI ? room_id : 0;
}

static void on_answer(void *context, const struct bus_answer *answer)
{
    struct sent *sent = context;
    struct chat_client *client = sent->client;
    struct strbuf out = STRBUF_EMPTY;
    struct error_frame error = {.err = answer->err, .room_id = named_room(client, sent->room_id)};

    if (sent->has_client_id)
        error.client_id = (struct span){(const uint8_t *)sent->client_id, sent->client_id_len};
    client->in_flight--;
    if (answer->err != ERR_NONE) {
        say_error(client, &error);
    } else if (sent->has_client_id) {
        chat_frame_ack(&out, sent->room_id, answer, error.client_id);
        chat_client_say(client, &out);
    }
    chat_client_hold_or_go_on(client);
    mem_free(sent);
    chat_client_unref(client);
}

static void publish(struct chat_client *client, uint64_t room_id, const struct outgoing *message)
{
    const struct session *session = client->membership.session;
    struct sent *sent = mem_alloc(sizeof(*sent) + message->client_id.len);

    sent->client = client;
    sent->room_id = room_id;
    sent->has_client_id = message->client_id.data != NULL;
    sent->client_id_len = message->client_id.len;
    if (message->client_id.len > 0)
        memcpy(sent->client_id, message->client_id.data, message->client_id.len);
    sending_publish(client->services->link, room_id, session->user_id, session->username, message,
                    on_answer, sent);
    client->in_flight++;
    chat_client_ref(client);
}

static void handle_message(struct chat_client *client, struct chat_room *room,
                           const struct json_doc *doc)
{
    struct outgoing message;
    enum err err = sending_read(doc, &message);
    struct error_frame error = {.err = err == ERR_VALIDATION ? ERR_BAD_FRAME : err,
                                .message = message.problem,
                                .room_id = named_room(client, room->room_id),
                                .client_id = message.client_id};

    if (err != ERR_NONE)
        say_error(client, &error);
    else if (chat_limits_take(client, RATE_SEND, &error))
        publish(client, room->room_id, &message);
}

/* ---- the other frames of a multi-room socket ---- */

/* Reads a number that may be absent; false if it is there and is none. */
static bool read_optional(const struct json_doc *doc, const char *name, uint64_t *out, bool *found)
{
    *found = json_get_u64(doc, name, out) == JSON_IS_NUMBER;
    return *found || json_get_u64(doc, name, out) == JSON_IS_ABSENT ||
           json_get_u64(doc, name, out) == JSON_IS_NULL;
}

static void handle_subscribe(struct chat_client *client, uint64_t room_id,
                             const struct json_doc *doc)
{
    struct chat_request request = {.room_id = room_id};
    struct error_frame error = {.err = ERR_TOO_MANY_ROOMS, .room_id = room_id};
    bool has_epoch;

    if (!read_optional(doc, "since", &request.since, &request.has_since) ||
        !read_optional(doc, "epoch", &request.epoch, &has_epoch)) {
        say_bad_frame(client, "since and epoch must be whole numbers.", room_id);
        return;
    }
    if (client->room_count >= ROOMS_PER_SOCKET_MAX) {
        metrics_add_by(METRIC_SHED, METRICS_SHED_SOCKET_ROOMS, 1);
        say_error(client, &error);
    } else if (chat_limits_take(client, RATE_HISTORY, &error)) {
        chat_admission_subscribe(client, &request);
    }
}

static void handle_typing(struct chat_client *client, struct chat_room *room)
{
    const struct session *session = client->membership.session;
    const struct error_frame about = {.room_id = room->room_id};
    uint64_t now = clock_mono_ms();

    if (room->typing_ms != 0 && now - room->typing_ms < TYPING_INTERVAL_MS)
        return; /* it was said a moment ago */
    if (!chat_limits_take(client, RATE_TYPING, &about))
        return;
    room->typing_ms = now;
    bus_link_typing(client->services->link, room->room_id, session->user_id, session->username);
}

static void handle_room_frame(struct chat_client *client, struct span type, uint64_t room_id,
                              const struct json_doc *doc)
{
    struct chat_room *room = chat_client_room(client, room_id);
    bool subscribe = span_is(type, "subscribe");
    struct error_frame error = {.err = subscribe ? ERR_ALREADY_SUBSCRIBED : ERR_NOT_SUBSCRIBED,
                                .room_id = room_id};
    /* One whose membership is still being checked, or was found to have ended, may only be let go.
     */
    bool refused = room == NULL || (!chat_room_open(room) && !span_is(type, "unsubscribe"));

    if (subscribe ? room != NULL : refused) {
        json_get(doc, "client_id", &error.client_id);
        if (!sending_client_id_valid(error.client_id))
            error.client_id = (struct span){NULL, 0};
        say_error(client, &error);
    } else if (subscribe) {
        handle_subscribe(client, room_id, doc);
    } else if (span_is(type, "message")) {
        handle_message(client, room, doc);
    } else if (span_is(type, "unsubscribe")) {
        chat_client_unsubscribe(room);
    } else {
        handle_typing(client, room);
    }
}

static bool is_room_frame(struct span type)
{
    return span_is(type, "message") || span_is(type, "subscribe") || span_is(type, "unsubscribe") ||
           span_is(type, "typing");
}

static void handle_multi(struct chat_client *client, const struct json_doc *doc)
{
    struct strbuf pong = STRBUF_EMPTY;
    struct span type = {NULL, 0};
    uint64_t room_id;

    if (json_get(doc, "type", &type) != JSON_IS_TEXT) {
        say_bad_frame(client, "type is required and must be a string.", 0);
    } else if (span_is(type, "ping")) {
        strbuf_add_str(&pong, "{\"type\":\"pong\"}");
        chat_client_say(client, &pong);
    } else if (!is_room_frame(type)) {
        say_bad_frame(client, "There is no such type of frame.", 0);
    } else if (json_get_u64(doc, "room_id", &room_id) != JSON_IS_NUMBER) {
        say_bad_frame(client, "room_id is required and must be a whole number.", 0);
    } else {
        handle_room_frame(client, type, room_id, doc);
    }
}

static void handle_object(struct chat_client *client, const struct json_doc *doc)
{
    if (client->kind == CHAT_MULTI)
        handle_multi(client, doc);
    else if (client->room_count > 0)
        handle_message(client, LIST_ITEM(list_first(&client->rooms), struct chat_room, client_node),
                       doc);
}

static void handle_frame(struct chat_client *client, bool text, const uint8_t *data, size_t len)
{
    struct json_doc *doc = NULL;

    if (!text)
        say_bad_frame(client, "Binary frames are not used; send JSON text.", 0);
    else if (json_parse_object(data, len, &doc) != ERR_NONE)
        say_bad_frame(client, "The frame is not a JSON object.", 0);
    else
        handle_object(client, doc);
    json_doc_destroy(&doc);
}

void chat_commands_handle(struct chat_client *client, bool text, const uint8_t *data, size_t len)
{
    if (chat_limits_take_frame(client))
        handle_frame(client, text, data, len);
    chat_client_hold_or_go_on(client);
}
