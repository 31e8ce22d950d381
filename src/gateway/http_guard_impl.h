/*
 * http_guard_impl.h: between http_guard_conn.c, which follows what comes and goes, and
 * http_guard_deadlines.c, which looks at the clock.
 */
#ifndef BANTER_GATEWAY_HTTP_GUARD_IMPL_H
#define BANTER_GATEWAY_HTTP_GUARD_IMPL_H

#include <event2/util.h>

#include "common/list.h"
#include "gateway/http_guard.h"
#include "gateway/http_guard_conn.h"
#include "gateway/proxy_protocol.h"

struct bufferevent;
struct evbuffer_cb_entry;
struct event;

enum conn_state {
    CONN_NEW,     /* made, not yet seen with its evhttp_connection; we hold a reference */
    CONN_PROXY,   /* a PROXY header is due, and cut out of the input as it comes */
    CONN_DROP,    /* it was none: input is cut; to be closed without a word by the kick */
    CONN_OPEN,    /* the checker follows */
    CONN_FAILING, /* input is cut; the error is told as soon as evhttp has nothing under way */
    CONN_LINGER,  /* told; swallowing */
};

struct guard_conn {
    struct list_node node;    /* on set->conns */
    struct list_node todo;    /* on set->todo while the kick has something to do here */
    struct list_node waiting; /* on set->waiting since its client has been waited for */
    struct http_guard_set *set;
    struct bufferevent *bev;
    struct evhttp_connection *evcon; /* NULL while CONN_NEW */
    struct evbuffer_cb_entry *input_cb;
    struct evbuffer_cb_entry *output_cb;
    enum conn_state state;
    enum err error; /* what the client is to be told */
    bool editing;   /* the input buffer changes by our own hand */
    bool refused;   /* one too many, or not wanted */
    bool granted;   /* on_connected was asked and agreed: on_disconnected is due */
    bool proxy;     /* of a port where the PROXY protocol is spoken */
    struct http_guard_peer peer;
    struct proxy_parser proxy_parser;
    uint64_t received; /* bytes of the stream that ever were in the input and not cut out of it */
    uint64_t checked;  /* how many of them the checker has seen */
    uint64_t good_end; /* where the last complete request ends */
    uint64_t since_ms; /* when the present phase began */
    uint64_t sent;     /* bytes that left the output */
    uint64_t sent_at_progress;
    uint64_t progress_ms; /* when a tick last saw the output empty or moving */
    struct http_guard guard;
};

/* What evhttp's callback for new connections gets: a port, of one kind or the other. */
struct guard_port {
    struct http_guard_set *set;
    bool proxy;
};

struct http_guard_set {
    struct event *kick; /* runs todo after the present callback */
    struct event *tick;
    struct list conns;
    struct list todo;
    struct list waiting;  /* who gives their place first: whose client was waited for longest */
    struct map *by_evcon; /* struct guard_conn, by the address of its evhttp_connection */
    uint64_t last_number;
    size_t refused_count;
    struct http_guard_options options;
    struct http_guard_counters counters;
    struct guard_port ports[2];
};

/* ---- http_guard_conn.c ---- */

/* It waits for a request or the rest of one, and all of its answers have been sent. Only then may
 * we write to the socket, and only then may we free the connection: no handler knows of it. */
bool guard_conn_is_reading(const struct guard_conn *conn);
/* evhttp may have taken the beginning of the bad request, but never its end: it goes on waiting
 * until the client has been told and the connection is freed. */
void guard_conn_fail(struct guard_conn *conn, enum err error);
/* The connection of a PROXY port is of no use. Not from inside one of its own callbacks. */
void guard_conn_refuse_proxy(struct guard_conn *conn, const char *why);
/* Whether one that failed can be told why now, and telling it: begins to swallow, or frees the
 * connection if there is no use. */
bool guard_conn_ready_to_tell(const struct guard_conn *conn);
void guard_conn_tell(struct guard_conn *conn);

/* ---- http_guard_deadlines.c ---- */

/* For the set's tick; context is the set. */
void guard_set_tick(evutil_socket_t fd, short what, void *context);

#endif
