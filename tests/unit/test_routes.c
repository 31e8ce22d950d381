// needs: gateway/query
/* routes: which path and method finds what. The handlers are stubs: none is called. */
#include "gateway/routes.h"

#include "common/limits.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STUB_PREPARE(name)                                                                         \
    enum err name(struct request *request)                                                         \
    {                                                                                              \
        (void)request;                                                                             \
        return ERR_INTERNAL;                                                                       \
    }
#define STUB_QUERY(name)                                                                           \
    enum err name(struct request *request, struct db *db)                                          \
    {                                                                                              \
        (void)request;                                                                             \
        (void)db;                                                                                  \
        return ERR_INTERNAL;                                                                       \
    }
#define STUB_FINISH(name)                                                                          \
    void name(struct request *request)                                                             \
    {                                                                                              \
        (void)request;                                                                             \
    }

STUB_PREPARE(register_prepare)
STUB_FINISH(register_start)
STUB_PREPARE(login_prepare)
STUB_FINISH(login_start)
STUB_QUERY(logout_query)
STUB_FINISH(logout_finish)
STUB_QUERY(ws_ticket_query)
STUB_QUERY(delete_query)
STUB_FINISH(delete_finish)
STUB_PREPARE(password_prepare)
STUB_QUERY(password_query)
STUB_FINISH(password_finish)
STUB_QUERY(list_sessions_query)
STUB_QUERY(end_session_query)
STUB_QUERY(end_sessions_query)
STUB_FINISH(end_sessions_finish)
STUB_PREPARE(create_room_prepare)
STUB_FINISH(create_room_finish)
STUB_PREPARE(list_rooms_prepare)
STUB_QUERY(list_rooms_query)
STUB_QUERY(get_room_query)
STUB_FINISH(join_finish)
STUB_FINISH(leave_finish)
STUB_PREPARE(room_users_prepare)
STUB_QUERY(room_users_query)
STUB_FINISH(room_users_finish)
STUB_PREPARE(history_prepare)
STUB_QUERY(history_query)
STUB_PREPARE(post_message_prepare)
STUB_FINISH(post_message_finish)
STUB_QUERY(verify_query)
STUB_FINISH(index_start)
STUB_FINISH(docs_start)
STUB_FINISH(openapi_start)
STUB_FINISH(health_start)
STUB_FINISH(ready_start)
STUB_FINISH(ws_room_start)
STUB_FINISH(ws_chat_start)
STUB_PREPARE(event_stream_prepare)
STUB_QUERY(event_stream_query)
STUB_FINISH(event_stream_finish)

