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

/* The client has waited in vain and was taken out: for wait_ms if it is late, else so long that it
 * has to make room for others. Must not add one. */
typedef void auth_wait_over_fn(struct chat_client *client, bool late);

struct auth_waits *auth_waits_create(struct loop *loop, uint64_t wait_ms, auth_wait_over_fn *over);
/* None may be left. */
void auth_waits_destroy(struct auth_waits **waits);

/* The client waits from now on; request is copied. False if as many of its address or site
 * (shares.h) wait as may. When as many wait as may at all, the first one is over. */
bool auth_waits_add(struct auth_waits *waits, struct chat_client *client, uint64_t address,
                    const struct chat_request *request) ATTR_MUSTCHECK;
/* It waits no more; false if it did not (any more). request_out may be NULL. */
bool auth_waits_take(struct auth_waits *waits, struct chat_client *client,
                     struct chat_request *request_out);

#endif
