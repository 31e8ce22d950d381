/*
 * From an HTTP request to a WebSocket.
 */
#include "common/mem.h"
#include "common/settings.h"
#include "gateway/chat_client.h"
#include "gateway/query.h"
#include "gateway/routes.h"
#include "gateway/takeover.h"
#include "gateway/web_access.h"
#include "gateway/ws_extensions.h"
#include "gateway/ws_handshake.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The header's values, joined with ", " if it came several times (RFC 9110, 5.3); NULL if never.
 * The caller frees it. */
static char *joined_header(const struct request *request, const char *name)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request->ev);
    struct strbuf value = STRBUF_EMPTY;
    bool found = false;

    for (struct evkeyval *header = headers->tqh_first; header != NULL;
         header = header->next.tqe_next) {
        if (strcasecmp(header->key, name) != 0)
            continue;
        if (found)
            strbuf_add_str(&value, ", ");
        /* evhttp leaves a tab that may stand before the value (RFC 9110, 5.5). */
        strbuf_add_str(&value, header->value + strspn(header->value, " \t"));
        found = true;
    }
    if (!found)
        return NULL;
    return strbuf_take(&value);
}

/* What a good handshake said. */
struct handshake {
    char *key; /* to be freed, also of one that is not good */
    struct ws_deflate_terms deflate;
    struct ws_protocols protocols;
};

/* RFC 6455, 9.1: what is no list of extensions fails the handshake, spoken or not. */
static enum err read_extensions(struct request *request, struct ws_deflate_terms *deflate)
{
    char *offered = joined_header(request, "Sec-WebSocket-Extensions");
    enum ws_offer offer = ws_extensions_read(offered, deflate);

    mem_free(offered);
    if (request->services->settings->deflate_min_bytes == 0)
        memset(deflate, 0, sizeof(*deflate));
    if (offer != WS_OFFER_MALFORMED)
        return ERR_NONE;
    request->message = "Sec-WebSocket-Extensions is no list of extensions.";
    return ERR_BAD_REQUEST;
}

static enum err read_protocols(struct request *request, struct ws_protocols *out)
{
    char *offered = joined_header(request, "Sec-WebSocket-Protocol");
    bool good = ws_auth_read_protocols(offered, out);

    if (offered != NULL)
        mem_wipe(offered, strlen(offered));
    mem_free(offered);
    if (good)
        return ERR_NONE;
    request->message = "Sec-WebSocket-Protocol is no list of protocols, each once.";
    return ERR_BAD_REQUEST;
}

static enum err check_handshake(struct request *request, struct handshake *out)
{
    char *upgrade = joined_header(request, "Upgrade");
    char *connection = joined_header(request, "Connection");
    char *version = joined_header(request, "Sec-WebSocket-Version");
    char *host = joined_header(request, "Host");
    struct ws_handshake handshake = {
        .method = request->is_head ? "HEAD" : "GET",
        .http_major = request->ev->major,
        .http_minor = request->ev->minor,
        .host = host,
        .upgrade = upgrade,
        .connection = connection,
        .version = version,
    };
    enum err err;

    handshake.key = out->key = joined_header(request, "Sec-WebSocket-Key");
    err = ws_handshake_check(&handshake, &request->message);
    if (err == ERR_NONE)
        err = read_extensions(request, &out->deflate);
    if (err == ERR_NONE)
        err = read_protocols(request, &out->protocols);
    mem_free(upgrade);
    mem_free(connection);
    mem_free(version);
    mem_free(host);
    return err;
}

/* Who is there, by the best of what was sent. */
static struct ws_auth read_auth(const struct request *request, const struct ws_protocols *protocols)
{
    struct span text;

    if (request_bearer(request, &text))
        return ws_auth_token(text);
    if (protocols->auth.kind != WS_AUTH_NONE)
        return protocols->auth;
    if (query_get(request->query, "ticket", &text))
        return ws_auth_ticket(text);
    if (query_get(request->query, "token", &text))
        return ws_auth_token(text);
    return (struct ws_auth){.kind = WS_AUTH_NONE};
}

