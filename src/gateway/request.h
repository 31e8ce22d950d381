/*
 * request.h: one HTTP request on its way through a worker, and the answers to it.
 *
 * A request lives until it is answered: request_reply_*() frees it. Work that blocks runs on a pool
 * by request_run(); between, the request belongs to the pool's thread. The client may go away
 * meanwhile; answering is right all the same.
 */
#ifndef BANTER_GATEWAY_REQUEST_H
#define BANTER_GATEWAY_REQUEST_H

#include "common/digest.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/pool.h"
#include "common/rate.h"
#include "common/store_users.h"
#include "common/strbuf.h"
#include "gateway/origin.h"
#include "gateway/services.h"

struct evhttp_request;
struct http_server;
struct request;

enum route_flags {
    ROUTE_AUTH = 1, /* Authorization: Bearer is required; the session is looked up first */
    ROUTE_BODY = 2, /* a JSON object is required */
    ROUTE_QUERY_TOKEN =
        4, /* the token may be a parameter, for EventSource, which sends no headers */
    ROUTE_MEMBER =
        8 | ROUTE_AUTH, /* the session's user is a member of the path's room: found with it */
};
/* Among the flags: requests are limited, all of them as RATE_REQUEST of their address, and those of
 * another class by that, too. */
#define ROUTE_RATE(rate_class) (((unsigned)(rate_class) + 1) << 8)

/*
 * What a path does. start, if set, does everything. Otherwise: prepare (on the loop: check what was
 * sent), query (on a database thread, after the session was found), finish (on the loop: answer).
 * Each may be NULL; prepare and query end the request with the error they return; the default
 * finish answers 200 with what is in out.
 */
struct route {
    const char *method;
    const char *path; /* {room_id} stands for a decimal number, {session_id} for hexadecimal */
    unsigned flags;   /* enum route_flags, and a ROUTE_RATE() */
    enum err (*prepare)(struct request *request);
    enum err (*query)(struct request *request, struct db *db);
    void (*finish)(struct request *request);
    void (*start)(struct request *request);
};

struct request {
    struct pool_job job;
    struct services *services;
    struct http_server *server;
    struct evhttp_request *ev;
    const struct route *route;
    uint64_t began_us;  /* monotonic */
    bool counted;       /* its answer is in the metrics */
    bool is_asset;      /* without a route: a file of the web client */
    bool from_balancer; /* a trusted one */
    void (*job_run)(struct request *request, struct db *db);
    void (*job_done)(struct request *request);

    /* Who asked, for the log */
    struct origin origin;
    char id[REQUEST_ID_SIZE]; /* X-Request-Id, of the answer too */
    const char *method;       /* static */
    char *path;               /* without the query, where tokens may be; NULL without ACCESS_LOG */

    /* What was asked */
    union { /* of the path */
        uint64_t room_id;
        uint64_t session_id; /* its SESSION_ID_BYTES as a number, the first one the highest */
    };
    const char *query; /* after the "?"; NULL for none; valid while the request lives */
    struct json_doc *body;
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    struct store_session session; /* of ROUTE_AUTH, from query on */
    bool is_get;                  /* GET or HEAD */
    bool is_head;                 /* answer without a body */

    /* What is answered */
    enum err err;
    const char *message; /* instead of the error's sentence; static */
    const char *field;   /* the member of the body that is wrong; static */
    struct strbuf out;   /* JSON */
    char *link;          /* a Link header; owned */
    const char *policy;  /* Content-Security-Policy of a page; NULL: it is none; static */
    uint64_t wait_ms;    /* before it is repeated; 0: the error's own */
    enum rate_class limited_by;
    bool is_limited; /* by that class */
    void *state;     /* the handler's own; freed with mem_free() */
};

/* Runs run on a thread of the pool, then done on the loop. A full queue is answered with 503, and
 * neither is called. */
void request_run(struct request *request, struct pool *pool,
                 void (*run)(struct request *request, struct db *db),
                 void (*done)(struct request *request));

/* Answers 503 since the pool's queue is full, and counts it. */
void request_refuse(struct request *request, const struct pool *pool);

/* Whether the route is limited, and by which class. */
static inline bool route_rate(const struct route *route, enum rate_class *kind_out)
{
    unsigned number = route->flags >> 8;

    *kind_out = (enum rate_class)(number - 1);
    return number > 0;
}
/* Takes a token; ERR_RATE_LIMITED without one, and its reply will say when to come again. On any
 * thread. */
enum err request_take(struct request *request, enum rate_class kind, uint64_t who);

/* Whether it may become a socket: ERR_RATE_LIMITED or ERR_OVERLOADED if not. */
enum err request_may_open(struct request *request);

/* 200 with what is in out. */
void request_reply(struct request *request);
/* 200 with {"success":true,"message":…,"data":<out, or null when it is empty>}. */
void request_reply_success(struct request *request, const char *message);
/* The error's status and the envelope with success false. */
void request_reply_error(struct request *request, enum err reason);
/* Any status and body; content_type is static. Used for assets. Extra headers were added before. */
void request_reply_bytes(struct request *request, int status, const char *content_type,
                         const void *data, size_t len);
void request_add_header(struct request *request, const char *name, const char *value);
/* A request header, or NULL; valid while the request lives. */
const char *request_header(const struct request *request, const char *name);
/* The token of "Authorization: Bearer …" (RFC 6750, 2.1; the scheme in any letter case); false if
 * there is no such header. Borrowed as above. */
bool request_bearer(const struct request *request, struct span *token_out);
/* Remembers which member is wrong; returns ERR_VALIDATION. */
enum err request_invalid(struct request *request, const char *field, const char *message);
/* limit and after of a list; ERR_VALIDATION when they do not fit. */
enum err request_page(struct request *request, uint64_t *limit, uint64_t *after);
/* For an answer that is not sent by request_reply_*(): counts it, and writes the log line. Once. */
void request_answered(struct request *request, int status, size_t body_bytes);
/* Frees it without an answer: its connection was taken over. */
void request_forget(struct request *request);

#endif
