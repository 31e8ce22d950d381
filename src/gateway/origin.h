/*
 * origin.h: what log lines say of where a request or a socket came from, so that one complaint can
 * be followed: conn= and client=.
 *
 * Pure, small, and passed by value. A WebSocket keeps the origin of its handshake.
 */
#ifndef BANTER_GATEWAY_ORIGIN_H
#define BANTER_GATEWAY_ORIGIN_H

#include "gateway/client_address.h"

struct origin {
    /* The connection: the worker's index in the upper 16 bits, below them a number that the worker
     * counts from a random one, so that a worker and its successor do not use the same. */
    uint64_t conn;
    struct client_address client;
};

/* The number that the worker's connections are counted from. */
uint64_t origin_first_conn(unsigned worker, uint32_t random);

#define ORIGIN_TEXT_SIZE 96
/* "conn=w0-1a2b client=192.0.2.1:4711"; returns out. */
char *origin_format(const struct origin *origin, char out[ORIGIN_TEXT_SIZE]);

/* A request's id: from a trusted balancer's X-Request-Id, or made here. */
#define REQUEST_ID_CHARS_MAX 64
#define REQUEST_ID_SIZE      (REQUEST_ID_CHARS_MAX + 1)
/* 1 to 64 of A-Z a-z 0-9 . _ -, which need no quoting anywhere. */
bool request_id_valid(const char *text);

#endif
