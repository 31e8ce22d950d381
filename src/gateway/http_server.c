#include "gateway/http_server.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/networks.h"
#include "common/settings.h"
#include "common/strbuf.h"
#include "gateway/assets.h"
#include "gateway/http_guard_conn.h"
#include "gateway/http_pause.h"
#include "gateway/http_target.h"
#include "gateway/limiter.h"
#include "gateway/query.h"
#include "gateway/request.h"
#include "gateway/route_run.h"
#include "gateway/routes.h"
#include "gateway/web_access.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PORTS_MAX 2
/* Balancers that are not believed knock on and on: one line in this time. */
#define PROXY_LOG_MS 10000

/* A listening socket with an evhttp of its own, by which the guard knows the port. */
struct port {
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct evconnlistener *listener;
};

struct http_server {
    struct services *services;
    struct http_guard_set *guard;
    struct http_pause *pause;
    struct port ports[PORTS_MAX]; /* the second without an evhttp if there is none */
    struct log_limit proxy_limit;
    bool accepts;
    char id_prefix[17]; /* of request ids; random, so that no other worker makes the same */
    uint64_t ids;
    size_t busy;
    uint64_t accept_errors;             /* as they were when they last went into the metrics */
    struct http_guard_counters counted; /* as they were when they last went into the metrics */
};

static const char *method_name(enum evhttp_cmd_type command)
{
    switch (command) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    default:
        return "OTHER";
    }
}

/* In the header; or, where a route has it, in ?token=. */
static enum err read_token(struct request *request)
{
    uint8_t bytes[TOKEN_BYTES];
    struct span token = {NULL, 0};

    if (!request_bearer(request, &token) && (request->route->flags & ROUTE_QUERY_TOKEN) != 0 &&
        !query_get(request->query, "token", &token))
        return ERR_UNAUTHENTICATED;
    if (token.len == 0)
        return ERR_UNAUTHENTICATED;
    if (!digest_unhex((const char *)token.data, token.len, bytes, sizeof(bytes)))
        return ERR_INVALID_TOKEN;
    digest_sha256(token.data, token.len, request->token_hash);
    return ERR_NONE;
}

/* It may be a password, and libevent frees its buffers as they are: so what is taken out is wiped,
 * piece by piece. */
static enum err read_body(struct request *request)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request->ev);
    size_t len = evbuffer_get_length(input);
    uint8_t *body = mem_realloc(NULL, len);
    struct evbuffer_iovec piece;
    size_t at = 0;
    enum err err;

    for (; at < len && evbuffer_peek(input, -1, NULL, &piece, 1) > 0; at += piece.iov_len) {
        memcpy(body + at, piece.iov_base, piece.iov_len);
        mem_wipe(piece.iov_base, piece.iov_len);
        CHECK(evbuffer_drain(input, piece.iov_len) == 0);
    }
    err = json_parse_object(body, at, &request->body);
    mem_free_wiped(body);
    return err;
}

/* Who sends requests that are limited, before it is known which user it is. */
static enum err take_of_address(struct request *request)
{
    const struct limiter *limiter = request->services->limiter;
    enum rate_class kind;
    uint64_t address;
    enum err err;

    if (!route_rate(request->route, &kind))
        return ERR_NONE;
    address = limiter_address(limiter, &request->origin.client);
    err = request_take(request, RATE_REQUEST, address);
    if (err == ERR_NONE && (kind == RATE_REGISTER || kind == RATE_LOGIN))
        err = request_take(request, kind, address);
    return err;
}

static void start_route(struct request *request)
{
    const struct route *route = request->route;
    enum err err = take_of_address(request);

    if (err == ERR_NONE && (route->flags & ROUTE_AUTH) != 0)
        err = read_token(request);
    if (err == ERR_NONE && (route->flags & ROUTE_BODY) != 0)
        err = read_body(request);
    if (err == ERR_NONE && route->prepare != NULL)
        err = route->prepare(request);
    if (err != ERR_NONE)
        request_reply_error(request, err);
    else if (route->start != NULL)
        route->start(request);
    else if (route->query != NULL || (route->flags & ROUTE_AUTH) != 0)
        route_run(request);
    else
        route->finish(request);
}

