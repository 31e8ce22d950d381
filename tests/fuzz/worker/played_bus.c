/*
 * played_bus.c: the bus's sockets, and one broker at their other end, that owns all shards. What
 * the worker sends must be a message; what it gets comes when the story goes on.
 */
#include "common/bus_proto.h"
#include "common/bus_sock.h"
#include "common/check.h"
#include "common/event_json.h"
#include "common/mem.h"
#include "played.h"

#include <stdio.h>
#include <string.h>

#define HEARD_MAX 256
#define KEYS_MAX  256
#define USERS_MAX 500

struct bus_context {
    int unused;
};

struct bus_sock {
    bus_receive_fn *receive;
    void *context;
};

struct waiting {
    struct list_node node;
    size_t len;
    uint8_t data[];
};

/* A room that the worker hears, and how often it asked for it. */
struct heard {
    uint64_t room_id;
    size_t times;
};

/* What was sent, by its key: a repeat gets the first one's number. */
struct sent {
    uint8_t key[DEDUPE_KEY_BYTES];
    uint64_t seq;
};

static struct bus_context context_of_all;
static struct bus_sock commands;
static struct bus_sock events;
static struct list queue = {{&queue.head, &queue.head}};
static struct heard heard[HEARD_MAX];
static struct list kept = {{&kept.head, &kept.head}}; /* commands and questions */
static bool is_mute;
static struct sent sent[KEYS_MAX];
static size_t sent_count;

/* ---- what goes to the worker ---- */

static void keep(struct list *list, const void *data, size_t len)
{
    struct waiting *waiting = mem_alloc(sizeof(*waiting) + len);

    waiting->len = len;
    memcpy(waiting->data, data, len);
    list_node_init(&waiting->node);
    list_push_back(list, &waiting->node);
}

static void enqueue(const struct bus_message *message)
{
    struct strbuf bytes = STRBUF_EMPTY;

    bus_encode(message, &bytes);
    keep(&queue, bytes.data, bytes.len);
    strbuf_fini(&bytes);
}

bool played_bus_step(void)
{
    struct list_node *node = list_pop_front(&queue);
    struct waiting *waiting;

    if (node == NULL)
        return false;
    waiting = LIST_ITEM(node, struct waiting, node);
    events.receive(events.context, waiting->data, waiting->len);
    mem_free(waiting);
    return true;
}

void played_bus_reset(void)
{
    sent_count = 0;
    CHECK(list_empty(&queue));
}

void played_bus_receive(bool to_commands, const uint8_t *data, size_t len)
{
    struct bus_sock *sock = to_commands ? &commands : &events;
    uint8_t *copy = mem_dup(data, len); /* so that every overrun is seen */

    sock->receive(sock->context, copy, len);
    mem_free(copy);
}

static struct heard *find_heard(uint64_t room_id)
{
    for (size_t i = 0; i < HEARD_MAX; i++)
        if (heard[i].times > 0 && heard[i].room_id == room_id)
            return &heard[i];
    return NULL;
}

static void say_event(const struct bus_command *command, enum event_kind kind, uint64_t room_id,
                      uint64_t seq, bool answers)
{
    struct log_event event = {.room_id = room_id,
                              .seq = seq,
                              .kind = kind,
                              .actor_id = command->sender_id,
                              .created_at_us = UINT64_C(1767323045000000) + seq,
                              .actor_name = command->sender_name,
                              .text = command->text};
    struct bus_message message = {
        .topic = BUS_TOPIC_ROOM, .topic_id = room_id, .type = BUS_EVENT, .event = {.seq = seq}};
    struct strbuf json = STRBUF_EMPTY;

    if (find_heard(room_id) == NULL)
        return;
    event_json_write(&event, &json);
    message.event.room_id = room_id;
    message.event.kind = kind;
    message.event.actor_id = command->sender_id;
    message.event.created_at_us = event.created_at_us;
    message.event.json = (struct span){(const uint8_t *)json.data, json.len};
    if (answers) {
        message.event.worker_id = command->worker_id;
        message.event.command_id = command->command_id;
    }
    enqueue(&message);
    strbuf_fini(&json);
}

static void answer(const struct bus_command *command, struct bus_answer answer)
{
    struct bus_message message = {
        .topic = BUS_TOPIC_WORKER, .topic_id = command->worker_id, .type = BUS_ANSWER};

    answer.command_id = command->command_id;
    if (answer.room_id == 0)
        answer.room_id = command->room_id;
    answer.created_at_us = UINT64_C(1767323045000000) + answer.seq;
    message.answer = answer;
    enqueue(&message);
}

