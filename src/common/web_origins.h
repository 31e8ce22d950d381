/*
 * web_origins.h: origins of web pages (RFC 6454), and lists of those that may use this server.
 *
 * Pure. A browser names the page's origin with each WebSocket handshake and each call to another
 * server; no page can change what it says. (gateway/origin.h is another thing: who asked, by
 * address.)
 */
#ifndef BANTER_COMMON_WEB_ORIGINS_H
#define BANTER_COMMON_WEB_ORIGINS_H

#include "common/base.h"

/* A longer one is none: scheme, "://", a name of 253 characters (RFC 1035, 2.3.4), a port. */
#define WEB_ORIGIN_BYTES_MAX 320

/* "scheme://host" or "scheme://host:port"; the spans point into the text that was parsed. */
struct web_origin {
    struct span scheme;
    struct span host;
    uint16_t port; /* the scheme's own where none is said; 0 where it has none */
};

/* The value of an Origin header. False for what is no single origin, as "null". */
bool web_origin_parse(struct span text, struct web_origin *out) ATTR_MUSTCHECK;
/* The same scheme, host (in any letter case) and port. */
bool web_origin_equal(const struct web_origin *a, const struct web_origin *b);
/* Whether a page with this origin came from the server that was asked by this Host header. Schemes
 * are not compared: where a balancer ends TLS, nobody here knows it. host may be NULL. */
bool web_origin_is_host(struct span origin, const char *host);

struct web_origin_rule {
    char *text; /* what the origin's spans point into */
    struct web_origin origin;
    bool subdomains; /* "*." stood before the host: names below it, not itself */
};

struct web_origins {
    struct web_origin_rule *items;
    size_t count;
    bool all; /* "*": every origin, and what is none */
};

/* Reads origins with commas between, and blanks beside them: "https://chat.example.org,
 * http://localhost:3000". "*." before a host stands for all names below it, "*" alone for every
 * origin. An empty text is an empty list. If it is none, a sentence without its end is in error,
 * and *out is empty. web_origins_fini() frees what is in *out. */
bool web_origins_parse(const char *text, struct web_origins *out, char *error,
                       size_t error_size) ATTR_MUSTCHECK;
void web_origins_fini(struct web_origins *origins);
/* Whether the list names the origin that an Origin header has. */
bool web_origins_allow(const struct web_origins *origins, struct span origin);

#endif
