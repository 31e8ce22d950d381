#include "gateway/request.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/event_json.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/settings.h"
#include "gateway/http_list.h"
#include "gateway/http_server.h"
#include "gateway/limiter.h"
#include "gateway/query.h"
#include "gateway/routes.h"
#include "gateway/web_access.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void run_job(struct pool_job *job, struct db *db)
{
    struct request *request = CONTAINER_OF(job, struct request, job);

    request->job_run(request, db);
}

static void finish_job(struct pool_job *job)
{
    struct request *request = CONTAINER_OF(job, struct request, job);

    request->job_done(request);
}

void request_refuse(struct request *request, const struct pool *pool)
{
    bool scrypt = pool == request->services->scrypt;

    metrics_add(scrypt ? METRIC_SCRYPT_QUEUE_FULL : METRIC_DB_QUEUE_FULL, 1);
    metrics_add_by(METRIC_SHED, scrypt ? METRICS_SHED_SCRYPT_QUEUE : METRICS_SHED_DB_QUEUE, 1);
    request_reply_error(request, ERR_OVERLOADED);
}

void request_run(struct request *request, struct pool *pool,
                 void (*run)(struct request *request, struct db *db),
                 void (*done)(struct request *request))
{
    request->job.run = run_job;
    request->job.done = finish_job;
    request->job_run = run;
    request->job_done = done;
    request->err = ERR_OVERLOADED; /* should the pool stop before it runs */
    if (pool != NULL && pool_submit(pool, &request->job))
        return;
    request_refuse(request, pool);
}

/* nginx's number for a client that did not wait for its answer. */
#define STATUS_CLIENT_GONE 499
/* Failures come in crowds: all of them are counted, one in this time is written down. */
#define FAILURE_LOG_MS 1000

static void log_access(const struct request *request, int status, size_t bytes)
{
    char origin[ORIGIN_TEXT_SIZE];
    char path[512];

    log_info("http.request",
             "%s req=%s method=%s path=%s status=%d bytes=%zu duration_us=%llu user=%llu",
             origin_format(&request->origin, origin), request->id, request->method,
             log_quote(request->path, path, sizeof(path)), status, bytes,
             (unsigned long long)(clock_mono_us() - request->began_us),
             (unsigned long long)request->session.user_id);
}

static void log_failure(const struct request *request, int status)
{
    static struct log_limit limit;
    char origin[ORIGIN_TEXT_SIZE];
    uint64_t suppressed;

    /* /readyz fails without an error, and draining is no failure. */
    if (request->err == ERR_NONE || request->err == ERR_DRAINING ||
        !log_allowed(&limit, FAILURE_LOG_MS, &suppressed))
        return;
    log_warn("http.failed", "%s req=%s method=%s route=%s status=%d err=%s suppressed=%llu",
             origin_format(&request->origin, origin), request->id, request->method,
             request->route != NULL ? request->route->path : "-", status, err_code(request->err),
             (unsigned long long)suppressed);
}

void request_forget(struct request *request)
{
    http_server_request_gone(request->server);
    if (!request->counted && request->path != NULL)
        log_access(request, STATUS_CLIENT_GONE, 0);
    json_doc_destroy(&request->body);
    strbuf_fini(&request->out);
    mem_free(request->path);
    mem_free(request->link);
    mem_free(request->state);
    mem_wipe(&request->session, sizeof(request->session));
    mem_free(request);
}

void request_add_header(struct request *request, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(request->ev), name, value);
}

const char *request_header(const struct request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request->ev), name);
}

bool request_bearer(const struct request *request, struct span *token_out)
{
    static const char scheme[] = "Bearer ";
    const char *header = request_header(request, "Authorization");

    if (header == NULL || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
        return false;
    header += sizeof(scheme) - 1;
    header += strspn(header, " ");
    *token_out = (struct span){(const uint8_t *)header, strlen(header)};
    return true;
}

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

static void count(struct request *request, int status)
{
    size_t route = request->route != NULL ? routes_number(request->route)
                   : request->is_asset    ? ROUTES_NUMBER_ASSET
                                          : ROUTES_NUMBER_UNKNOWN;

    CHECK(!request->counted);
    request->counted = true;
    metrics_add_by2(METRIC_HTTP_RESPONSES, route, metrics_status(status), 1);
    metrics_observe_us_by(METRIC_HTTP_DURATION, route, clock_mono_us() - request->began_us);
    metrics_add(METRIC_HTTP_REQUESTS, 1);
    if (status >= 500)
        metrics_add(METRIC_HTTP_SERVER_ERRORS, 1);
    else if (status >= 400)
        metrics_add(METRIC_HTTP_CLIENT_ERRORS, 1);
}

void request_answered(struct request *request, int status, size_t body_bytes)
{
    count(request, status);
    if (request->path != NULL)
        log_access(request, status, body_bytes);
    if (status >= 500)
        log_failure(request, status);
}

static void add_web_headers(struct request *request)
{
    struct web_header headers[WEB_HEADERS_MAX];
    size_t count = web_access_headers(request, headers);

    for (size_t i = 0; i < count; i++)
        request_add_header(request, headers[i].name, headers[i].value);
}

/* RFC 9112, 9.6. evhttp only sees a close that stands alone. */
static bool asks_to_close(const struct request *request)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request->ev);
    const struct evkeyval *header = headers->tqh_first;

    for (; header != NULL; header = header->next.tqe_next)
        if (strcasecmp(header->key, "Connection") == 0 && http_list_has(header->value, "close"))
            return true;
    return false;
}

