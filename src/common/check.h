/*
 * check.h: what to do when something is wrong, by whose fault it is.
 *
 *   CHECK(condition)   our own bug: abort with a core, in release builds too
 *   UNREACHABLE()      a path that our own logic rules out: the same
 *   fatal(...)         the environment at start-up (a port in use, no memory): one line, exit 1
 *
 * What a peer, the network or the database does wrong is neither: it is an enum err (errors.h).
 */
#ifndef BANTER_COMMON_CHECK_H
#define BANTER_COMMON_CHECK_H

#include "common/base.h"

#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, __func__))
#define UNREACHABLE() check_failed("unreachable", __FILE__, __LINE__, __func__)

/* Writes one line to stderr and aborts. Async-signal-unsafe; never returns. */
ATTR_NORETURN void check_failed(const char *condition, const char *file, int line,
                                const char *function);

/* Writes "fatal: <message>" to stderr and exits with status 1. */
ATTR_NORETURN void fatal(const char *format, ...) ATTR_PRINTF(1, 2);

#endif
