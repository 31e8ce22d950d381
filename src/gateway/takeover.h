/*
 * takeover.h: the one place that takes a socket out of evhttp.
 *
 * libevent 2.1 has no call for that, and evhttp_connection_free() shuts down and closes the
 * descriptor that it remembers. So, in this order: duplicate the descriptor; move out what was
 * received after the request; take the old descriptor away from the bufferevent (its epoll entry
 * goes with it: it must go before the number is used otherwise); put /dev/null under the old
 * number; then free the evhttp connection, which shuts down and closes /dev/null. From then on the
 * request that evhttp knew, the connection and its guard are gone, and the duplicate is ours.
 */
#ifndef BANTER_GATEWAY_TAKEOVER_H
#define BANTER_GATEWAY_TAKEOVER_H

#include "gateway/request.h"

struct evbuffer;

enum takeover {
    TAKEOVER_DONE,   /* *fd_out is the socket; request->ev is gone: request_forget() is next */
    TAKEOVER_GONE,   /* the client had gone already; request->ev is gone, too */
    TAKEOVER_NO_ROOM /* no descriptor is left; nothing was done */
};

/* What was received after the request is moved into early, which may be NULL. */
enum takeover takeover_socket(struct request *request, struct evbuffer *early, int *fd_out);
/* Writes the head of the response, which a fresh socket takes whole; false if it does not. */
bool takeover_send(int fd, const char *head, size_t len) ATTR_MUSTCHECK;

#endif
