/*
 * listen.h: listening TCP sockets.
 */
#ifndef BANTER_GATEWAY_LISTEN_H
#define BANTER_GATEWAY_LISTEN_H

#include "common/base.h"

/*
 * A bound, listening, non-blocking socket for "host:port"; reuse_port lets several share the
 * address (SO_REUSEPORT: the kernel spreads connections over them). -1 and a sentence in error if
 * it cannot be had.
 */
int listen_open(const char *address, bool reuse_port, char *error, size_t error_size);
/* Whether nobody listens at the address yet: SO_REUSEPORT would let two programs share it
 * unnoticed. */
bool listen_is_free(const char *address, char *error, size_t error_size);

#endif
