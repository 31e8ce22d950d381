/*
 * chat_client.h: a user's WebSocket on one room: /ws/chat/{room_id}.
 *
 * The handshake has succeeded already. The token and the membership are checked first (on the
 * pool), and a check that fails closes the socket with 1008 and the reason; until it passes,
 * nothing is read. Then the client is subscribed, and its frames are handled:
 *
 *   in   {"text": T, "client_id"?: C}
 *   out  the room's events; ack and error frames; with since: subscribed, caught_up
 *        (docs/WEBSOCKET.md has them all)
 */
#ifndef BANTER_GATEWAY_CHAT_CLIENT_H
#define BANTER_GATEWAY_CHAT_CLIENT_H

#include "common/base.h"
#include "gateway/services.h"
#include "gateway/ws_conn.h"

/* What the handshake asked for. */
struct chat_request {
    struct span token;
    uint64_t room_id;
    uint64_t since;
    uint64_t epoch; /* 0: not given */
    bool has_since;
};

/* For the ws_set of a worker. */
extern const struct ws_handlers chat_client_handlers;

/* Takes over the socket, on which the 101 was sent. Nothing in request is kept. */
void chat_client_open(struct services *services, int fd, const void *early, size_t early_len,
                      const struct chat_request *request);
/* The worker is stopping: 1012 to this one. */
void chat_client_drain(struct ws_conn *conn);
/* The link has room for commands again: everyone who was held back goes on. */
void chat_client_resume_all(struct services *services);

#endif
