#include "gateway/web_access.h"

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/web_origins.h"

/* A site that was forgotten knocks with each of its visitors: one line in this time. */
#define REFUSED_LOG_MS 10000

/* What a page may send and read beside what every page may (the Fetch standard, 2.2.2); "*" would
 * not be Authorization. */
#define CALL_HEADERS "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id"
#define ANSWER_HEADERS                                                                             \
    "Link, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
/* Browsers ask again after this time, so that a list that became shorter counts. */
#define PREFLIGHT_MAX_AGE_S "600"

struct web_access {
    struct web_origins origins;
    struct log_limit refused;
};

struct web_access *web_access_create(const char *origins)
{
    struct web_access *web = mem_alloc(sizeof(*web));
    char why[160];

    CHECK(web_origins_parse(origins, &web->origins, why, sizeof(why)));
    return web;
}

void web_access_destroy(struct web_access **web)
{
    if (*web == NULL)
        return;
    web_origins_fini(&(*web)->origins);
    mem_free(*web);
    *web = NULL;
}

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* A page of our own: its host is the one that was asked, as the client or a balancer of ours says.
 */
static bool is_ours(const struct request *request, struct span origin)
{
    return web_origin_is_host(origin, request_header(request, "Host")) ||
           (request->from_balancer &&
            web_origin_is_host(origin, request_header(request, "X-Forwarded-Host")));
}

static void log_refused(struct web_access *web, const struct request *request, const char *page)
{
    char origin[ORIGIN_TEXT_SIZE];
    char quoted[2 * WEB_ORIGIN_BYTES_MAX];
    uint64_t suppressed;

    if (log_allowed(&web->refused, REFUSED_LOG_MS, &suppressed))
        log_warn("ws.origin_refused", "%s req=%s origin=%s suppressed=%llu",
                 origin_format(&request->origin, origin), request->id,
                 log_quote(page, quoted, sizeof(quoted)), (unsigned long long)suppressed);
}

enum err web_access_check_socket(struct request *request)
{
    struct web_access *web = request->services->web;
    const char *origin = request_header(request, "Origin");

    if (origin == NULL || is_ours(request, span_of(origin)) ||
        web_origins_allow(&web->origins, span_of(origin)))
        return ERR_NONE;
    metrics_add(METRIC_WS_ORIGINS_REFUSED, 1);
    log_refused(web, request, origin);
    return ERR_ORIGIN_NOT_ALLOWED;
}

/* The Origin of a page on the list, or "*" if all are; NULL for others. */
static const char *caller(const struct request *request)
{
    const struct web_origins *list = &request->services->web->origins;
    const char *origin = request_header(request, "Origin");

    if (origin == NULL || !web_origins_allow(list, span_of(origin)))
        return NULL;
    return list->all ? "*" : origin;
}

bool web_access_preflight(struct request *request, const char *allow)
{
    if (request_header(request, "Access-Control-Request-Method") == NULL || caller(request) == NULL)
        return false;
    request_add_header(request, "Access-Control-Allow-Methods", allow);
    request_add_header(request, "Access-Control-Allow-Headers", CALL_HEADERS);
    request_add_header(request, "Access-Control-Max-Age", PREFLIGHT_MAX_AGE_S);
    request_reply_bytes(request, 204, NULL, NULL, 0);
    return true;
}

size_t web_access_headers(const struct request *request, struct web_header out[WEB_HEADERS_MAX])
{
    static const struct web_header safety[] = {
#define HEADER(name, value) {name, value},
        WEB_SAFETY_HEADERS(HEADER)
#undef HEADER
    };
    const struct web_origins *list = &request->services->web->origins;
    const char *origin = caller(request);
    size_t count = ARRAY_LEN(safety);

    _Static_assert(ARRAY_LEN(safety) + 4 <= WEB_HEADERS_MAX, "there is room for all");
    memcpy(out, safety, sizeof(safety));
    out[count++] = (struct web_header){"Content-Security-Policy",
                                       request->policy != NULL ? request->policy : WEB_DATA_POLICY};
    if (list->count > 0 && !list->all)
        out[count++] = (struct web_header){"Vary", "Origin"};
    if (origin != NULL) {
        out[count++] = (struct web_header){"Access-Control-Allow-Origin", origin};
        out[count++] = (struct web_header){"Access-Control-Expose-Headers", ANSWER_HEADERS};
    }
    return count;
}
