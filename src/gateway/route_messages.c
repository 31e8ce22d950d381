/*
 * A room's history, and sending by POST.
 */
#include "common/event_json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/store_log.h"
#include "gateway/query.h"
#include "gateway/routes.h"
#include "gateway/sending.h"

#include <string.h>

struct history {
    struct request *request;
    struct store_page page;
    struct strbuf messages; /* as they come from the log, one after the other */
    size_t *ends;           /* where each of them ends */
    size_t count;
    uint64_t last_seq; /* in the direction of the page */
};

enum err history_prepare(struct request *request)
{
    struct history *history = mem_alloc(sizeof(*history));
    struct span ignored;
    enum err err;

    request->state = history;
    history->request = request;
    err = request_page(request, &history->page.limit, &history->page.after);
    if (err != ERR_NONE)
        return err;
    history->page.forward = query_get(request->query, "after", &ignored);
    switch (query_get_u64(request->query, "before", &history->page.before)) {
    case QUERY_BAD:
        return request_invalid(request, "before", "before must be a number.");
    case QUERY_NUMBER:
        if (history->page.forward)
            return request_invalid(request, "before", "Give before or after, not both.");
        break;
    case QUERY_ABSENT:
        break;
    }
    return ERR_NONE;
}

/* Without its end, so that whoever answers a message can say more. */
static void write_message(struct strbuf *out, const struct log_event *event)
{
    json_write_u64(out, "{\"id\":", event->seq);
    strbuf_add_str(out, ",\"text\":");
    json_write_string(out, event->text);
    json_write_u64(out, ",\"sender_id\":", event->actor_id);
    json_write_u64(out, ",\"room_id\":", event->room_id);
    json_write_time(out, ",\"created_at\":", event->created_at_us);
    strbuf_add_str(out, ",\"sender_username\":");
    json_write_string(out, event->actor_name);
}

static void on_message(void *context, const struct log_event *event)
{
    struct history *history = context;

    write_message(&history->messages, event);
    strbuf_add_char(&history->messages, '}');
    history->ends[history->count++] = history->messages.len;
    history->last_seq = event->seq;
}

/* The log is read in the direction that was asked for; the answer has the oldest first. */
static void write_page(struct history *history, struct strbuf *out)
{
    const char *texts = history->messages.data;

    strbuf_reserve(out, history->messages.len + history->count + 2);
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < history->count; i++) {
        size_t at = history->page.forward ? i : history->count - 1 - i;
        size_t begin = at > 0 ? history->ends[at - 1] : 0;

        if (i > 0)
            strbuf_add_char(out, ',');
        strbuf_add(out, texts + begin, history->ends[at] - begin);
    }
    strbuf_add_char(out, ']');
}

/* A full page has a next one, in the direction in which it was asked for. */
static void add_link(struct history *history)
{
    struct request *request = history->request;
    bool forward = history->page.forward;

    if (history->count < history->page.limit || (!forward && history->last_seq <= 1))
        return;
    request->link =
        mem_printf("</api/chat/rooms/%llu/messages?limit=%llu&%s=%llu>; rel=\"next\"",
                   (unsigned long long)request->room_id, (unsigned long long)history->page.limit,
                   forward ? "after" : "before", (unsigned long long)history->last_seq);
}

enum err history_query(struct request *request, struct db *db)
{
    struct history *history = request->state;
    enum err err;

    history->ends = mem_alloc_array(history->page.limit, sizeof(*history->ends));
    err = store_log_messages(db, request->room_id, &history->page, on_message, history);
    write_page(history, &request->out);
    add_link(history);
    strbuf_fini(&history->messages);
    mem_free(history->ends);
    return err;
}

/* ---- sending ---- */

struct post {
    struct outgoing out;
    uint64_t repeated_seq; /* of the message that is stored under this client_id */
};

enum err post_message_prepare(struct request *request)
{
    struct post *post = mem_alloc(sizeof(*post));
    const char *key = request_header(request, "Idempotency-Key");
    enum err err;

    request->state = post;
    err = sending_read(request->body, &post->out);
    if (err != ERR_NONE) {
        request->field = post->out.field;
        request->message = post->out.problem;
        return err;
    }
    if (key == NULL || post->out.client_id.data != NULL)
        return ERR_NONE;
    post->out.client_id = (struct span){(const uint8_t *)key, strlen(key)};
    if (!sending_client_id_valid(post->out.client_id))
        return request_invalid(request, "Idempotency-Key",
                               "Idempotency-Key must have 1 to 64 characters.");
    return ERR_NONE;
}

static void on_stored(void *context, const struct log_event *event)
{
    struct request *request = context;
    struct post *post = request->state;

    if (event->seq == post->repeated_seq)
        write_message(&request->out, event);
}

/* A repeat may have brought another text: the one that counts is in the log. */
static void read_stored(struct request *request, struct db *db)
{
    struct post *post = request->state;
    const struct store_page page = {.forward = true, .after = post->repeated_seq - 1, .limit = 1};

    request->err = store_log_messages(db, request->room_id, &page, on_stored, request);
}

static void answer_repeat(struct request *request)
{
    if (request->err == ERR_NONE && request->out.len == 0)
        request->err = ERR_OUTCOME_UNKNOWN; /* the room is being removed, or this copy is behind */
    if (request->err != ERR_NONE) {
        request_reply_error(request, request->err);
        return;
    }
    strbuf_add_str(&request->out, ",\"duplicate\":true}");
    request_reply(request);
}

static void answer_first(struct request *request, const struct bus_answer *answer)
{
    const struct post *post = request->state;
    const char *name = request->session.username;
    const struct log_event event = {
        .room_id = request->room_id,
        .seq = answer->seq,
        .kind = EVENT_MESSAGE,
        .actor_id = request->session.user_id,
        .created_at_us = answer->created_at_us,
        .actor_name = {(const uint8_t *)name, strlen(name)},
        .text = post->out.text,
    };

    write_message(&request->out, &event);
    strbuf_add_str(&request->out, ",\"duplicate\":false}");
    request_reply(request);
}

static void on_sent(void *context, const struct bus_answer *answer)
{
    struct request *request = context;
    struct post *post = request->state;

    if (answer->err != ERR_NONE) {
        request_reply_error(request, answer->err);
    } else if (answer->duplicate) {
        post->repeated_seq = answer->seq;
        request_run(request, request->services->db, read_stored, answer_repeat);
    } else {
        answer_first(request, answer);
    }
}

void post_message_finish(struct request *request)
{
    const struct post *post = request->state;

    if (bus_link_full(request->services->link)) {
        metrics_add_by(METRIC_SHED, METRICS_SHED_COMMANDS, 1);
        request_reply_error(request, ERR_OVERLOADED);
        return;
    }
    sending_publish(request->services->link, request->room_id, request->session.user_id,
                    request->session.username, &post->out, on_sent, request);
}

/* ---- the audit ---- */

/* Anyone in the room can check that its log has no hole. */
enum err verify_query(struct request *request, struct db *db)
{
    struct store_audit audit;
    enum err err = store_log_audit(db, request->room_id, &audit);

    if (err != ERR_NONE)
        return err;
    strbuf_printf(&request->out,
                  "{\"room_id\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,\"count\":%llu,"
                  "\"holes\":%llu,\"epoch\":%llu}",
                  (unsigned long long)request->room_id, (unsigned long long)audit.first_seq,
                  (unsigned long long)audit.last_seq, (unsigned long long)audit.count,
                  (unsigned long long)(audit.last_seq - audit.count),
                  (unsigned long long)audit.epoch);
    return ERR_NONE;
}
