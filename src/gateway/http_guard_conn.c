/*
 * http_guard_conn.c: joins the checker to evhttp's bufferevents, by public functions only.
 *
 * What it relies on in libevent 2.1, and the tests check:
 *   - evbuffer callbacks run inside evbuffer_read(), before the bufferevent calls evhttp;
 *   - evhttp called with an empty input buffer waits for more;
 *   - evhttp makes itself the argument of the bufferevent's callbacks as soon as it has it;
 *   - an evhttp that waits for input has a read callback and EV_READ enabled; one whose handler
 *     has not answered has EV_READ disabled; one that writes has no read callback;
 *   - every end of a connection is evhttp_connection_free(), which calls the close callback first.
 *
 * A reference on the bufferevent must not outlive the connection: bufferevent_free() would then
 * leave its events registered on a descriptor number that the next connection gets.
 */
#include "gateway/http_guard_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/map.h"
#include "common/mem.h"
#include "gateway/http_guard_impl.h"
#include "gateway/http_guard_reply.h"

#define LINGER_MS_DEFAULT 2000
#define TICK_MS_MIN       10
#define TICK_MS_MAX       250
/* Refused connections that are given the time to read why; more are just closed. */
#define REFUSED_LINGER_MAX 256
/* Requests that wait while a reply is written: beyond the first bound reading pauses; a stream of
 * small replies can overrun it a little, and the second bound ends that. */
#define PIPELINE_BYTES_PAUSE HTTP_HEAD_BYTES_MAX
#define PIPELINE_BYTES_MAX   (4 * (HTTP_HEAD_BYTES_MAX + BODY_BYTES_MAX))

/* ---- What evhttp is doing ---- */

static bool evhttp_is_writing(const struct guard_conn *conn)
{
    bufferevent_data_cb read_cb = NULL;
    bufferevent_getcb(conn->bev, &read_cb, NULL, NULL, NULL);
    return read_cb == NULL;
}

bool guard_conn_is_reading(const struct guard_conn *conn)
{
    return !evhttp_is_writing(conn) && (bufferevent_get_enabled(conn->bev) & EV_READ) != 0 &&
           evbuffer_get_length(bufferevent_get_output(conn->bev)) == 0;
}

static size_t input_length(const struct guard_conn *conn)
{
    return evbuffer_get_length(bufferevent_get_input(conn->bev));
}

/* Nothing was begun on it. */
static bool is_idle(const struct guard_conn *conn)
{
    if (!guard_conn_is_reading(conn) || input_length(conn) > 0)
        return false;
    return conn->state == CONN_PROXY
               ? conn->proxy_parser.len == 0
               : conn->state == CONN_OPEN && http_guard_phase(&conn->guard) == HTTP_GUARD_IDLE;
}

/* Where in the stream the bytes begin that evhttp has not taken yet. */
static uint64_t stream_front(const struct guard_conn *conn)
{
    return conn->received - input_length(conn);
}

/* Whether it holds a place and nothing goes on but waiting for its client: between two requests, or
 * within one. No request that is whole waits for evhttp. */
static bool waits(const struct guard_conn *conn)
{
    enum http_guard_phase phase = http_guard_phase(&conn->guard);
    if (!guard_conn_is_reading(conn) || conn->good_end > stream_front(conn))
        return false;
    return conn->state == CONN_PROXY ||
           (conn->state == CONN_OPEN && (phase == HTTP_GUARD_IDLE || phase == HTTP_GUARD_IN_HEAD ||
                                         phase == HTTP_GUARD_IN_BODY));
}

/* Called where it may just have begun to wait. While an answer leaves it is on the list a little
 * early; make_room() looks again. Single bytes do not move it to the list's end. */
static void note_waiting(struct guard_conn *conn)
{
    if (!list_node_linked(&conn->waiting))
        list_push_back(&conn->set->waiting, &conn->waiting);
}

static void want_kick(struct guard_conn *conn)
{
    if (!list_node_linked(&conn->todo))
        list_push_back(&conn->set->todo, &conn->todo);
    event_active(conn->set->kick, EV_TIMEOUT, 0);
}

/* ---- The input ---- */

/* Cuts the request in hand out of the input; whole ones that wait before it stay. An evbuffer
 * cannot be cut at its end, so what stays makes a detour. */
