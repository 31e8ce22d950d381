#include "guarded_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

/* A socket taken over from evhttp: echoes until its end. */
struct taken {
    struct taken *next;
    struct event *event;
    int fd;
};

static int count_fds(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* ---- The server ---- */

static void reply_text(struct evhttp_request *req, int status, const void *text, size_t len)
{
    struct evbuffer *body = evbuffer_new();
    if (evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
        evbuffer_add(body, text, len);
    evhttp_send_reply(req, status, NULL, body);
    evbuffer_free(body);
}

struct late {
    struct server *server;
    struct evhttp_request *req;
};

static void answer_late(evutil_socket_t fd, short what, void *context)
{
    struct late *late = context;
    (void)fd;
    (void)what;
    if (evhttp_request_get_connection(late->req) == NULL) {
        late->server->gone++;
        evhttp_request_free(late->req);
    } else {
        reply_text(late->req, 200, "late", 4);
    }
    free(late);
}

static void drop_taken(struct server *server, struct taken *taken)
{
    struct taken **at = &server->taken;
    while (*at != taken)
        at = &(*at)->next;
    *at = taken->next;
    event_free(taken->event);
    close(taken->fd);
    free(taken);
}

static void echo_taken(evutil_socket_t fd, short what, void *context)
{
    struct server *server = context;
    char bytes[512];
    (void)what;
    ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len > 0) {
        (void)!send(fd, bytes, (size_t)len, MSG_NOSIGNAL);
        return;
    }
    for (struct taken *taken = server->taken; taken != NULL; taken = taken->next) {
        if (taken->fd == fd) {
            drop_taken(server, taken);
            return;
        }
    }
}

/* The way out of evhttp: a new number for the socket, and a harmless one for evhttp to close. */
static void take_over(struct server *server, struct evhttp_request *req)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    int old_fd = bufferevent_getfd(bev);
    struct taken *taken = calloc(1, sizeof(*taken));
    char early[512];
    taken->fd = fcntl(old_fd, F_DUPFD_CLOEXEC, 3);
    assert_true(taken->fd >= 0);
    int early_len = evbuffer_remove(bufferevent_get_input(bev), early, sizeof(early));
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    assert_int_equal(bufferevent_setfd(bev, -1), 0);
    assert_int_equal(dup3(server->null_fd, old_fd, O_CLOEXEC), old_fd);
    evhttp_connection_free(evcon);
    static const char switched[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    (void)!send(taken->fd, switched, sizeof(switched) - 1, MSG_NOSIGNAL);
    if (early_len > 0)
        (void)!send(taken->fd, early, (size_t)early_len, MSG_NOSIGNAL);
    taken->event = event_new(server->base, taken->fd, EV_READ | EV_PERSIST, echo_taken, server);
    event_add(taken->event, NULL);
    taken->next = server->taken;
    server->taken = taken;
}

static void take_over_late(evutil_socket_t fd, short what, void *context)
{
    struct late *late = context;
    (void)fd;
    (void)what;
    if (evhttp_request_get_connection(late->req) == NULL) {
        late->server->gone++;
        evhttp_request_free(late->req);
    } else {
        take_over(late->server, late->req);
    }
    free(late);
}

static void handle_later(struct server *server, struct evhttp_request *req, event_callback_fn fn)
{
    static const struct timeval delay = {.tv_usec = 20000};
    struct late *late = malloc(sizeof(*late));
    *late = (struct late){server, req};
    event_base_once(server->base, -1, EV_TIMEOUT, fn, late, &delay);
}

static void on_request(struct evhttp_request *req, void *context)
{
    struct server *server = context;
    const char *path = evhttp_request_get_uri(req);
    struct evbuffer *body = evhttp_request_get_input_buffer(req);
    server->handled++;
    if (strcmp(path, "/whoami") == 0) {
        const struct http_guard_peer *peer =
            http_guard_peer(server->set, evhttp_request_get_connection(req));
        char text[CLIENT_ADDRESS_TEXT_SIZE + 16];
        client_address_format(&peer->address, text);
        strcat(text, peer->trusted ? " trusted" : " -");
        reply_text(req, 200, text, strlen(text));
    } else if (strcmp(path, "/echo") == 0) {
        size_t len = evbuffer_get_length(body);
        reply_text(req, 200, evbuffer_pullup(body, -1), len);
    } else if (strcmp(path, "/slow") == 0) {
        handle_later(server, req, answer_late);
    } else if (strcmp(path, "/big") == 0) {
        char *big = calloc(1, BIG_BYTES);
        reply_text(req, 200, big, BIG_BYTES);
        free(big);
    } else if (strcmp(path, "/ws") == 0) {
        take_over(server, req);
    } else if (strcmp(path, "/ws-slow") == 0) {
        handle_later(server, req, take_over_late);
    } else if (strcmp(path, "/ws-refused") == 0) {
        reply_text(req, 401, "no", 2);
    } else {
        reply_text(req, 200, "hello", 5);
    }
}

static void start(struct server *server, const struct http_guard_options *options, bool proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    memset(server, 0, sizeof(*server));
    server->fds_before = count_fds();
    server->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    server->base = event_base_new();
    server->http = evhttp_new(server->base);
    server->set = http_guard_set_create(server->base, options);
    server->pause = http_pause_create(server->base);
    http_guard_set_attach(server->set, server->http, proxy);
    evhttp_set_gencb(server->http, on_request, server);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = evconnlistener_new_bind(server->base, NULL, NULL,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64,
                                               (struct sockaddr *)&address, sizeof(address));
    assert_non_null(server->listener);
    getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&address, &len);
    server->port = ntohs(address.sin_port);
    assert_non_null(evhttp_bind_listener(server->http, server->listener));
    http_pause_watch(server->pause, server->listener);
}

