/*
 * ws_handshake.h: the opening handshake of RFC 6455, section 4.2, from the server's side.
 *
 * Pure: it sees header values and writes text. web_access.h looks at the Origin, ws_extensions.h at
 * extensions.
 */
#ifndef BANTER_GATEWAY_WS_HANDSHAKE_H
#define BANTER_GATEWAY_WS_HANDSHAKE_H

#include "common/base.h"
#include "common/errors.h"

/*
 * The request; a header that is absent is NULL. Of a header that came twice, pass the values joined
 * with ", " (RFC 9110, 5.3): a repeated key or version is then refused, as it must be.
 */
struct ws_handshake {
    const char *method;
    int http_major;
    int http_minor;
    const char *host;
    const char *upgrade;
    const char *connection;
    const char *key;     /* Sec-WebSocket-Key */
    const char *version; /* Sec-WebSocket-Version */
};

/* The text of Sec-WebSocket-Accept with its NUL: base64 of a SHA-1. */
#define WS_ACCEPT_SIZE 29
/* Room for every response that ws_handshake_response() writes. */
#define WS_HANDSHAKE_RESPONSE_MAX 488

/*
 * ERR_NONE when the connection may be upgraded; otherwise *reason (static) says what is wrong:
 * ERR_METHOD_NOT_ALLOWED  not a GET
 * ERR_UPGRADE_REQUIRED    no Upgrade to websocket was asked for, or by a version other than 13: the
 *                         426 must carry "Upgrade: websocket", "Connection: Upgrade" and
 *                         "Sec-WebSocket-Version: 13" (RFC 9110, 15.5.22; RFC 6455, 4.2.2)
 * ERR_BAD_REQUEST         anything else that 4.2.1 requires
 */
enum err ws_handshake_check(const struct ws_handshake *request, const char **reason) ATTR_MUSTCHECK;

/* Sec-WebSocket-Accept for a key that passed the check (4.2.2, step 5.4). */
void ws_handshake_accept(const char *key, char out[WS_ACCEPT_SIZE]);

/* What the 101 says. A header that is NULL is left out; a value has at most 120 bytes. */
struct ws_handshake_answer {
    const char *key;        /* the client's, checked */
    const char *extensions; /* Sec-WebSocket-Extensions */
    const char *protocol;   /* Sec-WebSocket-Protocol */
};

/* Writes the whole 101 response, NUL-terminated; returns its length. */
size_t ws_handshake_response(const struct ws_handshake_answer *answer,
                             char out[WS_HANDSHAKE_RESPONSE_MAX]);

#endif
