/*
 * event_check.h: whether what another process hands over for clients is what clients can read.
 *
 * Pure. A worker passes the texts of a broker's events and notes on as they came, so it looks at
 * each of them once, before anybody has it; room_log.h heals what is missing then.
 */
#ifndef BANTER_COMMON_EVENT_CHECK_H
#define BANTER_COMMON_EVENT_CHECK_H

#include "common/base.h"

/* Whether the bytes are one JSON object (RFC 8259) in UTF-8, as event_json.h and publisher.c write
 * it: no white space between, nothing nested, strings, booleans, nulls, and whole numbers below
 * 10^16. Of escapes \u only those of one byte. Names may repeat. */
bool event_check(struct span json) ATTR_MUSTCHECK;

#endif
