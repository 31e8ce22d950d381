/*
 * ws_upgrade.h: from an HTTP request to a WebSocket: the one place that takes a socket out of
 * evhttp.
 *
 * libevent 2.1 has no call for that, and evhttp_connection_free() shuts down and closes the
 * descriptor that it remembers. So, in this order: duplicate the descriptor; move out what was
 * received after the request; take the old descriptor away from the bufferevent (its epoll entry
 * goes with it: it must go before the number is used otherwise); put /dev/null under the old
 * number; then free the evhttp connection, which shuts down and closes /dev/null. From then on the
 * request, the connection and its guard are gone, and the duplicate is ours.
 */
#ifndef BANTER_GATEWAY_WS_UPGRADE_H
#define BANTER_GATEWAY_WS_UPGRADE_H

/* ws_upgrade_start() is declared in routes.h, with the other handlers. */
#include "gateway/routes.h"

#endif