static void cut_input(struct guard_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    uint64_t front = stream_front(conn);
    size_t len = evbuffer_get_length(input);
    size_t keep = conn->good_end > front ? (size_t)(conn->good_end - front) : 0;
    conn->editing = true;
    if (keep == 0) {
        CHECK(evbuffer_drain(input, len) == 0);
    } else if (keep < len) {
        struct evbuffer *kept = evbuffer_new();
        CHECK(kept != NULL);
        CHECK(evbuffer_remove_buffer(input, kept, keep) == (int)keep);
        CHECK(evbuffer_drain(input, len - keep) == 0);
        CHECK(evbuffer_prepend_buffer(input, kept) == 0);
        evbuffer_free(kept);
    }
    conn->editing = false;
    conn->received = front + input_length(conn);
}

static void say_refused(struct guard_conn *conn, enum err error, const char *why)
{
    const struct http_guard_options *options = &conn->set->options;
    if (options->on_refused != NULL)
        options->on_refused(options->context, &conn->peer, error, why);
}

void guard_conn_fail(struct guard_conn *conn, enum err error)
{
    conn->state = CONN_FAILING;
    conn->error = error;
    conn->set->counters.violations[error]++;
    say_refused(conn, error, NULL);
    cut_input(conn);
    want_kick(conn);
}

static void on_guard_event(struct guard_conn *conn, enum http_guard_event event)
{
    if (event == HTTP_GUARD_MORE || event == HTTP_GUARD_VIOLATION)
        return;
    conn->since_ms = clock_mono_ms();
    list_remove(&conn->waiting);
    if (event == HTTP_GUARD_REQUEST_DONE || event == HTTP_GUARD_UPGRADE) {
        conn->good_end = conn->checked;
        conn->set->counters.requests++;
    }
}

/* Shows the checker what it has not seen of the input, up to the end, a violation or an upgrade. */
static void check_input(struct guard_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    uint8_t bytes[4096];
    while (conn->checked < conn->received) {
        uint64_t front = stream_front(conn);
        struct evbuffer_ptr at;
        CHECK(conn->checked >= front);
        CHECK(evbuffer_ptr_set(input, &at, (size_t)(conn->checked - front), EVBUFFER_PTR_SET) == 0);
        ev_ssize_t len = evbuffer_copyout_from(input, &at, bytes, sizeof(bytes));
        CHECK(len > 0);
        for (size_t done = 0; done < (size_t)len;) {
            enum http_guard_event event;
            size_t taken = http_guard_feed(&conn->guard, bytes + done, (size_t)len - done, &event);
            conn->checked += taken;
            done += taken;
            on_guard_event(conn, event);
            enum http_guard_phase phase = http_guard_phase(&conn->guard);
            if (phase == HTTP_GUARD_BROKEN)
                guard_conn_fail(conn, http_guard_error(&conn->guard));
            if (phase == HTTP_GUARD_BROKEN || phase == HTTP_GUARD_HELD)
                return;
        }
        mem_wipe(bytes, (size_t)len); /* there may have been a password in it */
    }
}

/* While evhttp writes, the socket is read without anybody taking the bytes. evhttp enables reading
 * again by itself when it has written. */
static void bound_pipeline(struct guard_conn *conn)
{
    size_t len = input_length(conn);
    if (len <= PIPELINE_BYTES_PAUSE || !evhttp_is_writing(conn))
        return;
    bufferevent_disable(conn->bev, EV_READ);
    if (len > PIPELINE_BYTES_MAX) {
        conn->good_end = 0; /* the waiting requests go, too */
        guard_conn_fail(conn, ERR_OVERLOADED);
    }
}

void guard_conn_refuse_proxy(struct guard_conn *conn, const char *why)
{
    conn->set->counters.proxy_refused++;
    say_refused(conn, ERR_NONE, why);
    evhttp_connection_free(conn->evcon);
}

static bool is_trusted(const struct http_guard_set *set, const struct client_address *address)
{
    return set->options.trusted != NULL && networks_contain(set->options.trusted, &address->ip);
}

/* Whether the owner wants the connection, now that it is known whose it is; else conn->error says
 * what it is told. */
