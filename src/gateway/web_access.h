/*
 * web_access.h: what browsers are told that web pages may do with this server.
 *
 * A WebSocket handshake names the page's origin, and browsers ask nobody before they send it: so a
 * handshake of a page that is neither ours nor on the list (ORIGINS) is refused. Calls of pages on
 * the list are allowed by CORS (the Fetch standard, 3.2), never with cookies or the like
 * ("credentials"): who asks is said by a token that no browser adds by itself. Programs that are no
 * browsers send no Origin and are not asked for one.
 */
#ifndef BANTER_GATEWAY_WEB_ACCESS_H
#define BANTER_GATEWAY_WEB_ACCESS_H

#include "gateway/request.h"

struct web_access;

/* The text of ORIGINS, which was checked when the settings were loaded. */
struct web_access *web_access_create(const char *origins);
void web_access_destroy(struct web_access **web);

/* ERR_ORIGIN_NOT_ALLOWED for the handshake of a page that may not open one; counted and logged. */
enum err web_access_check_socket(struct request *request) ATTR_MUSTCHECK;
/* Answers an OPTIONS that asks before a call (the Fetch standard, 3.2.2, CORS-preflight request),
 * when its page may call: allow has the path's methods. False: nothing was done. */
bool web_access_preflight(struct request *request, const char *allow);

/* Static text, or valid while the request lives. */
struct web_header {
    const char *name;
    const char *value;
};

#define WEB_HEADERS_MAX 8
/* What each answer to a request has: what is in WEB_SAFETY_HEADERS, the policy of a page
 * (request->policy) or that of what is none, and what CORS wants. Returns how many they are. */
size_t web_access_headers(const struct request *request, struct web_header out[WEB_HEADERS_MAX]);

/* Of every answer. Its type is what we say, no other site learns an address from a link, and none
 * may embed it (the Fetch standard, 3.6 and 3.7; CORS is not concerned). */
#define WEB_SAFETY_HEADERS(HEADER)                                                                 \
    HEADER("X-Content-Type-Options", "nosniff")                                                    \
    HEADER("Referrer-Policy", "no-referrer")                                                       \
    HEADER("Cross-Origin-Resource-Policy", "same-origin")
/* Of what is no page: were it shown as one, nothing in it would run or load. */
#define WEB_DATA_POLICY "default-src 'none'; frame-ancestors 'none'"

/* The same as lines, for heads that are written whole and answer no request. */
#define WEB_HEADER_LINE(name, value) name ": " value "\r\n"
#define WEB_DATA_HEADER_LINES                                                                      \
    WEB_SAFETY_HEADERS(WEB_HEADER_LINE)                                                            \
    WEB_HEADER_LINE("Content-Security-Policy", WEB_DATA_POLICY)

#endif