void request_reply_bytes(struct request *request, int status, const char *content_type,
                         const void *data, size_t len)
{
    struct evbuffer *body = evbuffer_new();
    size_t body_len = request->is_head || status == 304 ? 0 : len;
    char space[STRBUF_U64_SIZE];

    CHECK(body != NULL);
    if (content_type != NULL)
        request_add_header(request, "Content-Type", content_type);
    add_web_headers(request);
    request_add_header(request, "X-Request-Id", request->id);
    if (request->link != NULL)
        request_add_header(request, "Link", request->link);
    if (request->services->draining || asks_to_close(request))
        request_add_header(request, "Connection", "close");
    /* evhttp would send a body to a HEAD and no length with it: so the length is ours. A 204 must
     * not have one (RFC 9110, 8.6). */
    if (status != 304 && status != 204)
        request_add_header(request, "Content-Length", strbuf_u64(len, space));
    if (body_len > 0)
        evbuffer_add(body, data, body_len);
    request_answered(request, status, body_len);
    evhttp_send_reply(request->ev, status, status_text(status), body);
    evbuffer_free(body);
    request_forget(request);
}

static void reply_json(struct request *request, int status)
{
    request_add_header(request, "Cache-Control", "no-store");
    request_reply_bytes(request, status, "application/json", request->out.data, request->out.len);
}

void request_reply(struct request *request)
{
    reply_json(request, 200);
}

static void add_string(struct strbuf *json, const char *text)
{
    json_write_string(json, (struct span){(const uint8_t *)text, strlen(text)});
}

void request_reply_success(struct request *request, const char *message)
{
    struct strbuf envelope = STRBUF_EMPTY;

    strbuf_add_str(&envelope, "{\"success\":true,\"message\":");
    add_string(&envelope, message);
    strbuf_add_str(&envelope, ",\"data\":");
    strbuf_add_str(&envelope, request->out.len > 0 ? request->out.data : "null");
    strbuf_add_char(&envelope, '}');
    strbuf_fini(&request->out);
    request->out = envelope;
    reply_json(request, 200);
}

enum err request_take(struct request *request, enum rate_class kind, uint64_t who)
{
    if (limiter_take(request->services->limiter, kind, who, &request->wait_ms))
        return ERR_NONE;
    request->limited_by = kind;
    request->is_limited = true;
    return ERR_RATE_LIMITED;
}

enum err request_may_open(struct request *request)
{
    struct limiter *limiter = request->services->limiter;

    return limiter_may_open(limiter, limiter_address(limiter, &request->origin.client),
                            request->session.user_id);
}

/* RFC 9110, 10.2.3; and the fields of draft-ietf-httpapi-ratelimit-headers-10: which policy, q
 * requests in w seconds, has r of them left, and more in t seconds. */
static void add_retry(struct request *request)
{
    uint64_t seconds = MAX(request->wait_ms + 999, 1000) / 1000;
    char text[96];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)seconds);
    request_add_header(request, "Retry-After", text);
    if (request->is_limited) {
        const char *name = rate_class_name(request->limited_by);
        struct rate rate = limiter_rate(request->services->limiter, request->limited_by);

        snprintf(text, sizeof(text), "\"%s\";q=%u;w=%u", name, rate.count, rate.period_s);
        request_add_header(request, "RateLimit-Policy", text);
        snprintf(text, sizeof(text), "\"%s\";r=0;t=%llu", name, (unsigned long long)seconds);
        request_add_header(request, "RateLimit", text);
    }
}

void request_reply_error(struct request *request, enum err reason)
{
    enum err err = err_public(reason);
    int status = err_http_status(err);

    request->err = reason;
    strbuf_reset(&request->out);
    strbuf_add_str(&request->out, "{\"success\":false,\"message\":");
    add_string(&request->out, request->message != NULL ? request->message : err_sentence(err));
    strbuf_add_str(&request->out, ",\"code\":\"");
    strbuf_add_str(&request->out, err_code(err));
    strbuf_add_str(&request->out, "\",\"data\":");
    if (request->field != NULL)
        strbuf_printf(&request->out, "{\"field\":\"%s\"}}", request->field);
    else
        strbuf_add_str(&request->out, "null}");
    mem_free(request->link);
    request->link = NULL;
    if (status == 401)
        request_add_header(request, "WWW-Authenticate", "Bearer");
    if (status == 503 || status == 429)
        add_retry(request);
    if (err == ERR_DATABASE_UNAVAILABLE)
        request->services->database_ok = false;
    reply_json(request, status);
}

enum err request_invalid(struct request *request, const char *field, const char *message)
{
    request->field = field;
    request->message = message;
    return ERR_VALIDATION;
}

enum err request_page(struct request *request, uint64_t *limit, uint64_t *after)
{
    *limit = PAGE_LIMIT_DEFAULT;
    *after = 0;
    if (query_get_u64(request->query, "limit", limit) == QUERY_BAD || *limit < 1 ||
        *limit > PAGE_LIMIT_MAX)
        return request_invalid(request, "limit", "limit must be a number from 1 to 500.");
    if (query_get_u64(request->query, "after", after) == QUERY_BAD)
        return request_invalid(request, "after", "after must be a number.");
    return ERR_NONE;
}
