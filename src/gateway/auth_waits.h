/*
 * auth_waits.h: WebSockets that were opened without a token, and have a while to say one.
 *
 * What their handshakes asked for is kept here and not in the connections, which are many and have
 * their tokens as a rule.
 */
#ifndef BANTER_GATEWAY_AUTH_WAITS_H
#define BANTER_GATEWAY_AUTH_WAITS_H

#include "common/loop.h"
#include "gateway/chat_client.h"

struct auth_waits;

/* on_late is called, at the end of wait_ms, for a client that is still waiting; it has been taken
 * out by then. */
struct auth_waits *auth_waits_create(struct loop *loop, uint64_t wait_ms,
                                     void (*on_late)(struct chat_client *client));
/* None may be left. */
void auth_waits_destroy(struct auth_waits **waits);

/* The client waits from now on; request is copied. False if as many wait as may. */
bool auth_waits_add(struct auth_waits *waits, struct chat_client *client,
                    const struct chat_request *request) ATTR_MUSTCHECK;
/* It waits no more; false if it did not (any more). request_out may be NULL. */
bool auth_waits_take(struct auth_waits *waits, struct chat_client *client,
                     struct chat_request *request_out);

#endif
