#include "broker/ops.h"

#include "common/clock.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 8
#define CLIENT_MS   5000
#define SWEEP_MS    1000
#define HEAD_BYTES  2048
#define BACKLOG     8

struct ops_client {
    struct list_node node; /* ops.clients, oldest first */
    struct ops *ops;
    struct loop_watch *watch;
    int fd;
    uint64_t since_ms;
    size_t len;
    char head[HEAD_BYTES + 1];
};

struct ops {
    struct loop *loop;
    struct loop_watch *watch;
    struct loop_timer *timer;
    int fd;
    struct list clients;
    unsigned client_count;
};

static void close_client(struct ops_client *client)
{
    list_remove(&client->node);
    client->ops->client_count--;
    loop_watch_destroy(&client->watch);
    close(client->fd);
    mem_free(client);
}

/* One write: an answer is smaller than any socket's buffer, and who does not read it has lost it.
 */
static void respond(struct ops_client *client, const char *status, const char *type,
                    const struct strbuf *body)
{
    struct strbuf out = STRBUF_EMPTY;

    strbuf_printf(&out,
                  "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                  "Connection: close\r\n\r\n",
                  status, type, body->len);
    strbuf_add(&out, strbuf_str(body), body->len);
    ssize_t ignored ATTR_UNUSED = send(client->fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(client->fd, SHUT_WR);
    strbuf_fini(&out);
}

static void answer(struct ops_client *client)
{
    struct strbuf body = STRBUF_EMPTY;

    if (strncmp(client->head, "GET /metrics ", 13) == 0) {
        metrics_write(metrics_current, 1, &body);
        respond(client, "200 OK", "text/plain; version=0.0.4; charset=utf-8", &body);
    } else if (strncmp(client->head, "GET /health ", 12) == 0) {
        strbuf_add_str(&body, "{\"status\":\"healthy\"}");
        respond(client, "200 OK", "application/json", &body);
    } else {
        respond(client, "404 Not Found", "text/plain", &body);
    }
    strbuf_fini(&body);
}

static void on_readable(void *context)
{
    struct ops_client *client = context;
    ssize_t len = recv(client->fd, client->head + client->len, HEAD_BYTES - client->len, 0);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len > 0) {
        client->len += (size_t)len;
        client->head[client->len] = '\0';
        /* The head must be read to its end, or closing would reset the connection. */
        if (strstr(client->head, "\r\n\r\n") == NULL && client->len < HEAD_BYTES)
            return;
        answer(client);
    }
    close_client(client);
}

static void on_connection(void *context)
{
    struct ops *ops = context;
    struct ops_client *client;
    int fd = accept4(ops->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (ops->client_count >= CLIENTS_MAX)
        close_client(LIST_ITEM(list_first(&ops->clients), struct ops_client, node));
    client = mem_alloc(sizeof(*client));
    client->ops = ops;
    client->fd = fd;
    client->since_ms = clock_mono_ms();
    client->watch = loop_watch_create(ops->loop, fd, on_readable, client);
    list_push_back(&ops->clients, &client->node);
    ops->client_count++;
}

static void sweep(void *context)
{
    struct ops *ops = context;
    uint64_t now_ms = clock_mono_ms();

    LIST_FOREACH_SAFE (node, &ops->clients) {
        struct ops_client *client = LIST_ITEM(node, struct ops_client, node);

        if (now_ms - client->since_ms >= CLIENT_MS)
            close_client(client);
    }
}

static int listen_at(const char *host, uint16_t port, const char **error_out)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char service[8];
    int one = 1;
    int fd;
    int result;

    snprintf(service, sizeof(service), "%u", port);
    result = getaddrinfo(host, service, &hints, &found);
    if (result != 0) {
        *error_out = gai_strerror(result);
        return -1;
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        *error_out = strerror(errno);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

struct ops *ops_create(struct loop *loop, const char *host, uint16_t port, const char **error_out)
{
    int fd = listen_at(host, port, error_out);
    struct ops *ops;

    if (fd < 0)
        return NULL;
    ops = mem_alloc(sizeof(*ops));
    ops->loop = loop;
    ops->fd = fd;
    list_init(&ops->clients);
    ops->watch = loop_watch_create(loop, fd, on_connection, ops);
    ops->timer = loop_timer_create(loop, sweep, ops);
    loop_timer_start_periodic(ops->timer, SWEEP_MS);
    return ops;
}

void ops_destroy(struct ops **ops)
{
    if (*ops == NULL)
        return;
    LIST_FOREACH_SAFE (node, &(*ops)->clients) {
        close_client(LIST_ITEM(node, struct ops_client, node));
    }
    loop_timer_destroy(&(*ops)->timer);
    loop_watch_destroy(&(*ops)->watch);
    close((*ops)->fd);
    mem_free(*ops);
    *ops = NULL;
}
