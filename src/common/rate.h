/*
 * rate.h: how often something may be done, as the settings say it: "600/60s". Pure.
 *
 * A token bucket that holds count tokens and gets as many in each period: so many at once, and in
 * the long run so many a period.
 */
#ifndef BANTER_COMMON_RATE_H
#define BANTER_COMMON_RATE_H

#include "common/base.h"

#define RATE_COUNT_MAX    100000u
#define RATE_PERIOD_S_MAX 86400u

struct rate {
    uint32_t count; /* 0: without a limit */
    uint32_t period_s;
};

/* What is limited, each by a setting of its own: BANTER_RATE_SEND. */
enum rate_class {
    RATE_REQUEST, /* of an address: every call of the API, and every handshake */
    RATE_REGISTER,
    RATE_LOGIN,
    RATE_SEND, /* of a user, as those below */
    RATE_JOIN,
    RATE_HISTORY,
    RATE_TYPING,
    RATE_FRAME, /* of a user: whatever comes through a socket, before it is looked at */
    RATE_CLASSES
};

static inline bool rate_is_of_address(enum rate_class kind)
{
    return kind < RATE_SEND;
}

/* "send", as in metrics and in header fields; static. */
const char *rate_class_name(enum rate_class kind);

/* "0", or a count, "/", a number and its unit: s, m or h. On failure *out is without a limit. */
bool rate_parse(const char *text, struct rate *out) ATTR_MUSTCHECK;

#endif
