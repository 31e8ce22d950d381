#include "gateway/bus_link.h"

#include "common/bus_sock.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/event_check.h"
#include "common/list.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <string.h>

#define TICK_MS          50
#define QUERY_TIMEOUT_MS 1000
#define RETRY_MAX_MS     4000

#define BAD_MESSAGE_LOG_MS 10000

/* A command in flight. Its spans point into text, which lies behind it in the same memory. */
struct pending {
    struct list_node node; /* in the order of sending */
    struct bus_command command;
    uint32_t shard;
    uint32_t times; /* published */
    uint64_t began_us;
    uint64_t deadline_ms;
    uint64_t repeat_at_ms;
    uint64_t repeat_after_ms; /* doubles with each repeat */
    bus_answer_fn *done;
    void *context;
    uint8_t text[];
};

struct query {
    struct list_node node;
    uint64_t query_id;
    uint64_t deadline_ms;
    bus_presence_fn *done;
    void *context;
};

struct bus_link {
    struct loop *loop;
    struct bus_link_options options;
    struct bus_link_handlers handlers;
    void *context;
    struct bus_context *zmq;
    struct bus_sock *commands;
    struct bus_sock *events;
    struct loop_timer *tick;
    struct loop_timer *heartbeat;
    uint64_t worker_id; /* random: a restarted worker is another one */
    uint64_t last_id;   /* of commands and queries */
    struct map *pending_by_id;
    struct list pending;
    struct list queries;
    bool owned[SHARD_COUNT];
    bool was_full;
    struct log_limit bad_message;
    struct strbuf buffer; /* the message that is being encoded */
};

static void send_message(struct bus_link *link, const struct bus_message *message)
{
    strbuf_reset(&link->buffer);
    bus_encode(message, &link->buffer);
    bus_sock_send(link->commands, link->buffer.data, link->buffer.len);
}

/* Publishes a command if its shard has an owner, and says when to do so again. */
static void publish(struct bus_link *link, struct pending *pending, uint64_t now)
{
    struct bus_message message = {.topic = BUS_TOPIC_SHARD,
                                  .topic_id = pending->shard,
                                  .type = BUS_COMMAND,
                                  .command = pending->command};

    pending->repeat_at_ms = now + pending->repeat_after_ms;
    if (!link->owned[pending->shard])
        return;
    message.command.ttl_ms =
        (uint32_t)(pending->deadline_ms > now ? pending->deadline_ms - now : 0);
    message.command.expires_at_us = clock_wall_us() + message.command.ttl_ms * UINT64_C(1000);
    /* The event will be the answer; but not to a repeat, since it may be the event that was lost.
     */
    message.command.hears_room = message.command.kind == COMMAND_MESSAGE && pending->times == 0 &&
                                 link->handlers.hears_room(link->context, message.command.room_id);
    if (pending->times++ > 0)
        metrics_add(METRIC_COMMAND_REPEATS, 1);
    send_message(link, &message);
}

/* The only way in which a command ends. */
static void finish(struct bus_link *link, struct pending *pending, const struct bus_answer *answer)
{
    list_remove(&pending->node);
    map_remove_u64(link->pending_by_id, pending->command.command_id);
    metrics_set(METRIC_COMMANDS_IN_FLIGHT, map_count(link->pending_by_id));
    metrics_add_by2(METRIC_COMMAND_RESULTS, pending->command.kind, answer->err, 1);
    metrics_observe_us(METRIC_COMMAND_DURATION, clock_mono_us() - pending->began_us);
    pending->done(pending->context, answer);
    mem_free(pending);
    if (link->was_full && map_count(link->pending_by_id) <= link->options.commands_max * 3 / 4) {
        link->was_full = false;
        link->handlers.on_room(link->context);
    }
}