/* ---- commands ---- */

static uint64_t find_sent(const uint8_t key[DEDUPE_KEY_BYTES])
{
    for (size_t i = 0; i < sent_count; i++)
        if (memcmp(sent[i].key, key, DEDUPE_KEY_BYTES) == 0)
            return sent[i].seq;
    return 0;
}

static void take_message(const struct bus_command *command)
{
    uint64_t seq = find_sent(command->key);
    bool answers = command->hears_room && find_heard(command->room_id) != NULL;

    if (seq != 0) {
        answer(command, (struct bus_answer){.seq = seq, .duplicate = true});
        return;
    }
    seq = played_next_seq(command->room_id);
    if (sent_count < KEYS_MAX) {
        memcpy(sent[sent_count].key, command->key, DEDUPE_KEY_BYTES);
        sent[sent_count++].seq = seq;
    }
    say_event(command, EVENT_MESSAGE, command->room_id, seq, answers);
    if (!answers)
        answer(command, (struct bus_answer){.seq = seq});
}

/* Joining and leaving are refused in every other room. */
static void take_membership(const struct bus_command *command)
{
    bool joins = command->kind == COMMAND_JOIN;
    uint64_t seq;

    if (!played_room_exists(command->room_id)) {
        answer(command, (struct bus_answer){.err = ERR_ROOM_NOT_FOUND});
    } else if (command->kind != COMMAND_EXPEL && command->room_id % 2 == 0) {
        answer(command,
               (struct bus_answer){.err = joins ? ERR_ALREADY_MEMBER : ERR_CREATOR_CANNOT_LEAVE});
    } else {
        seq = played_next_seq(command->room_id);
        say_event(command, joins ? EVENT_MEMBER_JOINED : EVENT_MEMBER_LEFT, command->room_id, seq,
                  false);
        answer(command, (struct bus_answer){.seq = seq, .text = {(const uint8_t *)"Röom", 5}});
    }
}

static void take_revoke(const struct bus_command *command)
{
    struct bus_message message = {.topic = BUS_TOPIC_ALL, .type = BUS_REVOKE};

    message.revoke = (struct bus_revoke){command->sender_id, command->token_hashes};
    enqueue(&message);
    answer(command, (struct bus_answer){.seq = 0});
}

static void take_command(const struct bus_command *command)
{
    static const enum err troubles[] = {ERR_DATABASE_UNAVAILABLE, ERR_OUTCOME_UNKNOWN,
                                        ERR_OVERLOADED,           ERR_INTERNAL,
                                        ERR_ROOM_NOT_FOUND,       ERR_NOT_A_MEMBER};
    /* The last two are about a room that is there already, and about who writes. */
    size_t possible = ARRAY_LEN(troubles) - (command->kind == COMMAND_MESSAGE ? 0 : 2);
    /* Not of the key, which has the number of the command in it. */
    uint64_t hash = played_hash(command->text.data, command->text.len,
                                command->kind ^ command->room_id << 8 ^ command->sender_id << 32);

    if (played_trouble(hash))
        answer(command, (struct bus_answer){.err = troubles[hash % possible]});
    else if (command->kind == COMMAND_MESSAGE)
        take_message(command);
    else if (command->kind == COMMAND_REVOKE)
        take_revoke(command);
    else if (command->kind == COMMAND_CREATE_ROOM)
        answer(command,
               (struct bus_answer){.room_id = 1000 + hash % 1000, .seq = 1, .text = command->text});
    else
        take_membership(command);
}

static void take_query(const struct bus_presence_query *query)
{
    struct bus_message message = {
        .topic = BUS_TOPIC_WORKER, .topic_id = query->worker_id, .type = BUS_PRESENCE_LIST};
    struct strbuf users = STRBUF_EMPTY;
    uint32_t count = (uint32_t)(query->users.len / sizeof(uint64_t));
    uint32_t online = 0;

    for (uint32_t i = 0; i < count; i += 2, online++)
        bus_presence_add_user(&users, bus_presence_user(query->users, i));
    message.presence_list = (struct bus_presence_list){
        query->query_id, query->room_id, online, {(const uint8_t *)users.data, users.len}};
    enqueue(&message);
    strbuf_fini(&users);
}

static void take_typing(const struct bus_typing *typing)
{
    static const char json[] =
        "{\"type\":\"typing\",\"room_id\":1,\"user_id\":1,\"username\":\"x\"}";
    struct bus_message message = {
        .topic = BUS_TOPIC_ROOM, .topic_id = typing->room_id, .type = BUS_EPHEMERAL};

    if (find_heard(typing->room_id) == NULL)
        return;
    message.ephemeral = (struct bus_ephemeral){typing->room_id,
                                               EPHEMERAL_TYPING,
                                               typing->user_id,
                                               {(const uint8_t *)json, sizeof(json) - 1}};
    enqueue(&message);
}

