/*
 * route_run.h: what a route does on the database's threads: whose session it is, whether that user
 * is in the path's room, and the route's own query.
 *
 * A request that comes while nobody asks does all of it in one go. What comes while others ask
 * shares a look-up of sessions and memberships with them (admissions.h), and its query follows.
 * Nothing is remembered: each request is answered by the database as it was after it came.
 */
#ifndef BANTER_GATEWAY_ROUTE_RUN_H
#define BANTER_GATEWAY_ROUTE_RUN_H

#include "gateway/request.h"

/* On the loop; for a route with ROUTE_AUTH or a query. Ends with the route's finish or an error's
 * answer. Does not block. */
void route_run(struct request *request);

#endif