static void give_up(struct bus_link *link, struct pending *pending, enum err unpublished)
{
    struct bus_answer answer = {.command_id = pending->command.command_id,
                                .room_id = pending->command.room_id,
                                .err = pending->times > 0 ? ERR_OUTCOME_UNKNOWN : unpublished};

    metrics_add(METRIC_COMMAND_TIMEOUTS, 1);
    finish(link, pending, &answer);
}

static uint32_t shard_of(const struct bus_command *command)
{
    if (command->kind == COMMAND_CREATE_ROOM)
        return command->key[0] % SHARD_COUNT;
    if (command->kind == COMMAND_REVOKE)
        return (uint32_t)(command->sender_id % SHARD_COUNT);
    return bus_shard(command->room_id);
}

static struct span copy_span(uint8_t **at, struct span from)
{
    struct span to = {from.data != NULL ? *at : NULL, from.len};

    if (from.len > 0)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return to;
}

void bus_link_command(struct bus_link *link, const struct bus_command *command, bus_answer_fn *done,
                      void *context)
{
    uint64_t now = clock_mono_ms();
    struct pending *pending;
    uint8_t *at;

    pending = mem_alloc(sizeof(*pending) + command->sender_name.len + command->token_hashes.len +
                        command->text.len);
    pending->command = *command;
    at = pending->text;
    pending->command.sender_name = copy_span(&at, command->sender_name);
    pending->command.token_hashes = copy_span(&at, command->token_hashes);
    pending->command.text = copy_span(&at, command->text);
    pending->command.worker_id = link->worker_id;
    pending->command.command_id = ++link->last_id;
    if (pending->command.received_at_us == 0)
        pending->command.received_at_us = clock_wall_us();
    pending->began_us = clock_mono_us();
    pending->shard = shard_of(command);
    pending->deadline_ms = now + link->options.timeout_ms;
    pending->repeat_after_ms = link->options.retry_ms;
    pending->done = done;
    pending->context = context;
    list_node_init(&pending->node);
    list_push_back(&link->pending, &pending->node);
    map_put_u64(link->pending_by_id, pending->command.command_id, pending);
    metrics_add(METRIC_COMMANDS, 1);
    metrics_set(METRIC_COMMANDS_IN_FLIGHT, map_count(link->pending_by_id));
    publish(link, pending, now);
}

bool bus_link_full(struct bus_link *link)
{
    if (map_count(link->pending_by_id) < link->options.commands_max)
        return false;
    link->was_full = true;
    return true;
}

void bus_link_unique_key(struct bus_link *link, uint8_t key[DEDUPE_KEY_BYTES])
{
    uint8_t hash[DIGEST_SHA256_SIZE];
    uint64_t name[2] = {link->worker_id, ++link->last_id};

    digest_sha256(name, sizeof(name), hash);
    memcpy(key, hash, DEDUPE_KEY_BYTES);
}

void bus_link_query_presence(struct bus_link *link, uint64_t room_id, const struct strbuf *users,
                             bus_presence_fn *done, void *context)
{
    struct query *query = mem_alloc(sizeof(*query));
    struct bus_message message = {
        .topic = BUS_TOPIC_SHARD, .topic_id = bus_shard(room_id), .type = BUS_PRESENCE_QUERY};

    query->query_id = ++link->last_id;
    query->deadline_ms = clock_mono_ms() + QUERY_TIMEOUT_MS;
    query->done = done;
    query->context = context;
    list_push_back(&link->queries, &query->node);
    message.presence_query = (struct bus_presence_query){
        .worker_id = link->worker_id,
        .query_id = query->query_id,
        .room_id = room_id,
        .users = {(const uint8_t *)users->data, users->len},
    };
    send_message(link, &message);
}

static void finish_query(struct query *query, enum err err, const struct bus_presence_list *list)
{
    list_remove(&query->node);
    query->done(query->context, err, list);
    mem_free(query);
}