static bool ask_owner(struct guard_conn *conn)
{
    const struct http_guard_options *options = &conn->set->options;
    if (options->on_connected == NULL)
        return true;
    conn->error = options->on_connected(options->context, &conn->peer);
    conn->granted = conn->error == ERR_NONE;
    return conn->granted;
}

/* Cuts the header out of the input. What is behind it is the stream that the checker sees. */
static void read_proxy_header(struct guard_conn *conn)
{
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    enum proxy_result result = PROXY_MORE;
    uint8_t bytes[256];
    ev_ssize_t len;
    while (result == PROXY_MORE && (len = evbuffer_copyout(input, bytes, sizeof(bytes))) > 0) {
        size_t taken;
        result = proxy_parser_feed(&conn->proxy_parser, bytes, (size_t)len, &taken);
        conn->editing = true;
        CHECK(evbuffer_drain(input, taken) == 0);
        conn->editing = false;
        conn->received -= taken;
    }
    if (result == PROXY_DONE) {
        const struct client_address *source = &conn->proxy_parser.source;
        conn->state = CONN_OPEN;
        conn->since_ms = clock_mono_ms();
        list_remove(&conn->waiting);
        /* A source that is not told is nobody to believe: anybody may be behind the balancer. */
        if (ip_address_known(&source->ip)) {
            conn->peer.address = *source;
            conn->peer.trusted = is_trusted(conn->set, source);
        }
        if (!ask_owner(conn))
            guard_conn_fail(conn, conn->error);
    } else if (result == PROXY_BAD) {
        conn->state = CONN_DROP;
        cut_input(conn);
        want_kick(conn);
    }
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct guard_conn *conn = context;
    (void)input;
    if (conn->editing || info->n_added == 0)
        return;
    conn->received += info->n_added;
    if (conn->state == CONN_PROXY)
        read_proxy_header(conn);
    if (conn->state == CONN_FAILING || conn->state == CONN_LINGER || conn->state == CONN_DROP) {
        cut_input(conn);
        return;
    }
    if (conn->state != CONN_OPEN)
        return;
    if (http_guard_phase(&conn->guard) != HTTP_GUARD_HELD)
        check_input(conn);
    if (conn->state == CONN_OPEN)
        bound_pipeline(conn);
    note_waiting(conn); /* a PROXY header by itself */
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *context)
{
    struct guard_conn *conn = context;
    conn->sent += info->n_deleted;
    /* An answer by evhttp to the upgrade request itself: it was refused, and evhttp is about to
     * read on. Answers to requests before it come while evhttp has not taken it yet. */
    if (info->n_added > 0 && conn->state == CONN_OPEN &&
        http_guard_phase(&conn->guard) == HTTP_GUARD_HELD && stream_front(conn) >= conn->good_end) {
        http_guard_resume(&conn->guard);
        check_input(conn);
    }
    if (info->n_deleted > 0 && evbuffer_get_length(output) == 0) {
        if (conn->state == CONN_FAILING)
            want_kick(conn);
        list_remove(&conn->waiting);
        note_waiting(conn);
    }
}

/* ---- Begin and end of a connection ---- */

static void free_conn(struct guard_conn *conn)
{
    struct http_guard_set *set = conn->set;
    if (conn->evcon != NULL)
        map_remove_u64(set->by_evcon, (uintptr_t)conn->evcon);
    evbuffer_remove_cb_entry(bufferevent_get_input(conn->bev), conn->input_cb);
    evbuffer_remove_cb_entry(bufferevent_get_output(conn->bev), conn->output_cb);
    if (conn->refused)
        set->refused_count--;
    if (conn->granted && set->options.on_disconnected != NULL)
        set->options.on_disconnected(set->options.context, &conn->peer);
    set->counters.connections--;
    list_remove(&conn->todo);
    list_remove(&conn->waiting);
    list_remove(&conn->node);
    mem_free(conn);
}

static void on_close(struct evhttp_connection *evcon, void *context)
{
    (void)evcon;
    free_conn(context);
}

static void refuse_one(struct guard_conn *conn)
{
    conn->refused = true;
    conn->set->refused_count++;
}

