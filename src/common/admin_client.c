#include "common/admin_client.h"

#include "common/clock.h"
#include "common/settings.h"

#include <event2/buffer.h>
#include <event2/http.h>

#define BODY_BYTES_MAX (16 * 1024 * 1024)
#define TURN_MS        20

struct asking {
    struct strbuf *body;
    bool done;
    bool good;
};

static void on_answer(struct evhttp_request *request, void *context)
{
    struct asking *asking = context;
    struct evbuffer *input;
    size_t len;

    asking->done = true;
    if (request == NULL || evhttp_request_get_response_code(request) != 200)
        return;
    input = evhttp_request_get_input_buffer(request);
    len = evbuffer_get_length(input);
    evbuffer_copyout(input, strbuf_reserve(asking->body, len), len);
    asking->body->len += len;
    asking->good = true;
}

bool admin_client_get(struct loop *loop, const char *address, uint16_t port_offset,
                      const char *path, unsigned timeout_ms, struct strbuf *body_out)
{
    struct asking asking = {.body = body_out};
    uint64_t deadline = clock_mono_ms() + timeout_ms;
    struct evhttp_connection *connection;
    struct evhttp_request *request;
    char host[256];
    uint16_t port;

    strbuf_reset(body_out);
    if (!settings_split_address(address, host, sizeof(host), &port))
        return false;
    connection =
        evhttp_connection_base_new(loop_base(loop), NULL, host, (uint16_t)(port + port_offset));
    request = evhttp_request_new(on_answer, &asking);
    if (connection == NULL || request == NULL)
        return false;
    evhttp_connection_set_max_body_size(connection, BODY_BYTES_MAX);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Host", address);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    if (evhttp_make_request(connection, request, EVHTTP_REQ_GET, path) == 0)
        while (!asking.done && clock_mono_ms() < deadline)
            loop_turn(loop, TURN_MS);
    /* Also cancels what is still under way, with a last call of on_answer(). */
    evhttp_connection_free(connection);
    return asking.good;
}