static const struct {
    const char *method;
    const char *path;
    enum routes_result result;
    const char *found; /* the route's path; or what is allowed */
    uint64_t room_id;
} paths[] = {
    {"POST", "/api/register", ROUTES_FOUND, "/api/register", 0},
    {"POST", "/api/login", ROUTES_FOUND, "/api/login", 0},
    {"POST", "/api/logout", ROUTES_FOUND, "/api/logout", 0},
    {"DELETE", "/api/delete", ROUTES_FOUND, "/api/delete", 0},
    {"POST", "/api/password", ROUTES_FOUND, "/api/password", 0},
    {"GET", "/api/sessions", ROUTES_FOUND, "/api/sessions", 0},
    {"DELETE", "/api/sessions", ROUTES_FOUND, "/api/sessions", 0},
    {"DELETE", "/api/sessions/00000000000000ff", ROUTES_FOUND, "/api/sessions/{session_id}", 255},
    {"DELETE", "/api/sessions/FEDCBA9876543210", ROUTES_FOUND, "/api/sessions/{session_id}",
     UINT64_C(0xfedcba9876543210)},
    {"DELETE", "/api/sessions/ff", ROUTES_FOUND, "/api/sessions/{session_id}", 0},
    {"DELETE", "/api/sessions/0000000000000000f", ROUTES_FOUND, "/api/sessions/{session_id}", 0},
    {"DELETE", "/api/sessions/000000000000000x", ROUTES_FOUND, "/api/sessions/{session_id}", 0},
    {"DELETE", "/api/sessions/", ROUTES_NONE, NULL, 0},
    {"GET", "/api/sessions/00000000000000ff", ROUTES_WRONG_METHOD, "DELETE", 0},
    {"GET", "/api/chat/rooms", ROUTES_FOUND, "/api/chat/rooms", 0},
    {"POST", "/api/chat/rooms", ROUTES_FOUND, "/api/chat/rooms", 0},
    {"GET", "/api/chat/rooms/7", ROUTES_FOUND, "/api/chat/rooms/{room_id}", 7},
    {"POST", "/api/chat/rooms/7/join", ROUTES_FOUND, "/api/chat/rooms/{room_id}/join", 7},
    {"POST", "/api/chat/rooms/7/leave", ROUTES_FOUND, "/api/chat/rooms/{room_id}/leave", 7},
    {"GET", "/api/chat/rooms/7/users", ROUTES_FOUND, "/api/chat/rooms/{room_id}/users", 7},
    {"GET", "/api/chat/rooms/7/messages", ROUTES_FOUND, "/api/chat/rooms/{room_id}/messages", 7},
    {"POST", "/api/chat/rooms/7/messages", ROUTES_FOUND, "/api/chat/rooms/{room_id}/messages", 7},
    {"GET", "/api/chat/rooms/7/verify", ROUTES_FOUND, "/api/chat/rooms/{room_id}/verify", 7},
    {"GET", "/api/chat/rooms/7/events", ROUTES_FOUND, "/api/chat/rooms/{room_id}/events", 7},
    {"GET", "/ws/chat/7", ROUTES_FOUND, "/ws/chat/{room_id}", 7},
    {"GET", "/ws/chat", ROUTES_FOUND, "/ws/chat", 0},
    {"GET", "/", ROUTES_FOUND, "/", 0},
    {"GET", "/docs", ROUTES_FOUND, "/docs", 0},
    {"GET", "/openapi.json", ROUTES_FOUND, "/openapi.json", 0},
    {"GET", "/health", ROUTES_FOUND, "/health", 0},
    {"GET", "/readyz", ROUTES_FOUND, "/readyz", 0},
    /* Room numbers; one that no room can have is 0, and answered 404. */
    {"GET", "/api/chat/rooms/0", ROUTES_FOUND, "/api/chat/rooms/{room_id}", 0},
    {"GET", "/api/chat/rooms/007", ROUTES_FOUND, "/api/chat/rooms/{room_id}", 7},
    {"GET", "/ws/chat/9007199254740991", ROUTES_FOUND, "/ws/chat/{room_id}", JSON_INTEGER_MAX},
    {"GET", "/ws/chat/9007199254740992", ROUTES_FOUND, "/ws/chat/{room_id}", 0},
    {"GET", "/ws/chat/99999999999999999999999999", ROUTES_FOUND, "/ws/chat/{room_id}", 0},
    {"GET", "/ws/chat/-1", ROUTES_FOUND, "/ws/chat/{room_id}", 0},
    {"GET", "/ws/chat/-9", ROUTES_FOUND, "/ws/chat/{room_id}", 0},
    {"GET", "/ws/chat/-", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/--1", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/+1", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/1.5", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/0x7", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/%37", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/lounge", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/ws/chat/{room_id}", ROUTES_BAD_NUMBER, NULL, 0},
    {"POST", "/api/chat/rooms/x/join", ROUTES_BAD_NUMBER, NULL, 0},
    {"GET", "/api/chat/rooms/join", ROUTES_BAD_NUMBER, NULL, 0},
    /* The path is known, the method is another. */
    {"GET", "/api/register", ROUTES_WRONG_METHOD, "POST", 0},
    {"PUT", "/api/delete", ROUTES_WRONG_METHOD, "DELETE", 0},
    {"DELETE", "/health", ROUTES_WRONG_METHOD, "HEAD, GET", 0},
    {"DELETE", "/api/chat/rooms", ROUTES_WRONG_METHOD, "POST, HEAD, GET", 0},
    {"DELETE", "/api/chat/rooms/7", ROUTES_WRONG_METHOD, "HEAD, GET", 0},
    {"DELETE", "/api/chat/rooms/x", ROUTES_WRONG_METHOD, "HEAD, GET", 0},
    {"PATCH", "/api/chat/rooms/7/messages", ROUTES_WRONG_METHOD, "HEAD, GET, POST", 0},
    {"GET", "/api/chat/rooms/7/join", ROUTES_WRONG_METHOD, "POST", 0},
    {"post", "/api/register", ROUTES_WRONG_METHOD, "POST", 0},
    {"", "/api/register", ROUTES_WRONG_METHOD, "POST", 0},
    {"POSTS", "/api/register", ROUTES_WRONG_METHOD, "POST", 0},
    {"POST", "/ws/chat", ROUTES_WRONG_METHOD, "HEAD, GET", 0},
    /* No path. */
    {"GET", "", ROUTES_NONE, NULL, 0},
    {"GET", "//", ROUTES_NONE, NULL, 0},
    {"GET", "/x", ROUTES_NONE, NULL, 0},
    {"GET", "health", ROUTES_NONE, NULL, 0},
    {"GET", "/Health", ROUTES_NONE, NULL, 0},
    {"GET", "/health/", ROUTES_NONE, NULL, 0},
    {"GET", "/healthy", ROUTES_NONE, NULL, 0},
    {"GET", "/healt", ROUTES_NONE, NULL, 0},
    {"GET", "/api", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms/", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms/7/", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms//users", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms/7/user", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms/7/userss", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms/7/users/", ROUTES_NONE, NULL, 0},
    {"GET", "/api/chat/rooms/7/users/8", ROUTES_NONE, NULL, 0},
    {"POST", "/api/chat/rooms/7//join", ROUTES_NONE, NULL, 0},
    {"GET", "/ws/chat/", ROUTES_NONE, NULL, 0},
    {"GET", "/ws/chat/7/", ROUTES_NONE, NULL, 0},
    {"GET", "/ws/chat/7/8", ROUTES_NONE, NULL, 0},
    {"GET", "/ws/chatter", ROUTES_NONE, NULL, 0},
};

static enum routes_result find(const char *method, const char *path, const struct route **route,
                               uint64_t *room_id, char allow[ROUTES_ALLOW_SIZE])
{
    struct span span = {(const uint8_t *)path, strlen(path)};

    *route = NULL;
    *room_id = 0;
    memset(allow, 'x', ROUTES_ALLOW_SIZE);
    return routes_find(method, span, route, room_id, allow);
}

/* Whatever reaches the database or becomes a socket has a rate; pages and probes have none. */
static void assert_limited(const struct route *route)
{
    bool wanted = strncmp(route->path, "/api/", 5) == 0 || strncmp(route->path, "/ws/", 4) == 0;
    enum rate_class kind;

    if (route_rate(route, &kind) != wanted)
        fail_msg("%s %s: a rate is %s", route->method, route->path, wanted ? "missing" : "extra");
    assert_true(!wanted || kind < RATE_CLASSES);
}

static void test_paths(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char allow[ROUTES_ALLOW_SIZE];
        const struct route *route;
        uint64_t room_id;
        enum routes_result result = find(paths[i].method, paths[i].path, &route, &room_id, allow);

        if (result != paths[i].result)
            fail_msg("%s %s: %d", paths[i].method, paths[i].path, result);
        if (result == ROUTES_FOUND) {
            assert_string_equal(route->path, paths[i].found);
            assert_string_equal(route->method, paths[i].method);
            assert_limited(route);
            if (room_id != paths[i].room_id)
                fail_msg("%s: room %llu", paths[i].path, (unsigned long long)room_id);
        }
        if (result == ROUTES_WRONG_METHOD)
            assert_string_equal(allow, paths[i].found);
        if (result == ROUTES_NONE)
            assert_string_equal(allow, "");
    }
}

/* The span need not end in a NUL: what follows it in the request's line does not count. */
static void test_span(void **unused)
{
    static const char line[] = "/api/chat/rooms/7/users?limit=3 HTTP/1.1";
    char allow[ROUTES_ALLOW_SIZE];
    const struct route *route;
    uint64_t room_id;

    (void)unused;
    assert_int_equal(
        routes_find("GET", (struct span){(const uint8_t *)line, 17}, &route, &room_id, allow),
        ROUTES_FOUND);
    assert_string_equal(route->path, "/api/chat/rooms/{room_id}");
    assert_true(room_id == 7);
    assert_int_equal(
        routes_find("GET", (struct span){(const uint8_t *)line, 23}, &route, &room_id, allow),
        ROUTES_FOUND);
    assert_string_equal(route->path, "/api/chat/rooms/{room_id}/users");
    assert_int_equal(
        routes_find("GET", (struct span){(const uint8_t *)line, 22}, &route, &room_id, allow),
        ROUTES_NONE);
}

/* The printed table as JSON. */
static json_t *print(void)
{
    FILE *file = tmpfile();
    int real;
    json_t *table;

    fflush(stdout);
    real = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    routes_print();
    fflush(stdout);
    dup2(real, STDOUT_FILENO);
    close(real);
    rewind(file);
    table = json_loadf(file, 0, NULL);
    fclose(file);
    assert_non_null(table);
    return table;
}

/* Each printed route finds itself, and what a route needs is there: who answers at all. */
static void test_printed_table(void **unused)
{
    json_t *table = print();
    size_t index;
    json_t *row;

    (void)unused;
    assert_true(json_array_size(table) >= 21);
    json_array_foreach(table, index, row)
    {
        const char *method = json_string_value(json_object_get(row, "method"));
        const char *path = json_string_value(json_object_get(row, "path"));
        const char *hole = strstr(path, "{room_id}");
        char concrete[128];
        char allow[ROUTES_ALLOW_SIZE];
        const struct route *route;
        uint64_t room_id;

        snprintf(concrete, sizeof(concrete), "%.*s%s%s",
                 hole != NULL ? (int)(hole - path) : (int)strlen(path), path,
                 hole != NULL ? "42" : "", hole != NULL ? hole + 9 : "");
        assert_int_equal(find(method, concrete, &route, &room_id, allow), ROUTES_FOUND);
        assert_string_equal(route->path, path);
        assert_string_equal(route->method, method);
        assert_true(room_id == (hole != NULL ? 42 : 0));
        assert_true(route->start != NULL || route->finish != NULL || route->query != NULL);
        /* What reads a body or asks for a room's data knows who is asking. */
        if (hole != NULL && route->start == NULL)
            assert_true(route->flags & ROUTE_AUTH);
    }
    json_decref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_printed_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
