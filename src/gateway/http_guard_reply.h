/*
 * http_guard_reply.h: the whole reply, head and envelope, to a request that never reached evhttp.
 *
 * Pure but for the date, which the caller gives.
 */
#ifndef BANTER_GATEWAY_HTTP_GUARD_REPLY_H
#define BANTER_GATEWAY_HTTP_GUARD_REPLY_H

#include "common/base.h"
#include "common/errors.h"

#define HTTP_GUARD_REPLY_SIZE 1024

/* Writes the reply to out and returns its length; wall_us is the time for the Date field. */
size_t http_guard_reply_build(enum err error, uint64_t wall_us, char out[HTTP_GUARD_REPLY_SIZE]);

#endif
