/*
 * notes.h: what a room's members are told and nobody keeps (who came, who left, who is writing), on
 * its way to them, and how often that is.
 *
 * A note is worth one system call for each member. When thousands come back at once, a room of a
 * hundred would have ten thousand of them; so a room's first note leaves at once, and those that
 * come within NOTES_PERIOD_MS after it leave together. At most NOTES_MAX wait: what is more is
 * lost, which is harmless.
 */
#ifndef BANTER_GATEWAY_NOTES_H
#define BANTER_GATEWAY_NOTES_H

#include "common/bus_proto.h"
#include "common/list.h"
#include "common/loop.h"
#include "gateway/frame.h"

#define NOTES_PERIOD_MS 200
#define NOTES_MAX       1024

/* Embedded in a room; zeroed is initialised. */
struct notes {
    struct frame **frames;
    uint32_t count;
    uint32_t period;            /* of the pace, when the last ones left */
    struct list_node held_node; /* on the pace's list */
};

/* One for a worker. */
struct notes_pace;

/* due is called on the loop for notes that waited and may leave now. */
struct notes_pace *notes_pace_create(struct loop *loop,
                                     void (*due)(void *context, struct notes *notes),
                                     void *context);
void notes_pace_destroy(struct notes_pace **pace);

/* Keeps a note; false if there are too many already. */
bool notes_add(struct notes *notes, const struct bus_ephemeral *note) ATTR_MUSTCHECK;
/* Whether there are notes and they may leave now: then they must, and notes_clear() is next. If
 * there are and they may not, due follows. */
bool notes_may_leave(struct notes_pace *pace, struct notes *notes) ATTR_MUSTCHECK;
void notes_clear(struct notes *notes);

#endif
