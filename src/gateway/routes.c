#include "gateway/routes.h"

#include "gateway/query.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct route routes[] = {
    {"POST",   "/api/register",                      ROUTE_BODY | ROUTE_RATE(RATE_REGISTER), register_prepare, NULL, NULL, register_start},
    {"POST",   "/api/login",                         ROUTE_BODY | ROUTE_RATE(RATE_LOGIN), login_prepare, NULL, NULL, login_start},
    {"POST",   "/api/logout",                        ROUTE_AUTH | ROUTE_RATE(RATE_REQUEST), NULL, logout_query, logout_finish, NULL},
    {"POST",   "/api/ws-ticket",                     ROUTE_AUTH | ROUTE_RATE(RATE_REQUEST), NULL, ws_ticket_query, NULL, NULL},
    {"DELETE", "/api/delete",                        ROUTE_AUTH | ROUTE_RATE(RATE_REQUEST), NULL, delete_query, delete_finish, NULL},
    {"POST",   "/api/password",                      ROUTE_AUTH | ROUTE_BODY | ROUTE_RATE(RATE_LOGIN), password_prepare, password_query, password_finish, NULL},
    {"GET",    "/api/sessions",                      ROUTE_AUTH | ROUTE_RATE(RATE_HISTORY), NULL, list_sessions_query, NULL, NULL},
    {"DELETE", "/api/sessions",                      ROUTE_AUTH | ROUTE_RATE(RATE_REQUEST), NULL, end_sessions_query, end_sessions_finish, NULL},
    {"DELETE", "/api/sessions/{session_id}",         ROUTE_AUTH | ROUTE_RATE(RATE_REQUEST), NULL, end_session_query, end_sessions_finish, NULL},
    {"POST",   "/api/chat/rooms",                    ROUTE_AUTH | ROUTE_BODY | ROUTE_RATE(RATE_JOIN), create_room_prepare, NULL, create_room_finish, NULL},
    {"GET",    "/api/chat/rooms",                    ROUTE_AUTH | ROUTE_RATE(RATE_HISTORY), list_rooms_prepare, list_rooms_query, NULL, NULL},
    {"GET",    "/api/chat/rooms/{room_id}",          ROUTE_MEMBER | ROUTE_RATE(RATE_HISTORY), NULL, get_room_query, NULL, NULL},
    {"POST",   "/api/chat/rooms/{room_id}/join",     ROUTE_AUTH | ROUTE_RATE(RATE_JOIN), NULL, NULL, join_finish, NULL},
    {"POST",   "/api/chat/rooms/{room_id}/leave",    ROUTE_AUTH | ROUTE_RATE(RATE_JOIN), NULL, NULL, leave_finish, NULL},
    {"GET",    "/api/chat/rooms/{room_id}/users",    ROUTE_MEMBER | ROUTE_RATE(RATE_HISTORY), room_users_prepare, room_users_query, room_users_finish, NULL},
    {"GET",    "/api/chat/rooms/{room_id}/messages", ROUTE_MEMBER | ROUTE_RATE(RATE_HISTORY), history_prepare, history_query, NULL, NULL},
    {"POST",   "/api/chat/rooms/{room_id}/messages", ROUTE_MEMBER | ROUTE_BODY | ROUTE_RATE(RATE_SEND), post_message_prepare, NULL, post_message_finish, NULL},
    {"GET",    "/api/chat/rooms/{room_id}/verify",   ROUTE_MEMBER | ROUTE_RATE(RATE_HISTORY), NULL, verify_query, NULL, NULL},
    {"GET",    "/api/chat/rooms/{room_id}/events",   ROUTE_AUTH | ROUTE_QUERY_TOKEN | ROUTE_RATE(RATE_HISTORY), event_stream_prepare, event_stream_query, event_stream_finish, NULL},
    {"GET",    "/ws/chat/{room_id}",                 ROUTE_RATE(RATE_REQUEST), NULL, NULL, NULL, ws_room_start},
    {"GET",    "/ws/chat",                           ROUTE_RATE(RATE_REQUEST), NULL, NULL, NULL, ws_chat_start},
    {"GET",    "/",                                0, NULL, NULL, NULL, index_start},
    {"GET",    "/docs",                            0, NULL, NULL, NULL, docs_start},
    {"GET",    "/openapi.json",                    0, NULL, NULL, NULL, openapi_start},
    {"GET",    "/health",                          0, NULL, NULL, NULL, health_start},
    {"GET",    "/healthz",                         0, NULL, NULL, NULL, health_start},
    {"GET",    "/livez",                           0, NULL, NULL, NULL, health_start},
    {"GET",    "/readyz",                          0, NULL, NULL, NULL, ready_start},
};
/* clang-format on */

