/*
 * http_guard.h: is what a client sends well-formed HTTP/1.1, byte by byte?
 *
 * evhttp accepts much that RFC 9112 says to refuse, and reads some of it differently from the
 * proxies in front of it: that is how requests are smuggled. This checker sees the raw bytes of a
 * connection before evhttp does and follows request after request (request line, fields, body). It
 * accepts only what every implementation reads in the same way, evhttp included; where the RFC
 * leaves a choice it refuses.
 *
 * Pure: no I/O, no allocation, no clock. It does not decode anything: targets, percent signs and
 * field values that do not bear on the framing are the router's.
 */
#ifndef BANTER_GATEWAY_HTTP_GUARD_H
#define BANTER_GATEWAY_HTTP_GUARD_H

#include "common/base.h"
#include "common/errors.h"
#include "gateway/http_target.h"

enum http_guard_event {
    HTTP_GUARD_MORE,         /* everything given was taken; nothing happened */
    HTTP_GUARD_HEAD_START,   /* the first byte of a request was taken */
    HTTP_GUARD_BODY_START,   /* the head is complete, and a body follows */
    HTTP_GUARD_REQUEST_DONE, /* a request is complete, its body too */
    HTTP_GUARD_UPGRADE,      /* so is one that asks for a WebSocket: see http_guard_resume() */
    HTTP_GUARD_VIOLATION,    /* the connection must go: see http_guard_error() */
};

/* Where a connection is: between requests, within a head, within a body, ... */
enum http_guard_phase {
    HTTP_GUARD_IDLE,
    HTTP_GUARD_IN_HEAD,
    HTTP_GUARD_IN_BODY,
    HTTP_GUARD_HELD,   /* after an upgrade request: what follows may not be HTTP */
    HTTP_GUARD_BROKEN, /* after a violation */
};

/* Longest method, field name and list member that must be recognised; longer ones are no match. */
#define HTTP_GUARD_WORD_MAX 24

/* Embedded in its owner; the fields are private. */
struct http_guard {
    struct http_target target;
    uint64_t length;      /* Content-Length */
    uint32_t body_bytes;  /* of a chunked body so far, including the present chunk */
    uint32_t remaining;   /* of the body or of the chunk */
    uint32_t head_bytes;  /* of this head so far */
    uint32_t value_bytes; /* of this field's value, without the spaces around it */
    uint16_t fields;      /* header fields so far */
    uint8_t state;
    uint8_t field; /* which field this is, if it matters */
    uint8_t method;
    uint8_t minor; /* HTTP/1.x */
    uint8_t hosts; /* Host fields */
    uint8_t word_len;
    bool word_long : 1; /* the word did not fit */
    bool gap : 1;       /* the value had a space that may turn out to be at its end */
    bool have_length : 1;
    bool chunked : 1;
    bool connection_upgrade : 1;
    bool upgrade_websocket : 1;
    bool expectation : 1; /* an Expect that we do not know */
    char word[HTTP_GUARD_WORD_MAX];
    enum err error;
};

void http_guard_init(struct http_guard *guard);

/*
 * Takes bytes until something happens or there are no more, and returns how many it took; what
 * happened is in *event_out (HTTP_GUARD_MORE: all are taken). The events and their places do not
 * depend on how the bytes are split. While the phase is HELD or BROKEN it takes nothing.
 */
size_t http_guard_feed(struct http_guard *guard, const uint8_t *data, size_t len,
                       enum http_guard_event *event_out) ATTR_MUSTCHECK;

/* After HTTP_GUARD_UPGRADE: the upgrade did not happen, so what follows is HTTP again. */
void http_guard_resume(struct http_guard *guard);

enum http_guard_phase http_guard_phase(const struct http_guard *guard);

/*
 * After a violation, what to tell the client: ERR_BAD_REQUEST, ERR_URI_TOO_LONG,
 * ERR_HEADERS_TOO_LARGE, ERR_PAYLOAD_TOO_LARGE, ERR_NOT_IMPLEMENTED (a method or transfer coding
 * that we do not know), ERR_EXPECTATION_FAILED or ERR_VERSION_NOT_SUPPORTED; else ERR_NONE.
 */
enum err http_guard_error(const struct http_guard *guard);

#endif
