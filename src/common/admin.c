#include "common/admin.h"

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics_text.h"
#include "common/settings.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

/* Scrapers ask for one page; whatever else comes is not them. */
#define HEAD_BYTES_MAX   8192
#define REQUEST_BODY_MAX 0
#define TIMEOUT_S        10

struct admin {
    struct evhttp *http;
    struct admin_options options;
};

/* evhttp leaves the body of an answer to HEAD to us. */
static void reply(struct evhttp_request *request, int status, const char *type, struct strbuf *text)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    char length[24];

    CHECK(body != NULL);
    snprintf(length, sizeof(length), "%zu", text->len);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Content-Length", length);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD)
        evbuffer_add(body, text->data, text->len);
    evhttp_send_reply(request, status,
                      status == 200   ? "OK"
                      : status == 404 ? "Not Found"
                                      : "Service Unavailable",
                      body);
    evbuffer_free(body);
    strbuf_fini(text);
}

static bool has_parameter(struct evhttp_request *request, const char *parameter)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));

    return query != NULL && strcmp(query, parameter) == 0;
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    const struct admin_options *options = &((const struct admin *)context)->options;
    struct strbuf text = STRBUF_EMPTY;

    if (has_parameter(request, "by=process"))
        metrics_write_by_process(options->program, options->slots, options->count, &text);
    else
        metrics_write(options->program, options->slots, options->count, &text);
    metrics_write_processes(options->slots, options->count, &text);
    reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static void on_health(struct evhttp_request *request, void *context ATTR_UNUSED)
{
    struct strbuf text = STRBUF_EMPTY;

    strbuf_add_str(&text, "{\"status\":\"healthy\"}");
    reply(request, 200, "application/json", &text);
}

static void on_workers(struct evhttp_request *request, void *context)
{
    const struct admin_options *options = &((const struct admin *)context)->options;
    struct strbuf text = STRBUF_EMPTY;

    metrics_write_json(options->program, options->slots, options->count, &text);
    reply(request, 200, "application/json", &text);
}

static uint64_t sum(const struct admin_options *options, enum metric metric)
{
    uint64_t total = 0;

    for (size_t i = 0; i < options->count; i++)
        total += atomic_load(&options->slots[i].values[metric]);
    return total;
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

/* A gateway that is being reloaded has draining workers beside ready ones: it drains when nobody
 * else serves. */
static bool gateway_ready(const struct admin_options *options, struct strbuf *text)
{
    uint64_t workers = sum(options, METRIC_WORKERS);
    uint64_t leaving = sum(options, METRIC_WORKERS_DRAINING);
    bool database = sum(options, METRIC_WORKERS_WITH_DATABASE) > 0;
    bool broker = sum(options, METRIC_WORKERS_WITH_BROKER) > 0;
    bool ready = workers > leaving && database && broker;

    strbuf_printf(text, "{\"ready\":%s,\"database\":%s,\"broker\":%s,\"draining\":%s}",
                  truth(ready), truth(database), truth(broker),
                  truth(leaving > 0 && workers <= leaving));
    return ready;
}

static bool broker_ready(const struct admin_options *options, struct strbuf *text)
{
    bool database = sum(options, METRIC_BROKER_DATABASE) > 0;
    bool leases = sum(options, METRIC_BROKER_LEASES) > 0;

    strbuf_printf(text, "{\"ready\":%s,\"database\":%s,\"leases\":%s}", truth(database && leases),
                  truth(database), truth(leases));
    return database && leases;
}

static void on_ready(struct evhttp_request *request, void *context)
{
    const struct admin_options *options = &((const struct admin *)context)->options;
    struct strbuf text = STRBUF_EMPTY;
    bool ready = strcmp(options->program, "broker") == 0 ? broker_ready(options, &text)
                                                         : gateway_ready(options, &text);

    reply(request, ready ? 200 : 503, "application/json", &text);
}

static void on_other(struct evhttp_request *request, void *context ATTR_UNUSED)
{
    struct strbuf text = STRBUF_EMPTY;

    strbuf_add_str(&text, "There are /metrics, /healthz, /readyz and /workers.json.\n");
    reply(request, 404, "text/plain; charset=utf-8", &text);
}

static void set_handlers(struct admin *admin)
{
    static const struct {
        const char *path;
        void (*handler)(struct evhttp_request *request, void *context);
    } handlers[] = {
        {"/metrics", on_metrics}, {"/healthz", on_health}, {"/health", on_health},
        {"/livez", on_health},    {"/readyz", on_ready},   {"/workers.json", on_workers},
    };

    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        evhttp_set_cb(admin->http, handlers[i].path, handlers[i].handler, admin);
    evhttp_set_gencb(admin->http, on_other, admin);
}

/* Head and body leave in two calls: without TCP_NODELAY, which accepted sockets inherit, the second
 * would wait 40 ms for the scraper's delayed acknowledgement of the first. */
static bool listen_at(struct evhttp *http, const char *host, uint16_t port)
{
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, host, port);
    int on = 1;

    if (bound != NULL)
        setsockopt(evhttp_bound_socket_get_fd(bound), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return bound != NULL;
}

struct admin *admin_create(struct loop *loop, const struct admin_options *options)
{
    struct admin *admin;
    char host[256];
    uint16_t port;

    if (options->address[0] == '\0' ||
        !settings_split_address(options->address, host, sizeof(host), &port))
        return NULL;
    admin = mem_alloc(sizeof(*admin));
    admin->options = *options;
    admin->http = evhttp_new(loop_base(loop));
    CHECK(admin->http != NULL);
    evhttp_set_max_headers_size(admin->http, HEAD_BYTES_MAX);
    evhttp_set_max_body_size(admin->http, REQUEST_BODY_MAX);
    evhttp_set_timeout(admin->http, TIMEOUT_S);
    evhttp_set_allowed_methods(admin->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    set_handlers(admin);
    port = (uint16_t)(port + (port != 0 ? options->port_offset : 0));
    if (listen_at(admin->http, host, port)) {
        log_info("admin.ready", "listen=%s:%u", host, port);
        return admin;
    }
    log_warn("admin.unavailable", "listen=%s:%u reason=\"%s\" hint=BANTER_ADMIN_LISTEN", host, port,
             strerror(errno));
    admin_destroy(&admin);
    return NULL;
}

void admin_destroy(struct admin **admin)
{
    if (*admin == NULL)
        return;
    evhttp_free((*admin)->http);
    mem_free(*admin);
    *admin = NULL;
}
