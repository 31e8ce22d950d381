/*
 * publisher.h: everything that a broker says: events, heads, answers, presence. Owns the XPUB.
 *
 * The XPUB hears every subscription to a room, repeated ones too, and answers each with the room's
 * head on that topic: the barrier. Heads and events leave from this thread in the order in which
 * they were committed, so whatever comes after a head is live and whatever lies before it is in the
 * log. Only rooms that somebody subscribes to are kept here; a head that is not known is asked of
 * the room's writer, whose answer is in line with its events. A room that went quiet gets its head
 * once more, so that a dropped last event is noticed too.
 *
 * A broker gives no heads for shards that it does not own: it does not know them.
 */
#ifndef BANTER_BROKER_PUBLISHER_H
#define BANTER_BROKER_PUBLISHER_H

#include "broker/dedupe.h"
#include "common/bus_sock.h"
#include "common/event_json.h"

struct publisher;

struct publisher_options {
    uint64_t epoch; /* of the log */
    uint64_t head_repeat_ms;
    /* Ask for a room's head; publisher_head() brings it later. */
    void (*ask_head)(void *context, uint64_t room_id);
    void *context;
};

struct publisher *publisher_create(struct bus_context *context, struct loop *loop,
                                   const struct publisher_options *options);
void publisher_destroy(struct publisher **publisher);
/* As bus_sock_attach(). */
bool publisher_bind(struct publisher *publisher, const char *address,
                    const char **error_out) ATTR_MUSTCHECK;

/* Ends every connection; workers that may come back do, and subscribe anew. */
void publisher_reopen(struct publisher *publisher);

/* The shards (bit s) that this broker owns now. Heads of those that are new are asked for. */
void publisher_set_owned(struct publisher *publisher, uint64_t owned);
/* A committed event, in the order of the room's numbers; it answers the waiter's command, too, if
 * answered is not NULL. False if nobody listens to the room: then nothing was said. */
bool publisher_event(struct publisher *publisher, const struct log_event *event,
                     const struct waiter *answered);
/* The answer to ask_head. */
void publisher_head(struct publisher *publisher, uint64_t room_id, uint64_t head);
/* The log may have events of the room that were never published. */
void publisher_refresh(struct publisher *publisher, uint64_t room_id);

void publisher_answer(struct publisher *publisher, uint64_t worker_id,
                      const struct bus_answer *answer);
void publisher_revoke(struct publisher *publisher, const struct bus_revoke *revoke);
/* user_activity: the user's first socket in the room, anywhere, or the end of the last one. */
void publisher_activity(struct publisher *publisher, uint64_t room_id, uint64_t user_id,
                        bool joined);
/* typing: the user is writing in the room. The name is valid UTF-8. */
void publisher_typing(struct publisher *publisher, const struct bus_typing *typing);
void publisher_presence_list(struct publisher *publisher, uint64_t worker_id,
                             const struct bus_presence_list *list);
void publisher_resync(struct publisher *publisher, uint64_t worker_id, uint32_t shard);

#endif
