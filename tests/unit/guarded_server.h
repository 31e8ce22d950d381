/*
 * guarded_server.h: for tests: an evhttp behind the guard on a loopback port, and clients of it.
 *
 * Server and clients share one thread: whoever waits turns the loop. Paths: /echo (the body), /slow
 * (answered after 20 ms), /big (BIG_BYTES), /ws and /ws-slow (the socket is taken over, and
 * echoes), /ws-refused (401), /whoami (address and trust), and anything else says hello.
 */
#ifndef BANTER_TESTS_GUARDED_SERVER_H
#define BANTER_TESTS_GUARDED_SERVER_H

#include "gateway/http_guard_conn.h"
#include "gateway/http_pause.h"

struct event;
struct evhttp;

#define HOST      "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define UPGRADE(path)                                                                              \
    "GET " path " HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define BIG_BYTES (24 * 1024 * 1024)

struct server {
    struct event_base *base;
    struct evhttp *http;
    struct http_guard_set *set;
    struct http_pause *pause;
    struct evconnlistener *listener;
    uint16_t port;
    int null_fd;
    int fds_before;
    unsigned handled;
    unsigned gone;       /* clients that left before a late answer */
    struct taken *taken; /* sockets taken over from evhttp */
};

struct answer {
    char bytes[16384];
    size_t len;
    bool closed; /* by the server, in order */
    bool reset;
};

struct http_guard_options relaxed(void);

void server_start(struct server *server, const struct http_guard_options *options);
/* The same with a PROXY header before everything. */
void server_start_proxy(struct server *server, const struct http_guard_options *options);
/* Frees everything, and checks that no connection and no descriptor is left. */
void server_stop(struct server *server);
/* Turns the loop for ms, at least once. */
void server_turn(struct server *server, unsigned ms);
uint64_t server_connections(const struct server *server);

int dial(const struct server *server);
void hang_up_hard(int fd);
void say(int fd, const char *text);
/* In pieces, with the server looking at each. */
void say_slowly(struct server *server, int fd, const char *text, size_t len, size_t piece);
/* Reads until the server closes, the text appears, or ms are over. */
void hear(struct server *server, int fd, struct answer *answer, const char *until, unsigned ms);
/* One connection that says it in pieces, and hears until the server closes or ms are over. */
void talk(struct server *server, const char *text, size_t len, size_t piece, unsigned ms,
          struct answer *answer);
unsigned count(const char *text, const char *part);
/* The last reply is an error envelope with this status, and then an orderly end. */
void assert_refused(const struct answer *answer, int status);

#endif
