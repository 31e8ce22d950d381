/*
 * routes.h: which handler a method and path have. The table is in routes.c; nothing else knows a
 * path, and openapi.json is held equal to it by a test.
 */
#ifndef BANTER_GATEWAY_ROUTES_H
#define BANTER_GATEWAY_ROUTES_H

#include "common/metrics.h"
#include "gateway/request.h"

enum routes_result {
    ROUTES_FOUND,
    ROUTES_NONE,         /* no route has this path */
    ROUTES_WRONG_METHOD, /* the path is known, with other methods: allow_out lists them */
    ROUTES_BAD_NUMBER,   /* {room_id} is not a number */
};

#define ROUTES_ALLOW_SIZE 64

/* *id_out is what stands for the path's placeholder, if it has one. */
enum routes_result routes_find(const char *method, struct span path, const struct route **route_out,
                               uint64_t *id_out, char allow_out[ROUTES_ALLOW_SIZE]);
/* The table as JSON on stdout: [{"method":…,"path":…}]. */
void routes_print(void);

/* The number of a route in metrics, and those of requests that have none. */
size_t routes_number(const struct route *route);
#define ROUTES_NUMBER_ASSET   (METRICS_VALUES_ROUTE - 3) /* a file of the web client */
#define ROUTES_NUMBER_UNKNOWN (METRICS_VALUES_ROUTE - 2) /* no such path or method */
/* Says the names of all numbers, for who shows the metrics. */
void routes_name(void (*name)(size_t number, const char *method, const char *path));

/* The handlers, by file. */
/* route_accounts.c */
enum err register_prepare(struct request *request);
void register_start(struct request *request);
enum err login_prepare(struct request *request);
void login_start(struct request *request);
enum err logout_query(struct request *request, struct db *db);
void logout_finish(struct request *request);
enum err delete_query(struct request *request, struct db *db);
void delete_finish(struct request *request);
/* route_password.c */
enum err password_prepare(struct request *request);
enum err password_query(struct request *request, struct db *db);
void password_finish(struct request *request);
/* route_sessions.c */
enum err list_sessions_query(struct request *request, struct db *db);
enum err end_session_query(struct request *request, struct db *db);
enum err end_sessions_query(struct request *request, struct db *db);
void end_sessions_finish(struct request *request);
/* route_tickets.c */
enum err ws_ticket_query(struct request *request, struct db *db);
/* route_rooms.c */
enum err create_room_prepare(struct request *request);
void create_room_finish(struct request *request);
enum err list_rooms_prepare(struct request *request);
enum err list_rooms_query(struct request *request, struct db *db);
enum err get_room_query(struct request *request, struct db *db);
void join_finish(struct request *request);
void leave_finish(struct request *request);
enum err room_users_prepare(struct request *request);
enum err room_users_query(struct request *request, struct db *db);
void room_users_finish(struct request *request);
/* route_messages.c */
enum err history_prepare(struct request *request);
enum err history_query(struct request *request, struct db *db);
enum err post_message_prepare(struct request *request);
void post_message_finish(struct request *request);
enum err verify_query(struct request *request, struct db *db);
/* route_ops.c */
void index_start(struct request *request);
void docs_start(struct request *request);
void openapi_start(struct request *request);
void health_start(struct request *request);
void ready_start(struct request *request);
/* ws_upgrade.c */
void ws_room_start(struct request *request);
void ws_chat_start(struct request *request);
/* event_stream.c */
enum err event_stream_prepare(struct request *request);
enum err event_stream_query(struct request *request, struct db *db);
void event_stream_finish(struct request *request);

#endif
