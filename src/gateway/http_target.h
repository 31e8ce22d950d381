/*
 * http_target.h: the forms of a request target (RFC 9112, 3.2), byte by byte.
 *
 * Pure; part of http_guard.c. What passes, evhttp can parse too: when it cannot, it answers by
 * itself and then reads the rest of the head as another request.
 */
#ifndef BANTER_GATEWAY_HTTP_TARGET_H
#define BANTER_GATEWAY_HTTP_TARGET_H

#include "common/base.h"

/* Starts zeroed; the fields are private. */
struct http_target {
    uint32_t port;
    uint8_t form;
    uint8_t scheme_len;
    char scheme[7]; /* "https:" */
};

/* Takes one byte; false if no target goes on so. options: the method is OPTIONS, which has "*". */
bool http_target_take(struct http_target *target, uint8_t byte, bool options) ATTR_MUSTCHECK;
/* May the target end here? */
bool http_target_complete(const struct http_target *target);

/* The path and query of a target that the guard let pass: what follows the authority if there is
 * one ("/" if nothing does), else all of it. Points into text, or at a constant. */
const char *http_target_origin(const char *text);

#endif
