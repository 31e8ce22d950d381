/*
 * http_guard_deadlines.c: what took too long. One timer looks at all connections of a set.
 */
#include "gateway/http_guard_impl.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <sys/socket.h>

#include "common/clock.h"

/* A handler may still hold the request, so evhttp has to find out by itself. */
static void cut_off(struct guard_conn *conn)
{
    conn->set->counters.write_stalls++;
    shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
}

static void check_stall(struct guard_conn *conn, uint64_t now)
{
    bool empty = evbuffer_get_length(bufferevent_get_output(conn->bev)) == 0;
    if (empty || conn->sent != conn->sent_at_progress) {
        conn->sent_at_progress = conn->sent;
        conn->progress_ms = now;
    } else if (now - conn->progress_ms >= conn->set->options.write_stall_ms) {
        conn->progress_ms = now;
        cut_off(conn);
    }
}

static void check_deadline(struct guard_conn *conn, uint64_t now)
{
    const struct http_guard_options *options = &conn->set->options;
    struct http_guard_counters *counters = &conn->set->counters;
    if (!guard_conn_is_reading(conn)) {
        conn->since_ms = now; /* what the client has begun meanwhile, it could not go on with */
        return;
    }
    uint64_t elapsed = now - MIN(now, conn->since_ms);
    switch (http_guard_phase(&conn->guard)) {
    case HTTP_GUARD_IN_HEAD:
        if (elapsed >= options->request_head_ms) {
            counters->head_timeouts++;
            guard_conn_fail(conn, ERR_REQUEST_TIMEOUT);
        }
        break;
    case HTTP_GUARD_IN_BODY:
        if (elapsed >= options->request_body_ms) {
            counters->body_timeouts++;
            guard_conn_fail(conn, ERR_REQUEST_TIMEOUT);
        }
        break;
    case HTTP_GUARD_IDLE:
    case HTTP_GUARD_HELD:
    case HTTP_GUARD_BROKEN:
    default:
        if (elapsed >= options->keep_alive_ms) {
            counters->idle_closes++;
            evhttp_connection_free(conn->evcon);
        }
        break;
    }
}

void guard_set_tick(evutil_socket_t fd, short what, void *context)
{
    struct http_guard_set *set = context;
    uint64_t now = clock_mono_ms();
    (void)fd;
    (void)what;
    LIST_FOREACH_SAFE (node, &set->conns) {
        struct guard_conn *conn = LIST_ITEM(node, struct guard_conn, node);
        check_stall(conn, now);
        if (conn->state == CONN_OPEN)
            check_deadline(conn, now);
        else if (conn->state == CONN_PROXY && now - conn->since_ms >= set->options.request_head_ms)
            guard_conn_refuse_proxy(conn, "the PROXY header did not come in time");
        else if (guard_conn_ready_to_tell(conn))
            guard_conn_tell(conn);
        else if (conn->state == CONN_LINGER && now - conn->since_ms >= set->options.linger_ms)
            evhttp_connection_free(conn->evcon);
    }
}

void http_guard_cut_laggards(struct http_guard_set *set, size_t bytes)
{
    LIST_FOREACH (node, &set->conns) {
        struct guard_conn *conn = LIST_ITEM(node, struct guard_conn, node);
        if (evbuffer_get_length(bufferevent_get_output(conn->bev)) > bytes)
            cut_off(conn);
    }
}
