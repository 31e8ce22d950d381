/*
 * http_pause.h: when accept() fails (no descriptors left), the listener pauses for 100 ms instead
 * of spinning.
 *
 * One for a loop. Takes the listeners' error callbacks; does not block, and calls nobody back.
 */
#ifndef BANTER_GATEWAY_HTTP_PAUSE_H
#define BANTER_GATEWAY_HTTP_PAUSE_H

#include "common/base.h"

struct http_pause;
struct event_base;
struct evconnlistener;

/* The base stays the caller's. */
struct http_pause *http_pause_create(struct event_base *base);
/* Sets *pause to NULL. Listeners that were not forgotten must not run any more. */
void http_pause_destroy(struct http_pause **pause);
/* Forget a listener before it is freed, unless no event runs in between. */
void http_pause_watch(struct http_pause *pause, struct evconnlistener *listener);
void http_pause_forget(struct http_pause *pause, struct evconnlistener *listener);
/* How often accept() has failed since the start. */
uint64_t http_pause_errors(const struct http_pause *pause);

#endif