/* The client's address, looked for in all X-Forwarded-For fields. */
static struct client_address forwarded_for(const struct http_server *server,
                                           struct evhttp_request *ev, struct client_address peer)
{
    const char *lines[HTTP_HEADER_COUNT_MAX];
    size_t count = 0;
    struct evkeyval *header = evhttp_request_get_input_headers(ev)->tqh_first;

    for (; header != NULL && count < ARRAY_LEN(lines); header = header->next.tqe_next)
        if (strcasecmp(header->key, "X-Forwarded-For") == 0)
            lines[count++] = header->value;
    return client_address_find(limiter_trusted(server->services->limiter), peer, lines, count);
}

/* Not by snprintf(): each request has an id, few have a reader. */
static void number_request(struct http_server *server, char id[REQUEST_ID_SIZE])
{
    char space[STRBUF_U64_SIZE];
    const char *number = strbuf_u64(++server->ids, space);
    size_t prefix = sizeof(server->id_prefix) - 1;

    memcpy(id, server->id_prefix, prefix);
    id[prefix] = '-';
    memcpy(id + prefix + 1, number, strlen(number) + 1);
}

/* Who asks, and which id the request goes by: a balancer of ours is believed in both. */
static void read_origin(struct http_server *server, struct request *request)
{
    const struct http_guard_peer *peer =
        http_guard_peer(server->guard, evhttp_request_get_connection(request->ev));
    const char *id = NULL;

    if (peer != NULL) {
        request->origin.conn = peer->number;
        request->origin.client = peer->address;
        request->from_balancer = peer->trusted;
        if (peer->trusted) {
            request->origin.client = forwarded_for(server, request->ev, peer->address);
            id = request_header(request, "X-Request-Id");
        }
    }
    if (id != NULL && request_id_valid(id))
        memcpy(request->id, id, strlen(id) + 1);
    else
        number_request(server, request->id);
}

static struct request *create_request(struct http_server *server, struct evhttp_request *ev)
{
    struct request *request = mem_alloc(sizeof(*request));
    const char *uri = http_target_origin(evhttp_request_get_uri(ev));
    const char *question = strchr(uri, '?');

    request->services = server->services;
    request->server = server;
    request->ev = ev;
    request->query = question != NULL ? question + 1 : NULL;
    request->is_head = evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD;
    request->is_get = request->is_head || evhttp_request_get_command(ev) == EVHTTP_REQ_GET;
    request->began_us = clock_mono_us();
    request->method = method_name(evhttp_request_get_command(ev));
    if (server->services->settings->access_log)
        request->path = mem_strndup(uri, strcspn(uri, "?#"));
    read_origin(server, request);
    server->busy++;
    return request;
}

static void reply_no_route(struct request *request, enum routes_result result, const char *allow)
{
    switch (result) {
    case ROUTES_WRONG_METHOD:
        if (strcmp(request->method, "OPTIONS") == 0 && web_access_preflight(request, allow))
            break;
        request_add_header(request, "Allow", allow);
        request_reply_error(request, ERR_METHOD_NOT_ALLOWED);
        break;
    case ROUTES_BAD_NUMBER:
        request_invalid(request, "room_id", "room_id must be a whole number.");
        request_reply_error(request, ERR_VALIDATION);
        break;
    case ROUTES_FOUND:
    case ROUTES_NONE:
        request_reply_error(request, ERR_NOT_FOUND);
    }
}

