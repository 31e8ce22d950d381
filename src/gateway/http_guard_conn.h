/*
 * http_guard_conn.h: the checker of http_guard.h in front of evhttp, with the bounds that evhttp
 * lacks: a deadline for each part of a request, and a number of connections.
 *
 * Every connection of a guarded evhttp gets a checker, which sees each byte in a callback of the
 * bufferevent's input buffer, that is before evhttp is called. A request that breaks the framing or
 * a bound is cut out of the buffer, so no handler runs for it; requests before it are answered;
 * then the client is told why (an error envelope, Connection: close), what it still sends is
 * swallowed for a moment so that it can read that, and the connection is freed.
 *
 * Lifetime: a guard learns of the end of its connection by evhttp's close callback, so
 * evhttp_connection_set_closecb() is taken: nobody else may use it. (A handler that answers late
 * sees that its client is gone by evhttp_request_get_connection() being NULL.) Nothing needs to be
 * called for an upgraded socket: taking it over ends with evhttp_connection_free(), and that ends
 * its guard. If an upgrade is refused by an ordinary reply, the guard notices that reply and checks
 * the bytes that followed the request before evhttp reads them.
 *
 * Nothing here blocks, and only on_refused calls back into the owner. The process must ignore
 * SIGPIPE.
 */
#ifndef BANTER_GATEWAY_HTTP_GUARD_CONN_H
#define BANTER_GATEWAY_HTTP_GUARD_CONN_H

#include "common/base.h"
#include "common/errors.h"
#include "gateway/client_address.h"

struct event_base;
struct evhttp;
struct evhttp_connection;
struct http_guard_set;

/* Who is at the other end of a connection. */
struct http_guard_peer {
    uint64_t number;               /* of the connection */
    struct client_address address; /* of the socket; on a PROXY port, as the header says */
    bool trusted;                  /* a balancer of ours: it is believed about its clients */
};

/* Times in milliseconds; all must be set unless 0 has a meaning. */
struct http_guard_options {
    uint64_t request_head_ms; /* from the first byte of a head to its end; else 408 */
    uint64_t request_body_ms; /* from the end of the head to that of the body; else 408 */
    uint64_t keep_alive_ms;   /* without a byte between requests; then closed without a word */
    uint64_t write_stall_ms;  /* a reply of which the client takes nothing; 0: keep_alive_ms */
    uint64_t linger_ms;       /* how long input is swallowed after an error reply; 0: 2,000 */
    uint64_t tick_ms;         /* how often deadlines are looked at; 0: from the others */
    size_t connections_max;   /* beyond it the one whose client was waited for longest (between two
                               * requests, for the rest of a head or of a body) ends for a new one;
                               * while all are being answered, the new one is told 503 */
    uint64_t first_number;    /* connections are numbered from the one after it */
    const struct networks *trusted; /* borrowed; NULL: nobody */
    /*
     * For the log; may be NULL. A connection is answered with error, or, on a PROXY port, closed
     * without a word (ERR_NONE), and why is a static sentence. Must not call the set.
     */
    void (*on_refused)(void *context, const struct http_guard_peer *peer, enum err error,
                       const char *why);
    /*
     * May be NULL, both. Somebody connected, or (on a PROXY port) is known now: ERR_NONE if he is
     * wanted, and the second is told when the connection ends; else what he is told. The
     * bound connections_max is looked at afterwards. Must not call the set.
     */
    enum err (*on_connected)(void *context, const struct http_guard_peer *peer);
    void (*on_disconnected)(void *context, const struct http_guard_peer *peer);
    void *context;
};

/* Counts since the start, for metrics; connections is the present number. */
struct http_guard_counters {
    uint64_t connections;
    uint64_t accepted;
    uint64_t requests;              /* complete and well-formed */
    uint64_t violations[ERR_COUNT]; /* by what the client was told, or would have been */
    uint64_t head_timeouts;
    uint64_t body_timeouts;
    uint64_t idle_closes;
    uint64_t write_stalls;
    uint64_t made_room;     /* ended before their time, for new connections */
    uint64_t refused;       /* for the number of connections */
    uint64_t proxy_refused; /* closed for want of a good PROXY header, or of trust in who sent it */
};

/* The base stays the caller's. */
struct http_guard_set *http_guard_set_create(struct event_base *base,
                                             const struct http_guard_options *options);
/* After evhttp_free() of every evhttp that it was attached to; sets *set to NULL. */
void http_guard_set_destroy(struct http_guard_set **set);

/*
 * Guards all connections that http accepts from now on: sets its bufferevent callback, its limits
 * of head and body, and the methods that reach the handler (GET HEAD POST PUT DELETE OPTIONS PATCH
 * TRACE: those that no route has are the router's 405). Do not set evhttp's timeout beside it.
 *
 * With proxy every connection has to begin with a header of the PROXY protocol (proxy_protocol.h),
 * from a peer that is trusted, within the time for a request's head; else it is closed. Without it
 * such a header is a request like any other, and a bad one.
 */
void http_guard_set_attach(struct http_guard_set *set, struct evhttp *http, bool proxy);

/* Who sent a request; NULL if the connection has gone. Valid while it lives. */
const struct http_guard_peer *http_guard_peer(const struct http_guard_set *set,
                                              const struct evhttp_connection *evcon);

/* For draining: closes the connections on which no request is under way; returns how many. */
size_t http_guard_close_idle(struct http_guard_set *set);

/* For want of memory: cuts off who has more than so many bytes of an answer to read. They count as
 * write_stalls, and their memory is free a turn later. */
void http_guard_cut_laggards(struct http_guard_set *set, size_t bytes);

const struct http_guard_counters *http_guard_counters(const struct http_guard_set *set);

#endif
