/*
 * top_rooms.h: which rooms got most events between two looks at the log.
 */
#ifndef BANTER_CTL_TOP_ROOMS_H
#define BANTER_CTL_TOP_ROOMS_H

#include "common/db.h"
#include "common/strbuf.h"

struct top_rooms;

/* db is borrowed. */
struct top_rooms *top_rooms_create(struct db *db);
void top_rooms_destroy(struct top_rooms **rooms);
/* Reads the heads of all rooms, unless the last time took so long that it would be a load: it takes
 * a tenth of the time at most. What fails is tried again at the next call. */
void top_rooms_refresh(struct top_rooms *rooms);
/* The busiest of the last interval, at most limit; nothing when none had an event. */
void top_rooms_write(const struct top_rooms *rooms, size_t limit, bool json, struct strbuf *out);

#endif
