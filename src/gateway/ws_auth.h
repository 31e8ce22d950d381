/*
 * ws_auth.h: how a WebSocket says whose it is: what its handshake or its first frame brings.
 *
 * Pure. Browsers let a page set no header of a handshake but Sec-WebSocket-Protocol, and addresses
 * are written into logs by whoever is on the way; docs/WEBSOCKET.md says what each way is for. What
 * is kept of a token or a ticket is its hash.
 */
#ifndef BANTER_GATEWAY_WS_AUTH_H
#define BANTER_GATEWAY_WS_AUTH_H

#include "common/base.h"
#include "common/digest.h"

enum ws_auth_kind {
    WS_AUTH_NONE, /* nothing was said */
    WS_AUTH_BAD,  /* what was said can be no token */
    WS_AUTH_TOKEN,
    WS_AUTH_TICKET,
};

struct ws_auth {
    enum ws_auth_kind kind;
    uint8_t hash[DIGEST_SHA256_SIZE]; /* of WS_AUTH_TOKEN and WS_AUTH_TICKET */
};

/* The text of a token or of a ticket; WS_AUTH_BAD if it does not look like one. */
struct ws_auth ws_auth_token(struct span text);
struct ws_auth ws_auth_ticket(struct span text);

/* The protocol's name (RFC 6455, 1.9), the one that is ever chosen; and what stands before a token
 * that is offered beside it as if it were a protocol, too. */
#define WS_PROTOCOL              "banter.v1"
#define WS_PROTOCOL_TOKEN_PREFIX "banter.token."

struct ws_protocols {
    bool ours; /* WS_PROTOCOL was offered: the 101 names it */
    struct ws_auth auth;
};

/* Reads Sec-WebSocket-Protocol; NULL if there is none. False if it is no list of tokens (RFC 6455,
 * 4.1, 10.), or has two of ours. */
bool ws_auth_read_protocols(const char *value, struct ws_protocols *out) ATTR_MUSTCHECK;

/* Reads {"type":"auth","token":"…"}. WS_AUTH_BAD for everything else. */
struct ws_auth ws_auth_read_frame(const uint8_t *data, size_t len);

#endif