void server_start(struct server *server, const struct http_guard_options *options)
{
    start(server, options, false);
}

void server_start_proxy(struct server *server, const struct http_guard_options *options)
{
    start(server, options, true);
}

struct http_guard_options relaxed(void)
{
    return (struct http_guard_options){
        .request_head_ms = 10000,
        .request_body_ms = 10000,
        .keep_alive_ms = 10000,
        .linger_ms = 200,
        .connections_max = 1000,
    };
}

void server_turn(struct server *server, unsigned ms)
{
    uint64_t end = clock_mono_ms() + ms;
    do {
        event_base_loop(server->base, EVLOOP_NONBLOCK);
        if (ms > 0)
            usleep(300);
    } while (clock_mono_ms() < end);
}

uint64_t server_connections(const struct server *server)
{
    return http_guard_counters(server->set)->connections;
}

void server_stop(struct server *server)
{
    server_turn(server, 60); /* late answers */
    while (server->taken != NULL)
        drop_taken(server, server->taken);
    http_pause_forget(server->pause, server->listener);
    evhttp_free(server->http);
    assert_int_equal(server_connections(server), 0);
    http_guard_set_destroy(&server->set);
    assert_null(server->set);
    http_pause_destroy(&server->pause);
    event_base_free(server->base);
    close(server->null_fd);
    assert_int_equal(count_fds(), server->fds_before);
}

/* ---- The client ---- */

int dial(const struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int on = 1; /* small pieces are not to wait for acknowledgements */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void hang_up_hard(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

void say_slowly(struct server *server, int fd, const char *text, size_t len, size_t piece)
{
    for (size_t at = 0; at < len; at += piece) {
        (void)!send(fd, text + at, len - at < piece ? len - at : piece, MSG_NOSIGNAL);
        server_turn(server, 0);
    }
}

void hear(struct server *server, int fd, struct answer *answer, const char *until, unsigned ms)
{
    uint64_t end = clock_mono_ms() + ms;
    while (clock_mono_ms() < end && !answer->closed && !answer->reset) {
        event_base_loop(server->base, EVLOOP_NONBLOCK);
        ssize_t len = recv(fd, answer->bytes + answer->len, sizeof(answer->bytes) - 1 - answer->len,
                           MSG_DONTWAIT);
        if (len > 0)
            answer->len += (size_t)len;
        else if (len == 0)
            answer->closed = true;
        else if (errno == EAGAIN)
            usleep(200);
        else
            answer->reset = true;
        answer->bytes[answer->len] = '\0';
        if (until != NULL && strstr(answer->bytes, until) != NULL)
            return;
    }
}

unsigned count(const char *text, const char *part)
{
    unsigned n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        n++;
    return n;
}

void talk(struct server *server, const char *text, size_t len, size_t piece, unsigned ms,
          struct answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    int fd = dial(server);
    server_turn(server, 0);
    say_slowly(server, fd, text, len, piece);
    hear(server, fd, answer, NULL, ms);
    close(fd);
    server_turn(server, 0);
}

void assert_refused(const struct answer *answer, int status)
{
    char line[64];
    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    assert_non_null(strstr(answer->bytes, line));
    assert_non_null(strstr(answer->bytes, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(answer->bytes, "Connection: close\r\n"));
    assert_non_null(strstr(answer->bytes, "{\"success\":false,\"message\":\""));
    assert_true(answer->closed);
    assert_false(answer->reset);
}
