/*
 * The index, the API pages, and how the worker is.
 */
#include "common/version.h"
#include "gateway/assets.h"
#include "gateway/bus_link.h"
#include "gateway/routes.h"

#include <string.h>

static bool serve(struct request *request, const char *path)
{
    struct span name = {(const uint8_t *)path, strlen(path)};

    return assets_serve(request->services->assets, request, name);
}

/* Browsers get the web client; programs get the name and the version, as from the original. */
void index_start(struct request *request)
{
    const char *accept = request_header(request, "Accept");

    request_add_header(request, "Vary", "Accept");
    if (accept != NULL && strstr(accept, "text/html") != NULL && serve(request, "/index.html"))
        return;
    strbuf_add_str(&request->out, "{\"name\":\"Banter\",\"version\":\"" BANTER_VERSION "\"}");
    request_reply(request);
}

void docs_start(struct request *request)
{
    request_add_header(request, "Location", "/docs/");
    request_reply_bytes(request, 308, NULL, NULL, 0);
}

void openapi_start(struct request *request)
{
    if (!serve(request, "/openapi.json"))
        request_reply_error(request, ERR_NOT_FOUND);
}

void health_start(struct request *request)
{
    strbuf_add_str(&request->out, "{\"status\":\"healthy\"}");
    request_reply(request);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

/* Ready for new clients? The database is as worker.c's last probe found it, so that balancers that
 * ask often cost nothing. */
void ready_start(struct request *request)
{
    const struct services *services = request->services;
    bool broker = bus_link_ready(services->link);
    bool ready = services->database_ok && broker && !services->draining;

    strbuf_printf(&request->out, "{\"ready\":%s,\"database\":%s,\"broker\":%s,\"draining\":%s}",
                  truth(ready), truth(services->database_ok), truth(broker),
                  truth(services->draining));
    request_add_header(request, "Cache-Control", "no-store");
    request_reply_bytes(request, ready ? 200 : 503, "application/json", request->out.data,
                        request->out.len);
}