static void on_request(struct evhttp_request *ev, void *context)
{
    struct http_server *server = context;
    struct request *request = create_request(server, ev);
    const char *uri = http_target_origin(evhttp_request_get_uri(ev));
    const char *method = request->is_head ? "GET" : request->method; /* without the body */
    struct span path = {(const uint8_t *)uri, strcspn(uri, "?#")};
    char allow[ROUTES_ALLOW_SIZE];
    enum routes_result result;

    /* The path is matched as it was sent: what is encoded needlessly is another path. */
    if (server->services->link == NULL) {
        request_reply_error(request, ERR_DRAINING); /* the worker is past its end */
        return;
    }
    result = routes_find(method, path, &request->route, &request->room_id, allow);
    if (result == ROUTES_FOUND)
        start_route(request);
    else if (result != ROUTES_NONE || !assets_serve(server->services->assets, request, path))
        reply_no_route(request, result, allow);
}

static void set_socket_options(int fd)
{
    int on = 1;
    int unsent_bytes = 16384;

    /* Accepted sockets inherit these. Small frames leave at once; and the kernel takes little more
     * than it can send, so that a slow reader shows in our queue, where it can be bounded. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
}

static void on_guard_refused(void *context, const struct http_guard_peer *peer, enum err error,
                             const char *why)
{
    struct http_server *server = context;
    struct origin origin = {.conn = peer->number, .client = peer->address};
    char text[ORIGIN_TEXT_SIZE];
    uint64_t suppressed;

    origin_format(&origin, text);
    if (error == ERR_NONE) {
        if (log_allowed(&server->proxy_limit, PROXY_LOG_MS, &suppressed))
            log_warn("http.proxy_refused", "%s reason=\"%s\" suppressed=%llu", text, why,
                     (unsigned long long)suppressed);
    } else if (server->services->settings->access_log) {
        log_info("http.refused", "%s status=%d code=%s", text, err_http_status(error),
                 err_code(error));
    }
}

static uint64_t address_of(const struct http_server *server, const struct http_guard_peer *peer)
{
    return limiter_address(server->services->limiter, &peer->address);
}

static enum err on_guard_connected(void *context, const struct http_guard_peer *peer)
{
    struct http_server *server = context;

    return limiter_connected(server->services->limiter, address_of(server, peer));
}

static void on_guard_disconnected(void *context, const struct http_guard_peer *peer)
{
    struct http_server *server = context;

    limiter_disconnected(server->services->limiter, address_of(server, peer));
}

static void create_guard(struct http_server *server, unsigned worker)
{
    const struct settings *settings = server->services->settings;
    uint32_t random;
    struct http_guard_options options = {
        .request_head_ms = settings->request_head_ms,
        .request_body_ms = settings->request_body_ms,
        .keep_alive_ms = settings->keep_alive_ms,
        .connections_max = settings->http_connections_max,
        .trusted = limiter_trusted(server->services->limiter),
        .on_refused = on_guard_refused,
        .on_connected = on_guard_connected,
        .on_disconnected = on_guard_disconnected,
        .context = server,
    };

    digest_random(&random, sizeof(random));
    options.first_number = origin_first_conn(worker, random);
    server->guard = http_guard_set_create(loop_base(server->services->loop), &options);
}

static void open_port(struct http_server *server, struct port *port, int fd, bool proxy)
{
    port->http = evhttp_new(loop_base(server->services->loop));
    CHECK(port->http != NULL);
    http_guard_set_attach(server->guard, port->http, proxy);
    evhttp_set_default_content_type(port->http, NULL);
    evhttp_set_gencb(port->http, on_request, server);
    set_socket_options(fd);
    port->bound = evhttp_accept_socket_with_handle(port->http, fd);
    CHECK(port->bound != NULL);
    port->listener = evhttp_bound_socket_get_listener(port->bound);
    http_pause_watch(server->pause, port->listener);
    evconnlistener_disable(port->listener); /* until http_server_accept() */
}

struct http_server *http_server_create(struct services *services, const struct inherit *inherit)
{
    struct http_server *server = mem_alloc(sizeof(*server));
    uint8_t random[8];

