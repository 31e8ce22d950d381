/*
 * admin_client.h: asks an admin listener (admin.h). Blocks.
 */
#ifndef BANTER_COMMON_ADMIN_CLIENT_H
#define BANTER_COMMON_ADMIN_CLIENT_H

#include "common/loop.h"
#include "common/strbuf.h"

/* GET path at host:port (+ port_offset). True and the body in *body_out (emptied first) for an
 * answer of 200 within the time. The loop turns meanwhile. */
bool admin_client_get(struct loop *loop, const char *address, uint16_t port_offset,
                      const char *path, unsigned timeout_ms,
                      struct strbuf *body_out) ATTR_MUSTCHECK;

#endif
