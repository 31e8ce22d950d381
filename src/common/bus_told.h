/*
 * bus_told.h: who has been named in the log lately, so that a peer that is refused twenty times a
 * second is one line. Remembers a bounded number of peers; when so many are new that one would have
 * to be forgotten within the hour, all others share one line a minute.
 */
#ifndef BANTER_COMMON_BUS_TOLD_H
#define BANTER_COMMON_BUS_TOLD_H

#include "common/base.h"
#include "common/log.h"

#define BUS_TOLD_PEERS     256
#define BUS_TOLD_EVERY_MS  3600000
#define BUS_TOLD_CROWD_MS  60000
#define BUS_TOLD_NAME_SIZE 96

struct bus_told {
    struct {
        char name[BUS_TOLD_NAME_SIZE];
        struct log_limit limit;
    } peers[BUS_TOLD_PEERS]; /* zeroed at first */
    size_t count;
    struct log_limit crowd;
};

/* Whether to log now; *suppressed_out: how often not since the last time. */
bool bus_told_allows(struct bus_told *told, const char *name, uint64_t *suppressed_out);
/* It was let in: a later refusal is news. True if it had been refused before. */
bool bus_told_forget(struct bus_told *told, const char *name);

#endif
