/*
 * http_server.h: evhttp behind its guard, and from a request to its route. With request.c and
 * ws_upgrade.c the only users of evhttp.
 */
#ifndef BANTER_GATEWAY_HTTP_SERVER_H
#define BANTER_GATEWAY_HTTP_SERVER_H

#include "gateway/inherit.h"
#include "gateway/services.h"

struct http_server;

/* Serves the listening sockets, which become the server's. On the second, if there is one, the
 * PROXY protocol is spoken. Nobody is accepted before http_server_accept(). */
struct http_server *http_server_create(struct services *services, const struct inherit *inherit);
/* Accepts from now on; later calls do nothing. */
void http_server_accept(struct http_server *server);
/* Accepts no more; what was begun goes on. The listening sockets stay open in the master. */
void http_server_stop_listening(struct http_server *server);
/* Requests that were not answered yet. */
size_t http_server_busy(const struct http_server *server);
/* HTTP connections that are open. */
size_t http_server_connections(const struct http_server *server);
/* Closes connections on which nothing is under way. */
void http_server_close_idle(struct http_server *server);
/* Cuts off connections that have more than so many bytes of an answer to read. */
void http_server_cut_laggards(struct http_server *server, size_t bytes);
/* Brings the guard's counts into the metrics; called about once a second. */
void http_server_count(struct http_server *server);
/* No request may be under way. */
void http_server_destroy(struct http_server **server);

/* For request.c: one request less. */
void http_server_request_gone(struct http_server *server);

#endif