void played_bus_mute(bool mute)
{
    struct list_node *node;

    is_mute = mute;
    while (!mute && (node = list_pop_front(&kept)) != NULL) {
        struct waiting *waiting = LIST_ITEM(node, struct waiting, node);

        bus_sock_send(&commands, waiting->data, waiting->len);
        mem_free(waiting);
    }
}

uint64_t played_bus_kept(size_t place, uint64_t *worker_id_out)
{
    struct bus_message message;
    size_t count = 0;

    *worker_id_out = 0;
    LIST_FOREACH (node, &kept)
        count++;
    if (count == 0)
        return 0;
    place %= count;
    LIST_FOREACH (node, &kept) {
        const struct waiting *waiting = LIST_ITEM(node, struct waiting, node);

        if (place-- > 0)
            continue;
        CHECK(bus_decode(waiting->data, waiting->len, &message));
        if (message.type == BUS_PRESENCE_QUERY) {
            *worker_id_out = message.presence_query.worker_id;
            return message.presence_query.query_id;
        }
        *worker_id_out = message.command.worker_id;
        return message.command.command_id;
    }
    return 0;
}

/* ---- the sockets ---- */

struct bus_context *bus_context_create(void)
{
    return &context_of_all;
}

void bus_context_secure(struct bus_context *context ATTR_UNUSED,
                        const struct bus_security *security ATTR_UNUSED)
{
}

void bus_context_destroy(struct bus_context **context)
{
    *context = NULL;
}

struct bus_sock *bus_sock_create(struct bus_context *context ATTR_UNUSED,
                                 struct loop *loop ATTR_UNUSED, enum bus_role role,
                                 bus_receive_fn *receive, void *receive_context)
{
    struct bus_sock *sock = role == BUS_WORKER_COMMANDS ? &commands : &events;

    *sock = (struct bus_sock){receive, receive_context};
    return sock;
}

void bus_sock_destroy(struct bus_sock **sock)
{
    *sock = NULL;
}

bool bus_sock_attach(struct bus_sock *sock ATTR_UNUSED, const char *address ATTR_UNUSED,
                     const char **error_out ATTR_UNUSED)
{
    return true;
}

bool bus_address_valid(const char *address)
{
    return strncmp(address, "ipc://", 6) == 0;
}

void bus_sock_send(struct bus_sock *sock, const void *data, size_t len)
{
    struct bus_message message;

    CHECK(sock == &commands);
    CHECK(bus_decode(data, len, &message));
    if (is_mute) {
        if (message.type == BUS_COMMAND || message.type == BUS_PRESENCE_QUERY)
            keep(&kept, data, len);
        return;
    }
    switch (message.type) {
    case BUS_COMMAND:
        take_command(&message.command);
        break;
    case BUS_PRESENCE_QUERY:
        take_query(&message.presence_query);
        break;
    case BUS_TYPING:
        take_typing(&message.typing);
        break;
    default:
        CHECK(message.type == BUS_PRESENCE || message.type == BUS_HEARTBEAT);
        break;
    }
}

void bus_sock_subscribe(struct bus_sock *sock, const void *topic, size_t len)
{
    struct bus_message message = {.topic = BUS_TOPIC_ROOM, .type = BUS_HEAD};
    enum bus_topic class;
    uint64_t room_id;
    struct heard *entry;

    CHECK(sock == &events && bus_topic_decode(topic, len, &class, &room_id));
    if (class != BUS_TOPIC_ROOM)
        return;
    entry = find_heard(room_id);
    for (size_t i = 0; entry == NULL && i < HEARD_MAX; i++)
        if (heard[i].times == 0)
            entry = &heard[i];
    CHECK(entry != NULL);
    entry->room_id = room_id;
    entry->times++;
    message.topic_id = room_id;
    message.head = (struct bus_head){room_id, played_head(room_id), PLAYED_EPOCH};
    enqueue(&message);
}

void bus_sock_unsubscribe(struct bus_sock *sock ATTR_UNUSED, const void *topic, size_t len)
{
    enum bus_topic class;
    uint64_t room_id;
    struct heard *entry;

    CHECK(bus_topic_decode(topic, len, &class, &room_id) && class == BUS_TOPIC_ROOM);
    entry = find_heard(room_id);
    CHECK(entry != NULL);
    entry->times--;
}