static void on_presence_list(struct bus_link *link, const struct bus_presence_list *list)
{
    LIST_FOREACH_SAFE (node, &link->queries) {
        struct query *query = LIST_ITEM(node, struct query, node);

        if (query->query_id == list->query_id) {
            finish_query(query, ERR_NONE, list);
            return;
        }
    }
}

static void on_answer(struct bus_link *link, const struct bus_answer *answer)
{
    struct pending *pending = map_find_u64(link->pending_by_id, answer->command_id);

    struct bus_answer unknown = *answer;

    if (pending == NULL)
        return; /* the answer to a repeat, or to one that was given up */
    /* "It did not happen" is the word of the broker that was asked last: an earlier one may have
     * committed the command and died before it could say so. */
    if (pending->times > 1 && err_temporary(answer->err))
        unknown.err = ERR_OUTCOME_UNKNOWN;
    finish(link, pending, &unknown);
}

static void on_event(struct bus_link *link, const struct bus_event *event)
{
    const struct bus_answer answer = {.command_id = event->command_id,
                                      .room_id = event->room_id,
                                      .seq = event->seq,
                                      .created_at_us = event->created_at_us};

    metrics_add(METRIC_BUS_EVENTS, 1);
    link->handlers.on_event(link->context, event);
    if (event->worker_id == link->worker_id)
        on_answer(link, &answer);
}

static void on_bad_message(struct bus_link *link, size_t len)
{
    uint64_t suppressed;

    metrics_add(METRIC_BUS_BAD_MESSAGES, 1);
    if (log_allowed(&link->bad_message, BAD_MESSAGE_LOG_MS, &suppressed))
        log_warn("bus.bad_message", "bytes=%zu suppressed=%llu", len,
                 (unsigned long long)suppressed);
}

/* What clients will get as it is must be something that they can read. */
static bool readable(const struct bus_message *message)
{
    if (message->type == BUS_EVENT)
        return event_check(message->event.json);
    return message->type != BUS_EPHEMERAL || event_check(message->ephemeral.json);
}

static void on_downward(void *context, const uint8_t *data, size_t len)
{
    struct bus_link *link = context;
    struct bus_message message;

    if (!bus_decode(data, len, &message) || !readable(&message)) {
        on_bad_message(link, len);
        return;
    }
    switch (message.type) {
    case BUS_EVENT:
        on_event(link, &message.event);
        break;
    case BUS_HEAD:
        link->handlers.on_head(link->context, &message.head);
        break;
    case BUS_EPHEMERAL:
        link->handlers.on_ephemeral(link->context, &message.ephemeral);
        break;
    case BUS_ANSWER:
        on_answer(link, &message.answer);
        break;
    case BUS_PRESENCE_LIST:
        on_presence_list(link, &message.presence_list);
        break;
    case BUS_PRESENCE_RESYNC:
        link->handlers.on_presence_resync(link->context, message.presence_resync.shard);
        break;
    case BUS_REVOKE:
        link->handlers.on_revoke(link->context, &message.revoke);
        break;
    case BUS_COMMAND:
    case BUS_PRESENCE:
    case BUS_PRESENCE_QUERY:
    case BUS_HEARTBEAT:
    case BUS_TYPING:
        on_bad_message(link, len); /* upward only */
        break;
    }
}

static void send_heartbeat(void *context)
{
    struct bus_link *link = context;
    struct bus_message message = {.topic = BUS_TOPIC_PULSE, .type = BUS_HEARTBEAT};

    message.heartbeat.worker_id = link->worker_id;
    link->handlers.fill_digests(link->context, message.heartbeat.digest);
    send_message(link, &message);
}

/* A broker subscribed to a shard: it owns it now, and hears what it has missed. */
static void on_owner(struct bus_link *link, uint32_t shard)
{
    uint64_t now = clock_mono_ms();

    link->owned[shard] = true;
    LIST_FOREACH (node, &link->pending) {
        struct pending *pending = LIST_ITEM(node, struct pending, node);

        if (pending->shard == shard)
            publish(link, pending, now);
    }
    link->handlers.on_shard(link->context, shard);
}