/* Called by evhttp for each connection that it has accepted; the descriptor comes later. */
static struct bufferevent *on_accept(struct event_base *base, void *context)
{
    const struct guard_port *port = context;
    struct http_guard_set *set = port->set;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
    /* NULL would make evhttp go on without a guard. */
    CHECK(bev != NULL);
    struct guard_conn *conn = mem_alloc(sizeof(*conn));
    conn->set = set;
    conn->bev = bev;
    conn->state = CONN_NEW;
    conn->proxy = port->proxy;
    conn->peer.number = ++set->last_number;
    http_guard_init(&conn->guard);
    proxy_parser_init(&conn->proxy_parser);
    conn->since_ms = conn->progress_ms = clock_mono_ms();
    conn->input_cb = evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn);
    conn->output_cb = evbuffer_add_cb(bufferevent_get_output(bev), on_output, conn);
    CHECK(conn->input_cb != NULL && conn->output_cb != NULL);
    list_push_back(&set->conns, &conn->node);
    set->counters.accepted++;
    set->counters.connections++;
    /* Until the kick, before the next wait, evhttp may still drop it without the close callback. */
    bufferevent_incref(bev);
    want_kick(conn);
    return bev;
}

void guard_conn_tell(struct guard_conn *conn)
{
    char reply[HTTP_GUARD_REPLY_SIZE];
    int fd = bufferevent_getfd(conn->bev);
    size_t len = http_guard_reply_build(conn->error, clock_wall_us(), reply);
    ssize_t sent = send(fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    bool crowd = conn->refused && conn->set->refused_count > REFUSED_LINGER_MAX;
    if (sent != (ssize_t)len || shutdown(fd, SHUT_WR) < 0 || crowd) {
        evhttp_connection_free(conn->evcon);
        return;
    }
    conn->state = CONN_LINGER;
    conn->since_ms = clock_mono_ms();
}

/* Takes the place of the connection whose client has been waited for longest; false if there is
 * none. Those that are met and do not wait now come on the list again when they do. */
static bool make_room(struct http_guard_set *set)
{
    struct list_node *node;
    while ((node = list_pop_front(&set->waiting)) != NULL) {
        struct guard_conn *conn = LIST_ITEM(node, struct guard_conn, waiting);
        if (!waits(conn))
            continue;
        set->counters.made_room++;
        if (conn->state == CONN_OPEN && http_guard_phase(&conn->guard) != HTTP_GUARD_IDLE) {
            refuse_one(conn);
            guard_conn_fail(conn, ERR_OVERLOADED);
        } else {
            evhttp_connection_free(conn->evcon);
        }
        return true;
    }
    return false;
}

/* Whether there is a place for it: one who is not wanted takes nobody's. */
static void take_place(struct guard_conn *conn)
{
    struct http_guard_set *set = conn->set;
    if (!conn->proxy && !ask_owner(conn)) {
        refuse_one(conn);
    } else if (set->counters.connections - set->refused_count > set->options.connections_max &&
               !make_room(set)) {
        refuse_one(conn);
        set->counters.refused++;
        conn->error = ERR_OVERLOADED;
    }
}

static void adopt(struct guard_conn *conn)
{
    struct bufferevent *bev = conn->bev;
    void *evcon = NULL;
    bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
    if (evcon == NULL) { /* evhttp could not use it */
        free_conn(conn);
        bufferevent_decref(bev);
        return;
    }
    conn->evcon = evcon;
    CHECK(evhttp_connection_get_bufferevent(conn->evcon) == bev);
    evhttp_connection_set_closecb(conn->evcon, on_close, conn);
    CHECK(bufferevent_decref(bev) == 0);
    CHECK(map_put_u64(conn->set->by_evcon, (uintptr_t)conn->evcon, conn) == NULL);
    conn->peer.address = client_address_of_peer(bufferevent_getfd(bev));
    bool trusted = is_trusted(conn->set, &conn->peer.address);
    conn->peer.trusted = trusted && !conn->proxy;
    conn->state = conn->proxy ? CONN_PROXY : CONN_OPEN;
    if (conn->proxy && !trusted) {
        guard_conn_refuse_proxy(conn, "the peer is not in TRUSTED_PROXIES");
        return;
    }
    take_place(conn);
    if (conn->refused) {
        say_refused(conn, conn->error, NULL);
        guard_conn_tell(conn);
    } else {
        note_waiting(conn);
    }
}

bool guard_conn_ready_to_tell(const struct guard_conn *conn)
{
    return conn->state == CONN_FAILING && guard_conn_is_reading(conn) && input_length(conn) == 0;
}

static void on_kick(evutil_socket_t fd, short what, void *context)
{
    struct http_guard_set *set = context;
    struct list_node *node;
    (void)fd;
    (void)what;
    while ((node = list_pop_front(&set->todo)) != NULL) {
        struct guard_conn *conn = LIST_ITEM(node, struct guard_conn, todo);
        if (conn->state == CONN_NEW)
            adopt(conn);
        else if (conn->state == CONN_DROP)
            guard_conn_refuse_proxy(conn, "no PROXY header");
        else if (guard_conn_ready_to_tell(conn))
            guard_conn_tell(conn);
    }
}

/* ---- The set ---- */

static void fill_defaults(struct http_guard_options *options)
{
    CHECK(options->request_head_ms > 0 && options->request_body_ms > 0);
    CHECK(options->keep_alive_ms > 0 && options->connections_max > 0);
    if (options->write_stall_ms == 0)
        options->write_stall_ms = options->keep_alive_ms;
    if (options->linger_ms == 0)
        options->linger_ms = LINGER_MS_DEFAULT;
    if (options->tick_ms == 0) {
        uint64_t least = MIN(options->request_head_ms, options->request_body_ms);
        least = MIN(least, MIN(options->keep_alive_ms, options->linger_ms)) / 8;
        options->tick_ms = MAX(TICK_MS_MIN, MIN(least, TICK_MS_MAX));
    }
}

struct http_guard_set *http_guard_set_create(struct event_base *base,
                                             const struct http_guard_options *options)
{
    struct http_guard_set *set = mem_alloc(sizeof(*set));
    set->options = *options;
    fill_defaults(&set->options);
    list_init(&set->conns);
    list_init(&set->todo);
    list_init(&set->waiting);
    set->kick = event_new(base, -1, 0, on_kick, set);
    set->tick = event_new(base, -1, EV_PERSIST, guard_set_tick, set);
    CHECK(set->kick != NULL && set->tick != NULL);
    set->by_evcon = map_create_u64();
    set->last_number = options->first_number;
    set->ports[0] = (struct guard_port){set, false};
    set->ports[1] = (struct guard_port){set, true};
    struct timeval interval = {
        .tv_sec = (time_t)(set->options.tick_ms / 1000),
        .tv_usec = (suseconds_t)(set->options.tick_ms % 1000 * 1000),
    };
    CHECK(event_add(set->tick, &interval) == 0);
    return set;
}

void http_guard_set_destroy(struct http_guard_set **set)
{
    struct http_guard_set *gone = *set;
    if (gone == NULL)
        return;
    on_kick(-1, 0, gone); /* connections that evhttp freed before we knew them */
    CHECK(list_empty(&gone->conns));
    map_destroy(&gone->by_evcon);
    event_free(gone->kick);
    event_free(gone->tick);
    mem_free(gone);
    *set = NULL;
}

void http_guard_set_attach(struct http_guard_set *set, struct evhttp *http, bool proxy)
{
    evhttp_set_bevcb(http, on_accept, &set->ports[proxy ? 1 : 0]);
    evhttp_set_max_headers_size(http, HTTP_HEAD_BYTES_MAX);
    evhttp_set_max_body_size(http, BODY_BYTES_MAX);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                         EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
}

size_t http_guard_close_idle(struct http_guard_set *set)
{
    size_t closed = 0;
    LIST_FOREACH_SAFE (node, &set->conns) {
        struct guard_conn *conn = LIST_ITEM(node, struct guard_conn, node);
        if (!is_idle(conn))
            continue;
        evhttp_connection_free(conn->evcon);
        closed++;
    }
    return closed;
}

const struct http_guard_counters *http_guard_counters(const struct http_guard_set *set)
{
    return &set->counters;
}

const struct http_guard_peer *http_guard_peer(const struct http_guard_set *set,
                                              const struct evhttp_connection *evcon)
{
    const struct guard_conn *conn = map_find_u64(set->by_evcon, (uintptr_t)evcon);
    return conn != NULL ? &conn->peer : NULL;
}
