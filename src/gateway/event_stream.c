/*
 * A room's events as server-sent events (HTML Living Standard, 9.2): the same cursor for clients
 * that cannot open a WebSocket. id: is the seq, so that Last-Event-ID resumes by itself.
 */
#include "common/mem.h"
#include "common/store_admission.h"
#include "gateway/chat_client.h"
#include "gateway/query.h"
#include "gateway/routes.h"
#include "gateway/takeover.h"
#include "gateway/web_access.h"

#include <string.h>
#include <unistd.h>

/* Without a length the end of the connection is the end of the body (RFC 9112, 6.3). retry: is what
 * a client waits that was cut off without a bye. %s is the request's id. */
static const char response_head[] = "HTTP/1.1 200 OK\r\n"
                                    "Content-Type: text/event-stream\r\n"
                                    "Cache-Control: no-store\r\n"
                                    "X-Accel-Buffering: no\r\n"
                                    "Connection: close\r\n"
                                    "X-Request-Id: %s\r\n";
static const char response_body[] = "\r\n"
                                    "retry: 1000\n\n";

static void write_head(const struct request *request, struct strbuf *out)
{
    struct web_header headers[WEB_HEADERS_MAX];
    size_t count = web_access_headers(request, headers);

    strbuf_printf(out, response_head, request->id);
    for (size_t i = 0; i < count; i++)
        strbuf_printf(out, WEB_HEADER_LINE("%s", "%s"), headers[i].name, headers[i].value);
    strbuf_add_str(out, response_body);
}

/* Last-Event-ID, which a client sends when it comes back, or ?since= for its first time. */
enum err event_stream_prepare(struct request *request)
{
    struct stream_request *stream = mem_alloc(sizeof(*stream));
    const char *last = request_header(request, "Last-Event-ID");
    struct span text = {(const uint8_t *)last, last != NULL ? strlen(last) : 0};
    enum query_number since;

    request->state = stream;
    stream->room_id = request->room_id;
    if (query_get_u64(request->query, "epoch", &stream->epoch) == QUERY_BAD)
        return request_invalid(request, "epoch", "epoch must be a number.");
    if (text.len > 0) {
        stream->has_since = query_parse_u64(text, &stream->since);
        return stream->has_since
                   ? ERR_NONE
                   : request_invalid(request, "Last-Event-ID", "Last-Event-ID must be a number.");
    }
    since = query_get_u64(request->query, "since", &stream->since);
    stream->has_since = since == QUERY_NUMBER;
    return since == QUERY_BAD ? request_invalid(request, "since", "since must be a number.")
                              : ERR_NONE;
}

enum err event_stream_query(struct request *request, struct db *db)
{
    struct stream_request *stream = request->state;

    return store_admit_user(db, request->session.user_id, request->room_id, &stream->head);
}

void event_stream_finish(struct request *request)
{
    struct stream_request *stream = request->state;
    struct services *services = request->services;
    struct strbuf head = STRBUF_EMPTY;
    int fd = -1;
    enum err err = services->draining ? ERR_DRAINING : request_may_open(request);

    if (err != ERR_NONE) {
        request_reply_error(request, err);
        return;
    }
    if (request->is_head) {
        request_reply_bytes(request, 200, "text/event-stream", NULL, 0);
        return;
    }
    write_head(request, &head); /* headers of the request go with its connection */
    switch (takeover_socket(request, NULL, &fd)) {
    case TAKEOVER_NO_ROOM:
        strbuf_fini(&head);
        request_reply_error(request, ERR_OVERLOADED);
        return;
    case TAKEOVER_DONE:
        request_answered(request, 200, 0);
        stream->origin = request->origin;
        stream->request_id = request->id;
        stream->token_hash = request->token_hash;
        stream->session = &request->session;
        if (takeover_send(fd, head.data, head.len))
            chat_client_open_stream(services, fd, stream);
        else
            close(fd);
        break;
    case TAKEOVER_GONE:
        break;
    }
    strbuf_fini(&head);
    request_forget(request);
}