static void on_subscription(void *context, const uint8_t *data, size_t len)
{
    struct bus_link *link = context;
    enum bus_topic topic;
    uint64_t id;

    if (len < 1 || data[0] > 1 || !bus_topic_decode(data + 1, len - 1, &topic, &id))
        return; /* a prefix that no broker of ours subscribes to */
    if (topic == BUS_TOPIC_PULSE && data[0] == 1)
        send_heartbeat(link);
    if (topic != BUS_TOPIC_SHARD || id >= SHARD_COUNT)
        return;
    if (data[0] == 1)
        on_owner(link, (uint32_t)id);
    else
        link->owned[id] = false;
}

static void on_tick(void *context)
{
    struct bus_link *link = context;
    uint64_t now = clock_mono_ms();

    LIST_FOREACH_SAFE (node, &link->queries) {
        struct query *query = LIST_ITEM(node, struct query, node);

        if (query->deadline_ms <= now)
            finish_query(query, ERR_BROKER_UNAVAILABLE, NULL);
    }
    LIST_FOREACH (node, &link->pending) {
        struct pending *pending = LIST_ITEM(node, struct pending, node);

        if (pending->began_us / 1000 + link->options.retry_ms > now)
            break; /* nothing that was sent so lately is due */
        if (pending->repeat_at_ms <= now && pending->deadline_ms > now) {
            pending->repeat_after_ms = MIN(pending->repeat_after_ms * 2, (uint64_t)RETRY_MAX_MS);
            publish(link, pending, now);
        }
    }
    /* All have the same time to live, so the oldest is due first. */
    while (!list_empty(&link->pending)) {
        struct pending *oldest = LIST_ITEM(list_first(&link->pending), struct pending, node);

        if (oldest->deadline_ms > now)
            break;
        give_up(link, oldest, ERR_BROKER_UNAVAILABLE);
    }
}

static void attach(struct bus_link *link)
{
    char *addresses = mem_strdup(link->options.brokers);
    char *rest = NULL;

    for (char *one = strtok_r(addresses, ",", &rest); one != NULL;
         one = strtok_r(NULL, ",", &rest)) {
        const char *error;

        if (!bus_sock_attach(link->commands, one, &error) ||
            !bus_sock_attach(link->events, one, &error))
            fatal("cannot connect to the broker at %s: %s", one, error);
    }
    mem_free(addresses);
}

static void subscribe(struct bus_link *link, enum bus_topic topic, uint64_t id)
{
    uint8_t bytes[BUS_TOPIC_SIZE];

    bus_topic_encode(topic, id, bytes);
    bus_sock_subscribe(link->events, bytes, sizeof(bytes));
}

struct bus_link *bus_link_create(struct loop *loop, const struct bus_link_options *options,
                                 const struct bus_link_handlers *handlers, void *context)
{
    struct bus_link *link = mem_alloc(sizeof(*link));

    link->loop = loop;
    link->options = *options;
    link->handlers = *handlers;
    link->context = context;
    digest_random(&link->worker_id, sizeof(link->worker_id));
    link->pending_by_id = map_create_u64();
    list_init(&link->pending);
    list_init(&link->queries);
    strbuf_init(&link->buffer);
    link->zmq = bus_context_create();
    if (options->security != NULL)
        bus_context_secure(link->zmq, options->security);
    link->options.security = NULL; /* not ours to keep */
    link->commands = bus_sock_create(link->zmq, loop, BUS_WORKER_COMMANDS, on_subscription, link);
    link->events = bus_sock_create(link->zmq, loop, BUS_WORKER_EVENTS, on_downward, link);
    subscribe(link, BUS_TOPIC_WORKER, link->worker_id);
    subscribe(link, BUS_TOPIC_ALL, 0);
    attach(link);
    link->tick = loop_timer_create(loop, on_tick, link);
    loop_timer_start_periodic(link->tick, TICK_MS);
    link->heartbeat = loop_timer_create(loop, send_heartbeat, link);
    loop_timer_start_periodic(link->heartbeat, options->heartbeat_ms);
    return link;
}

