/*
 * bare_evhttp: what evhttp alone can do: one handler that answers every request as /health does.
 *
 *   bare_evhttp PORT BODY [NAME VALUE]...     at 127.0.0.1; says "ready"; ends at SIGTERM
 *
 * The same headers and body, given to evhttp for each request; no guard, no routes, no metrics.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The body, then names and values in turn; NULL at the end. */
static char **answer;

static void on_request(struct evhttp_request *request, void *context)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();

    (void)context;
    for (char **header = answer + 1; header[0] != NULL && header[1] != NULL; header += 2)
        evhttp_add_header(headers, header[0], header[1]);
    evbuffer_add(body, answer[0], strlen(answer[0]));
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
}

static void on_term(evutil_socket_t number, short what, void *base)
{
    (void)number;
    (void)what;
    event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct event *term = evsignal_new(base, SIGTERM, on_term, base);
    unsigned long port = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    struct evhttp_bound_socket *bound;
    int on = 1;

    if (port == 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: bare_evhttp PORT BODY [NAME VALUE]...\n");
        return 2;
    }
    answer = argv + 2;
    bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", (uint16_t)port);
    if (bound == NULL || event_add(term, NULL) != 0) {
        fprintf(stderr, "bare_evhttp: cannot listen\n");
        return 1;
    }
    setsockopt(evhttp_bound_socket_get_fd(bound), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_gencb(http, on_request, NULL);
    puts("ready");
    fflush(stdout);
    event_base_dispatch(base);
    event_free(term);
    evhttp_free(http);
    event_base_free(base);
    return 0;
}
