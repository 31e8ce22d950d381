// needs: gateway/ws_conn gateway/ping_wheel gateway/socket_poll gateway/out_queue gateway/ws_message gateway/ws_deflate gateway/ws_extensions gateway/ws_handshake gateway/http_list gateway/ws_frame gateway/frame common/loop common/metrics common/clock common/digest common/utf8 common/strbuf common/mem common/check
/*
 * ws_echo: the gateway's WebSocket floors with an echo in the place of a chat, so that
 * tests/conformance sees what a message was understood as.
 *
 *   ws_echo            prints "PORT PORT": on the first a message may have 16 MiB, on the second as
 *                      much as the gateway allows; serves both until it is killed
 *
 * Frames, messages, compression, queues, pings and closing are the gateway's own code. The opening
 * handshake is only read here as far as it is needed: tests try it at the gateway itself.
 */
#include "common/check.h"
#include "common/limits.h"
#include "common/loop.h"
#include "common/mem.h"
#include "gateway/ws_conn.h"
#include "gateway/ws_extensions.h"
#include "gateway/ws_handshake.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREAT_MESSAGE_MAX (16 * 1024 * 1024)
/* So long that not even the first slot of the wheel has its turn: no case expects a ping. */
#define NO_PING_MS (UINT64_C(1000) * 24 * 3600 * 1000)
#define QUEUE_MAX  (256 * 1024 * 1024)
#define HEAD_MAX   4096

struct port {
    struct loop *loop;
    struct ws_set *set;
    struct loop_watch *watch;
    int fd;
};

/* A connection: first a head is read, then it is a WebSocket. */
struct peer {
    struct ws_conn conn;
    struct port *port;
    struct loop_watch *watch;
    int fd;
    size_t head_len;
    char head[HEAD_MAX + 1];
};

/* ---- after the handshake ---- */

static void on_message(struct ws_conn *conn, bool text, const uint8_t *data, size_t len)
{
    struct frame *frame = frame_create(text ? WS_OP_TEXT : WS_OP_BINARY, data, len);

    ws_conn_send(conn, frame);
    frame_unref(frame);
}

static void on_violation(struct ws_conn *conn, uint16_t code, const char *reason)
{
    ws_conn_close(conn, code, reason);
}

static void on_unresponsive(struct ws_conn *conn)
{
    ws_conn_close(conn, WS_CLOSE_GOING_AWAY, NULL);
}

static void on_drained(struct ws_conn *conn ATTR_UNUSED)
{
}

static void on_closed(struct ws_conn *conn)
{
    mem_free(CONTAINER_OF(conn, struct peer, conn));
}

static const struct ws_handlers handlers = {on_message, on_drained, on_violation, on_unresponsive,
                                            on_closed};

/* ---- the handshake ---- */

/* The value of a header in the head, the caller's to free; NULL if it is not there. */
static char *header(const char *head, const char *name)
{
    const char *line = strcasestr(head, name);

    if (line == NULL)
        return NULL;
    line += strlen(name) + strspn(line + strlen(name), " ");
    return mem_strndup(line, strcspn(line, "\r"));
}

static void forget(struct peer *peer)
{
    loop_watch_destroy(&peer->watch);
    close(peer->fd);
    mem_free(peer);
}

static void upgrade(struct peer *peer, size_t head_len)
{
    char extensions[WS_EXTENSIONS_MAX];
    char response[WS_HANDSHAKE_RESPONSE_MAX];
    char *offer = header(peer->head, "\r\nSec-WebSocket-Extensions:");
    struct ws_deflate_terms terms;
    struct ws_handshake_answer answer = {.key = NULL};
    char *key = header(peer->head, "\r\nSec-WebSocket-Key:");
    size_t len;

    if (ws_extensions_read(offer, &terms) == WS_OFFER_ACCEPTED) {
        ws_extensions_answer(&terms, extensions);
        answer.extensions = extensions;
    }
    mem_free(offer);
    CHECK(key != NULL && strlen(key) == 24);
    answer.key = key;
    len = ws_handshake_response(&answer, response);
    mem_free(key);
    if (send(peer->fd, response, len, MSG_NOSIGNAL) != (ssize_t)len) {
        forget(peer);
        return;
    }
    loop_watch_destroy(&peer->watch);
    ws_conn_open(&peer->conn, peer->port->set, peer->fd, peer->head + head_len,
                 peer->head_len - head_len);
    ws_conn_deflate(&peer->conn, terms.window_bits);
    ws_conn_resume(&peer->conn);
}

static void on_head(void *context)
{
    struct peer *peer = context;
    ssize_t got = recv(peer->fd, peer->head + peer->head_len, HEAD_MAX - peer->head_len, 0);
    const char *end;

    if (got <= 0) {
        forget(peer);
        return;
    }
    peer->head_len += (size_t)got;
    end = strstr(peer->head, "\r\n\r\n");
    if (end != NULL)
        upgrade(peer, (size_t)(end - peer->head) + 4);
}

static void on_connection(void *context)
{
    struct port *port = context;
    int fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct peer *peer;
    int on = 1;

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    peer = mem_alloc(sizeof(*peer));
    peer->port = port;
    peer->fd = fd;
    peer->watch = loop_watch_create(port->loop, fd, on_head, peer);
}

static unsigned open_port(struct port *port, struct loop *loop, uint32_t message_max)
{
    struct ws_options options = {&handlers, NO_PING_MS, QUEUE_MAX, message_max, 1};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    port->loop = loop;
    port->set = ws_set_create(loop, &options);
    port->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(port->fd >= 0);
    CHECK(bind(port->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(port->fd, 1024) == 0);
    CHECK(getsockname(port->fd, (struct sockaddr *)&address, &size) == 0);
    port->watch = loop_watch_create(loop, port->fd, on_connection, port);
    return ntohs(address.sin_port);
}

int main(void)
{
    static struct port ports[2];
    struct loop *loop = loop_create();
    unsigned great = open_port(&ports[0], loop, GREAT_MESSAGE_MAX);
    unsigned ordinary = open_port(&ports[1], loop, BODY_BYTES_MAX);

    printf("%u %u\n", great, ordinary);
    fflush(stdout);
    loop_run(loop);
    return 0;
}