static void say_goodbye(struct bus_link *link)
{
    struct bus_message message = {.topic = BUS_TOPIC_PULSE, .type = BUS_HEARTBEAT};

    message.heartbeat.worker_id = link->worker_id;
    message.heartbeat.leaving = true;
    send_message(link, &message);
}

void bus_link_destroy(struct bus_link **link)
{
    struct bus_link *gone = *link;

    if (gone == NULL)
        return;
    while (!list_empty(&gone->pending))
        give_up(gone, LIST_ITEM(list_first(&gone->pending), struct pending, node), ERR_DRAINING);
    while (!list_empty(&gone->queries))
        finish_query(LIST_ITEM(list_first(&gone->queries), struct query, node), ERR_DRAINING, NULL);
    say_goodbye(gone);
    loop_timer_destroy(&gone->tick);
    loop_timer_destroy(&gone->heartbeat);
    bus_sock_destroy(&gone->commands);
    bus_sock_destroy(&gone->events);
    bus_context_destroy(&gone->zmq);
    map_destroy(&gone->pending_by_id);
    strbuf_fini(&gone->buffer);
    mem_free(gone);
    *link = NULL;
}

void bus_link_subscribe(struct bus_link *link, uint64_t room_id)
{
    subscribe(link, BUS_TOPIC_ROOM, room_id);
}

void bus_link_unsubscribe(struct bus_link *link, uint64_t room_id)
{
    uint8_t bytes[BUS_TOPIC_SIZE];

    bus_topic_encode(BUS_TOPIC_ROOM, room_id, bytes);
    bus_sock_unsubscribe(link->events, bytes, sizeof(bytes));
}

static void report_presence(struct bus_link *link, uint32_t shard, struct bus_presence presence,
                            const struct strbuf *entries)
{
    struct bus_message message = {
        .topic = BUS_TOPIC_SHARD, .topic_id = shard, .type = BUS_PRESENCE, .presence = presence};

    message.presence.worker_id = link->worker_id;
    message.presence.entries = (struct span){(const uint8_t *)entries->data, entries->len};
    send_message(link, &message);
}

void bus_link_ask_head(struct bus_link *link, uint64_t room_id)
{
    /* ZeroMQ counts: the repeated subscription goes to the brokers, taking it back does not. */
    bus_link_subscribe(link, room_id);
    bus_link_unsubscribe(link, room_id);
}

void bus_link_report_presence(struct bus_link *link, uint32_t shard, const struct strbuf *entries)
{
    report_presence(link, shard, (struct bus_presence){.snapshot = false}, entries);
}

void bus_link_report_snapshot(struct bus_link *link, uint32_t shard, uint32_t piece, bool last,
                              const struct strbuf *entries)
{
    const struct bus_presence presence = {.snapshot = true, .last = last, .piece = piece};

    report_presence(link, shard, presence, entries);
}

void bus_link_typing(struct bus_link *link, uint64_t room_id, uint64_t user_id,
                     const char *username)
{
    struct bus_message message = {
        .topic = BUS_TOPIC_SHARD, .topic_id = bus_shard(room_id), .type = BUS_TYPING};

    message.typing.room_id = room_id;
    message.typing.user_id = user_id;
    message.typing.username = (struct span){(const uint8_t *)username, strlen(username)};
    send_message(link, &message);
}

bool bus_link_ready(const struct bus_link *link)
{
    for (size_t i = 0; i < SHARD_COUNT; i++)
        if (!link->owned[i])
            return false;
    return true;
}

size_t bus_link_in_flight(const struct bus_link *link)
{
    return map_count(link->pending_by_id);
}