static enum err read_parameters(struct request *request, struct chat_request *chat)
{
    memset(chat, 0, sizeof(*chat));
    chat->room_id = request->room_id;
    switch (query_get_u64(request->query, "since", &chat->since)) {
    case QUERY_NUMBER:
        chat->has_since = true;
        break;
    case QUERY_BAD:
        return request_invalid(request, "since", "since must be a number.");
    case QUERY_ABSENT:
        break;
    }
    if (query_get_u64(request->query, "epoch", &chat->epoch) == QUERY_BAD)
        return request_invalid(request, "epoch", "epoch must be a number.");
    return ERR_NONE;
}

static void refuse(struct request *request, enum err err)
{
    if (err == ERR_UPGRADE_REQUIRED) {
        request_add_header(request, "Upgrade", "websocket");
        request_add_header(request, "Connection", "Upgrade");
        request_add_header(request, "Sec-WebSocket-Version", "13");
    }
    if (err == ERR_METHOD_NOT_ALLOWED)
        request_add_header(request, "Allow", "GET");
    request_reply_error(request, err);
}

/* The handshake is good: from here on it is a WebSocket, whatever the token says. */
static void upgrade(struct request *request, struct chat_request *chat,
                    const struct handshake *handshake)
{
    char extensions[WS_EXTENSIONS_MAX];
    struct ws_handshake_answer answer = {.key = handshake->key};
    struct services *services = request->services;
    struct evbuffer *early = evbuffer_new();
    char response[WS_HANDSHAKE_RESPONSE_MAX + sizeof("X-Request-Id: \r\n") + REQUEST_ID_SIZE];
    size_t len;
    int fd = -1;

    chat->window_bits = handshake->deflate.window_bits;
    if (chat->window_bits > 0) {
        ws_extensions_answer(&handshake->deflate, extensions);
        answer.extensions = extensions;
    }
    /* Never the token that may have been offered beside it. */
    answer.protocol = handshake->protocols.ours ? WS_PROTOCOL : NULL;
    len = ws_handshake_response(&answer, response);
    len += (size_t)snprintf(response + len - 2, sizeof(response) - len + 2,
                            "X-Request-Id: %s\r\n\r\n", request->id) -
           2; /* in the place of the empty line at its end */
    switch (takeover_socket(request, early, &fd)) {
    case TAKEOVER_DONE:
        request_answered(request, 101, 0);
        chat->origin = request->origin;
        memcpy(chat->request_id, request->id, sizeof(chat->request_id));
        request_forget(request);
        if (takeover_send(fd, response, len))
            chat_client_open(services, fd, evbuffer_pullup(early, -1), evbuffer_get_length(early),
                             chat);
        else
            close(fd); /* the client is gone or hostile */
        break;
    case TAKEOVER_GONE:
        request_forget(request);
        break;
    case TAKEOVER_NO_ROOM:
        request_reply_error(request, ERR_OVERLOADED);
    }
    evbuffer_free(early);
}

static void start(struct request *request, bool single)
{
    struct chat_request chat;
    struct handshake handshake = {.key = NULL};
    enum err err = read_parameters(request, &chat);

    chat.single = single;
    if (err == ERR_NONE)
        err = check_handshake(request, &handshake);
    if (err == ERR_NONE)
        err = web_access_check_socket(request);
    if (err == ERR_NONE && request->services->draining)
        err = ERR_DRAINING;
    if (err == ERR_NONE)
        err = request_may_open(request);
    if (err != ERR_NONE) {
        refuse(request, err);
    } else {
        chat.auth = read_auth(request, &handshake.protocols);
        upgrade(request, &chat, &handshake);
    }
    mem_free(handshake.key);
}

void ws_room_start(struct request *request)
{
    start(request, true);
}

void ws_chat_start(struct request *request)
{
    start(request, false);
}
