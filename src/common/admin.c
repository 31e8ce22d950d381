#include "common/admin.h"

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/settings.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

/* Scrapers ask for one page; whatever else comes is not them. */
#define HEAD_BYTES_MAX   8192
#define REQUEST_BODY_MAX 0
#define TIMEOUT_S        10

struct admin {
    struct evhttp *http;
    const struct metrics_slot *slots;
    size_t count;
};

static void reply(struct evhttp_request *request, const char *type, struct strbuf *text)
{
    struct evbuffer *body = evbuffer_new();

    CHECK(body != NULL);
    evbuffer_add(body, text->data, text->len);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
    strbuf_fini(text);
}

static void on_metrics(struct evhttp_request *request, void *context)
{
    const struct admin *admin = context;
    struct strbuf text = STRBUF_EMPTY;

    metrics_write(admin->slots, admin->count, &text);
    reply(request, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static void on_health(struct evhttp_request *request, void *context ATTR_UNUSED)
{
    struct strbuf text = STRBUF_EMPTY;

    strbuf_add_str(&text, "{\"status\":\"healthy\"}");
    reply(request, "application/json", &text);
}

struct admin *admin_create(struct loop *loop, const char *address, uint16_t port_offset,
                           const struct metrics_slot *slots, size_t count)
{
    struct admin *admin;
    char host[256];
    uint16_t port;

    if (address[0] == '\0' || !settings_split_address(address, host, sizeof(host), &port))
        return NULL;
    admin = mem_alloc(sizeof(*admin));
    admin->slots = slots;
    admin->count = count;
    admin->http = evhttp_new(loop_base(loop));
    CHECK(admin->http != NULL);
    evhttp_set_max_headers_size(admin->http, HEAD_BYTES_MAX);
    evhttp_set_max_body_size(admin->http, REQUEST_BODY_MAX);
    evhttp_set_timeout(admin->http, TIMEOUT_S);
    evhttp_set_allowed_methods(admin->http, EVHTTP_REQ_GET);
    evhttp_set_cb(admin->http, "/metrics", on_metrics, admin);
    evhttp_set_cb(admin->http, "/health", on_health, admin);
    port = (uint16_t)(port + (port != 0 ? port_offset : 0));
    if (evhttp_bind_socket(admin->http, host, port) == 0) {
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
