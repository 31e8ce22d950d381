/*
 * chat_limits.h: the rates of chat sockets: a frame beyond its user's rate is refused with an error
 * frame that says when to come again, and a socket that goes on all the same is not read for a
 * moment, so that what it costs is bounded by its rate, too.
 */
#ifndef BANTER_GATEWAY_CHAT_LIMITS_H
#define BANTER_GATEWAY_CHAT_LIMITS_H

#include "common/rate.h"
#include "gateway/chat_client.h"

struct chat_holds;

/* Of a worker: the sockets that are not read for a moment. */
struct chat_holds *chat_holds_create(struct loop *loop);
/* Lets go of all of them, which must be closed; sets *holds to NULL. */
void chat_holds_destroy(struct chat_holds **holds);

/* Takes a token of the client's user. If there is none: false, the client was told, with about
 * (room and client_id of the frame), and may be held from now on. */
bool chat_limits_take(struct chat_client *client, enum rate_class kind,
                      const struct error_frame *about) ATTR_MUSTCHECK;
/* The same for a frame that nobody has looked at yet: what is too much is not even read. */
bool chat_limits_take_frame(struct chat_client *client) ATTR_MUSTCHECK;

#endif
