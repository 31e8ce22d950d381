/*
 * bus_link.h: a worker's end of the bus: commands up, events down.
 *
 * A command is kept until it is answered and published again after a while: PUB/SUB may drop it, a
 * broker may die with it, and its dedupe key makes a repeat harmless. Which shards have an owner is
 * known from the brokers' subscriptions; a command whose shard has none waits for one. Callbacks
 * run on the loop, never inside a call to this module.
 */
#ifndef BANTER_GATEWAY_BUS_LINK_H
#define BANTER_GATEWAY_BUS_LINK_H

#include "common/bus_proto.h"
#include "common/loop.h"

struct bus_link;

struct bus_link_options {
    const char *brokers; /* comma-separated base addresses, checked by the settings */
    uint64_t timeout_ms;
    uint64_t retry_ms;
    uint64_t heartbeat_ms;
    size_t commands_max;
    const struct bus_security *security; /* copied; NULL: a plain bus */
};

struct bus_link_handlers {
    void (*on_event)(void *context, const struct bus_event *event);
    void (*on_head)(void *context, const struct bus_head *head);
    void (*on_ephemeral)(void *context, const struct bus_ephemeral *ephemeral);
    void (*on_revoke)(void *context, const struct bus_revoke *revoke);
    /* A shard has an owner (again): what this worker should tell it anew, it tells now. */
    void (*on_shard)(void *context, uint32_t shard);
    /* The broker's picture of this worker's presence in a shard is not ours. */
    void (*on_presence_resync)(void *context, uint32_t shard);
    /* The room's events reach this worker. */
    bool (*hears_room)(void *context, uint64_t room_id);
    /* The digests for a heartbeat. */
    void (*fill_digests)(void *context, uint64_t digest[SHARD_COUNT]);
    /* There is room for commands again after bus_link_full(). */
    void (*on_room)(void *context);
};

struct bus_link *bus_link_create(struct loop *loop, const struct bus_link_options *options,
                                 const struct bus_link_handlers *handlers, void *context);
/* Says goodbye to the brokers. Commands in flight are answered ERR_DRAINING if they were never
 * published, else ERR_OUTCOME_UNKNOWN. Sets *link to NULL. */
void bus_link_destroy(struct bus_link **link);

/*
 * done is called once: with the broker's answer, or with ERR_BROKER_UNAVAILABLE (never published:
 * it surely did not happen) or ERR_OUTCOME_UNKNOWN at the time-out. The spans in *answer are valid
 * during the call.
 */
typedef void bus_answer_fn(void *context, const struct bus_answer *answer);
/* Publishes a command; worker_id, command_id and times are filled in here. Everything is copied.
 * The bound is kept by who calls: see bus_link_full(). */
void bus_link_command(struct bus_link *link, const struct bus_command *command, bus_answer_fn *done,
                      void *context);
/* At the bound: refuse requests, and read no more from sockets that send (each may have passed it
 * by the one command that it was reading). on_room follows. Who refuses counts it (METRIC_SHED); a
 * socket that waits has lost nothing. */
bool bus_link_full(struct bus_link *link);
/* A dedupe key that no other command has: for what has no client_id. */
void bus_link_unique_key(struct bus_link *link, uint8_t key[DEDUPE_KEY_BYTES]);

/* list is NULL unless err is ERR_NONE. */
typedef void bus_presence_fn(void *context, enum err err, const struct bus_presence_list *list);
/* Who of these users (as bus_presence_add_user() writes them, BUS_PRESENCE_USERS_MAX at most) is
 * online in a room, from its broker; ERR_BROKER_UNAVAILABLE after a second. */
void bus_link_query_presence(struct bus_link *link, uint64_t room_id, const struct strbuf *users,
                             bus_presence_fn *done, void *context);

/* Hear a room, or no more; in pairs. The room's head follows. */
void bus_link_subscribe(struct bus_link *link, uint64_t room_id);
void bus_link_unsubscribe(struct bus_link *link, uint64_t room_id);
/* Asks for the head of a room that is subscribed to: the subscription or the head may have been
 * lost. */
void bus_link_ask_head(struct bus_link *link, uint64_t room_id);
/* Reports what changed in one shard: entries as bus_presence_add() writes them. */
void bus_link_report_presence(struct bus_link *link, uint32_t shard, const struct strbuf *entries);
/* Reports all of a shard, piece by piece: piece counts from 0. */
void bus_link_report_snapshot(struct bus_link *link, uint32_t shard, uint32_t piece, bool last,
                              const struct strbuf *entries);

/* Tells the room that a user is writing; may be lost. */
void bus_link_typing(struct bus_link *link, uint64_t room_id, uint64_t user_id,
                     const char *username);

/* Every shard has an owner. */
bool bus_link_ready(const struct bus_link *link);
size_t bus_link_in_flight(const struct bus_link *link);

#endif
