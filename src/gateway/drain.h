/*
 * drain.h: how a worker leaves, in phases, so that no client notices more than a reconnect:
 *
 *   notice   /readyz is 503, answers say "Connection: close", new WebSockets are refused with 503;
 *            all else goes on, connections are still accepted: until balancers have looked
 *   closing  nothing is accepted any more; the sockets are closed in equal shares over DRAIN_MS,
 *            each when its sends are answered; requests and commands that were begun end, and a
 *            connection without a request has a second to bring one
 *
 * then the loop is stopped. Never blocks.
 */
#ifndef BANTER_GATEWAY_DRAIN_H
#define BANTER_GATEWAY_DRAIN_H

#include "gateway/http_server.h"
#include "gateway/presence_local.h"
#include "gateway/services.h"
#include "gateway/worker_status.h"

struct drain;

/* What is passed in stays the caller's, and outlives the drain. */
struct drain *drain_create(struct services *services, struct http_server *http,
                           struct presence_local *presence);
/* Begins: WORKER_LEAVE with notice, WORKER_RETIRE without, WORKER_DISSOLVE without and with half a
 * second more of accepting. Later calls are ignored. */
void drain_begin(struct drain *drain, enum worker_order order);
/* Sets *drain to NULL. */
void drain_destroy(struct drain **drain);

#endif