    server->services = services;
    digest_random(random, sizeof(random));
    digest_hex(random, sizeof(random), server->id_prefix);
    create_guard(server, inherit->index);
    server->pause = http_pause_create(loop_base(services->loop));
    open_port(server, &server->ports[0], inherit->listen_fd, false);
    if (inherit->proxy_fd >= 0)
        open_port(server, &server->ports[1], inherit->proxy_fd, true);
    if (inherit->proxy_fd >= 0 && limiter_trusted(services->limiter)->count == 0)
        log_warn(
            "http.proxy_trusts_nobody",
            "listen=%s hint=\"every connection there is closed until TRUSTED_PROXIES names the "
            "balancers\"",
            services->settings->proxy_listen);
    return server;
}

void http_server_accept(struct http_server *server)
{
    if (server->accepts)
        return;
    server->accepts = true;
    for (size_t i = 0; i < PORTS_MAX; i++)
        if (server->ports[i].bound != NULL)
            evconnlistener_enable(server->ports[i].listener);
}

void http_server_stop_listening(struct http_server *server)
{
    for (size_t i = 0; i < PORTS_MAX; i++) {
        struct port *port = &server->ports[i];

        if (port->bound == NULL)
            continue;
        http_pause_forget(server->pause, port->listener);
        evhttp_del_accept_socket(port->http, port->bound);
        port->bound = NULL;
    }
}

size_t http_server_busy(const struct http_server *server)
{
    return server->busy;
}

size_t http_server_connections(const struct http_server *server)
{
    return http_guard_counters(server->guard)->connections;
}

void http_server_close_idle(struct http_server *server)
{
    http_guard_close_idle(server->guard);
}

void http_server_cut_laggards(struct http_server *server, size_t bytes)
{
    http_guard_cut_laggards(server->guard, bytes);
}

void http_server_count(struct http_server *server)
{
    const struct http_guard_counters *now = http_guard_counters(server->guard);
    const struct http_guard_counters *last = &server->counted;
    uint64_t accept_errors = http_pause_errors(server->pause) - server->accept_errors;

    for (size_t i = 0; i < ERR_COUNT; i++)
        metrics_add(METRIC_HTTP_VIOLATIONS, now->violations[i] - last->violations[i]);
    metrics_add(METRIC_HTTP_TIMEOUTS, now->head_timeouts + now->body_timeouts -
                                          last->head_timeouts - last->body_timeouts);
    metrics_add(METRIC_HTTP_IDLE_CLOSES, now->idle_closes - last->idle_closes);
    metrics_add(METRIC_HTTP_WRITE_STALLS, now->write_stalls - last->write_stalls);
    metrics_add(METRIC_HTTP_REFUSED, now->refused - last->refused);
    metrics_add_by(METRIC_SHED, METRICS_SHED_HTTP_CONNECTIONS, now->refused - last->refused);
    metrics_add_by(METRIC_SHED, METRICS_SHED_HTTP_WAITING, now->made_room - last->made_room);
    metrics_add(METRIC_HTTP_PROXY_REFUSED, now->proxy_refused - last->proxy_refused);
    metrics_add(METRIC_HTTP_ACCEPT_ERRORS, accept_errors);
    metrics_set(METRIC_HTTP_CONNECTIONS, now->connections);
    if (accept_errors > 0)
        log_warn("http.accept_failed", "times=%llu hint=\"the limit of open files\"",
                 (unsigned long long)accept_errors);
    server->accept_errors += accept_errors;
    server->counted = *now;
}

void http_server_request_gone(struct http_server *server)
{
    CHECK(server->busy > 0);
    server->busy--;
}

void http_server_destroy(struct http_server **server)
{
    if (*server == NULL)
        return;
    CHECK((*server)->busy == 0);
    http_server_stop_listening(*server);
    for (size_t i = 0; i < PORTS_MAX; i++)
        if ((*server)->ports[i].http != NULL)
            evhttp_free((*server)->ports[i].http);
    http_guard_set_destroy(&(*server)->guard);
    http_pause_destroy(&(*server)->pause);
    mem_free(*server);
    *server = NULL;
}
