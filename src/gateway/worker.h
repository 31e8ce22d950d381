/*
 * worker.h: one gateway worker, from its start to its end.
 */
#ifndef BANTER_GATEWAY_WORKER_H
#define BANTER_GATEWAY_WORKER_H

#include "gateway/inherit.h"

/*
 * Serves until SIGTERM or SIGINT, then drains: accepts no more, answers what was asked, and closes
 * the sockets with 1012, spread over the drain time. A second signal ends it at once. Returns the
 * exit status.
 */
int worker_run(const struct inherit *inherit);

/* Its parts, for who turns the loop himself: everything wired and accepting, with no turn taken. */
struct worker;
struct http_server;
struct services;
struct worker *worker_create(const struct inherit *inherit);
struct services *worker_services(struct worker *worker);
const struct http_server *worker_http(const struct worker *worker);
/* Sockets are closed, and what was under way ends; sets *worker to NULL. */
void worker_destroy(struct worker **worker);

#endif
