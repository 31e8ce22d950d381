/*
 * services.h: what a worker's handlers need; made and torn down by worker.c, borrowed by all else.
 */
#ifndef BANTER_GATEWAY_SERVICES_H
#define BANTER_GATEWAY_SERVICES_H

#include "common/list.h"

struct services {
    const struct settings *settings;
    struct loop *loop;
    struct pool *db;     /* short queries */
    struct pool *scrypt; /* password hashes */
    struct bus_link *link;
    struct rooms *rooms;
    struct ws_set *sockets;
    struct sessions *sessions;
    struct auth_waits *auth_waits;
    struct limiter *limiter;
    struct chat_holds *holds;
    struct admissions *admissions; /* NULL while the worker ends */
    struct assets *assets;
    struct web_access *web;
    struct list ended_rooms; /* struct chat_room: to be freed at the end of the turn */
    int null_fd;             /* /dev/null, for taking sockets out of evhttp */
    bool draining;
    bool database_ok; /* as the last query or probe found it */
};

#endif
