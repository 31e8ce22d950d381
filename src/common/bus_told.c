#include "common/bus_told.h"

#include "common/clock.h"

#include <stdio.h>
#include <string.h>

static size_t find(const struct bus_told *told, const char *name)
{
    size_t at = 0;

    while (at < told->count && strncmp(told->peers[at].name, name, BUS_TOLD_NAME_SIZE - 1) != 0)
        at++;
    return at;
}

/* A place for a new name: a free one, or that of the peer that was told longest ago, if that is
 * over. */
static size_t make_room(struct bus_told *told)
{
    size_t oldest = 0;

    if (told->count < BUS_TOLD_PEERS)
        return told->count++;
    for (size_t i = 1; i < told->count; i++)
        if (told->peers[i].limit.last_ms < told->peers[oldest].limit.last_ms)
            oldest = i;
    if (clock_mono_ms() - told->peers[oldest].limit.last_ms < BUS_TOLD_EVERY_MS)
        return BUS_TOLD_PEERS;
    return oldest;
}

bool bus_told_allows(struct bus_told *told, const char *name, uint64_t *suppressed_out)
{
    size_t at = find(told, name);

    if (at == told->count) {
        at = make_room(told);
        if (at == BUS_TOLD_PEERS)
            return log_allowed(&told->crowd, BUS_TOLD_CROWD_MS, suppressed_out);
        snprintf(told->peers[at].name, sizeof(told->peers[at].name), "%s", name);
        told->peers[at].limit = (struct log_limit){0, 0};
    }
    return log_allowed(&told->peers[at].limit, BUS_TOLD_EVERY_MS, suppressed_out);
}

bool bus_told_forget(struct bus_told *told, const char *name)
{
    size_t at = find(told, name);

    if (at == told->count)
        return false;
    told->peers[at] = told->peers[--told->count];
    return true;
}