/* Whether the path fits the pattern; *id is then what stands for the placeholder, if any. */
static bool match(const char *pattern, struct span path, struct span *id)
{
    size_t at = 0;
    const char *after;
    const uint8_t *slash;
    struct span rest;

    *id = (struct span){NULL, 0};
    while (at < path.len && pattern[at] != '\0' && pattern[at] != '{' &&
           path.data[at] == (uint8_t)pattern[at])
        at++;
    rest = (struct span){path.data + at, path.len - at};
    if (pattern[at] != '{')
        return pattern[at] == '\0' && rest.len == 0;
    slash = memchr(rest.data, '/', rest.len);
    *id = (struct span){rest.data, slash != NULL ? (size_t)(slash - rest.data) : rest.len};
    after = strchr(pattern + at, '}') + 1;
    return id->len > 0 && rest.len - id->len == strlen(after) &&
           memcmp(rest.data + id->len, after, strlen(after)) == 0;
}

static void add_method(char allow[ROUTES_ALLOW_SIZE], const char *method)
{
    size_t len = strlen(allow);

    snprintf(allow + len, ROUTES_ALLOW_SIZE - len, "%s%s%s", len > 0 ? ", " : "",
             strcmp(method, "GET") == 0 ? "HEAD, " : "", method);
}

/* A whole number, as the original's clients may send it; a negative one is no room. */
static bool read_room_id(struct span number, uint64_t *room_id_out)
{
    bool negative = number.len > 1 && number.data[0] == '-';

    for (size_t i = negative ? 1 : 0; i < number.len; i++)
        if (number.data[i] < '0' || number.data[i] > '9')
            return false;
    if (negative || !query_parse_u64(number, room_id_out))
        *room_id_out = 0; /* no room has it: 404 */
    return true;
}

/* Anything but an id is one that no session has. */
static void read_session_id(struct span id, uint64_t *session_id_out)
{
    *session_id_out = 0;
    if (id.len != 2 * SESSION_ID_BYTES)
        return;
    for (size_t i = 0; i < id.len; i++) {
        uint8_t digit = id.data[i];

        if (!isxdigit(digit)) {
            *session_id_out = 0;
            return;
        }
        *session_id_out = *session_id_out << 4 |
                          (uint64_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
}

static bool read_id(const struct route *route, struct span id, uint64_t *id_out)
{
    if (strstr(route->path, "{room_id}") != NULL)
        return read_room_id(id, id_out);
    read_session_id(id, id_out);
    return true;
}

enum routes_result routes_find(const char *method, struct span path, const struct route **route_out,
                               uint64_t *id_out, char allow_out[ROUTES_ALLOW_SIZE])
{
    allow_out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct span id;

        if (!match(routes[i].path, path, &id))
            continue;
        if (strcmp(routes[i].method, method) != 0) {
            add_method(allow_out, routes[i].method);
            continue;
        }
        *route_out = &routes[i];
        if (id.data != NULL && !read_id(&routes[i], id, id_out))
            return ROUTES_BAD_NUMBER;
        return ROUTES_FOUND;
    }
    return allow_out[0] != '\0' ? ROUTES_WRONG_METHOD : ROUTES_NONE;
}

_Static_assert(ARRAY_LEN(routes) < ROUTES_NUMBER_ASSET, "each route has a number of its own");

size_t routes_number(const struct route *route)
{
    return (size_t)(route - routes);
}

void routes_name(void (*name)(size_t number, const char *method, const char *path))
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        name(i, routes[i].method, routes[i].path);
    name(ROUTES_NUMBER_ASSET, "GET", "(file)");
    name(ROUTES_NUMBER_UNKNOWN, "", "(none)");
}

void routes_print(void)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        printf("%s{\"method\":\"%s\",\"path\":\"%s\"}", i == 0 ? "[" : ",\n ", routes[i].method,
               routes[i].path);
    puts("]");
}
