#include "common/bus_proto.h"

#include "common/check.h"
#include "common/digest.h"
#include "common/wire.h"

#include <string.h>

/* Which class of topic a type travels on: a message on another one is refused. */
static enum bus_topic topic_of(enum bus_type type)
{
    switch (type) {
    case BUS_COMMAND:
    case BUS_PRESENCE:
    case BUS_PRESENCE_QUERY:
    case BUS_TYPING:
        return BUS_TOPIC_SHARD;
    case BUS_HEARTBEAT:
        return BUS_TOPIC_PULSE;
    case BUS_EVENT:
    case BUS_HEAD:
    case BUS_EPHEMERAL:
        return BUS_TOPIC_ROOM;
    case BUS_ANSWER:
    case BUS_PRESENCE_LIST:
    case BUS_PRESENCE_RESYNC:
        return BUS_TOPIC_WORKER;
    case BUS_REVOKE:
        return BUS_TOPIC_ALL;
    }
    UNREACHABLE();
}

static bool read_bool(struct wire_reader *in)
{
    uint8_t value = wire_read_u8(in);

    if (value > 1)
        in->failed = true;
    return value == 1;
}

/* An id or number that clients are told. */
static uint64_t read_number(struct wire_reader *in)
{
    uint64_t number = wire_read_u64(in);

    if (number > JSON_INTEGER_MAX)
        in->failed = true;
    return number;
}

/* A number that must lie in 1..last. */
static uint8_t read_kind(struct wire_reader *in, unsigned last)
{
    uint8_t kind = wire_read_u8(in);

    if (kind < 1 || kind > last)
        in->failed = true;
    return kind;
}

static void encode_command(const struct bus_command *command, struct strbuf *buf)
{
    wire_write_u64(buf, command->worker_id);
    wire_write_u64(buf, command->command_id);
    wire_write_u32(buf, command->ttl_ms);
    wire_write_u64(buf, command->expires_at_us);
    wire_write_u64(buf, command->received_at_us);
    wire_write_u8(buf, (uint8_t)command->kind);
    wire_write_u64(buf, command->room_id);
    wire_write_u64(buf, command->sender_id);
    strbuf_add(buf, command->key, sizeof(command->key));
    wire_write_u8(buf, command->hears_room);
    wire_write_span16(buf, command->sender_name);
    wire_write_span16(buf, command->token_hashes);
    wire_write_span32(buf, command->text);
}

static bool are_hashes(struct span hashes)
{
    return hashes.len % DIGEST_SHA256_SIZE == 0 &&
           hashes.len <= (size_t)BUS_REVOKED_MAX * DIGEST_SHA256_SIZE;
}

static void decode_command(struct wire_reader *in, struct bus_command *command)
{
    struct span key;

    command->worker_id = wire_read_u64(in);
    command->command_id = wire_read_u64(in);
    command->ttl_ms = wire_read_u32(in);
    command->expires_at_us = wire_read_u64(in);
    command->received_at_us = wire_read_u64(in);
    command->kind = (enum command_kind)read_kind(in, COMMAND_REMOVE_ROOM);
    command->room_id = read_number(in);
    command->sender_id = read_number(in);
    key = wire_read_bytes(in, sizeof(command->key));
    if (key.len == sizeof(command->key))
        memcpy(command->key, key.data, key.len);
    command->hears_room = read_bool(in);
    command->sender_name = wire_read_span16(in);
    command->token_hashes = wire_read_span16(in);
    command->text = wire_read_span32(in);
    if (command->sender_name.len > USERNAME_BYTES_MAX || command->text.len > MESSAGE_BYTES_MAX ||
        !are_hashes(command->token_hashes))
        in->failed = true;
}

static void encode_answer(const struct bus_answer *answer, struct strbuf *buf)
{
    wire_write_u64(buf, answer->command_id);
    wire_write_u16(buf, (uint16_t)answer->err);
    wire_write_u8(buf, answer->duplicate);
    wire_write_u64(buf, answer->room_id);
    wire_write_u64(buf, answer->seq);
    wire_write_u64(buf, answer->created_at_us);
    wire_write_span16(buf, answer->text);
}

static void decode_answer(struct wire_reader *in, struct bus_answer *answer)
{
    uint16_t err;

    answer->command_id = wire_read_u64(in);
    err = wire_read_u16(in);
    answer->err = err < ERR_COUNT ? (enum err)err : ERR_INTERNAL;
    answer->duplicate = read_bool(in);
    answer->room_id = read_number(in);
    answer->seq = read_number(in);
    answer->created_at_us = wire_read_u64(in);
    answer->text = wire_read_span16(in);
}

static void encode_event(const struct bus_event *event, struct strbuf *buf)
{
    wire_write_u64(buf, event->room_id);
    wire_write_u64(buf, event->seq);
    wire_write_u8(buf, (uint8_t)event->kind);
    wire_write_u64(buf, event->actor_id);
    wire_write_u64(buf, event->created_at_us);
    wire_write_u64(buf, event->received_at_us);
    wire_write_u64(buf, event->worker_id);
    wire_write_u64(buf, event->command_id);
    wire_write_span32(buf, event->json);
}

static void decode_event(struct wire_reader *in, struct bus_event *event)
{
    event->room_id = read_number(in);
    event->seq = read_number(in);
    event->kind = (enum event_kind)read_kind(in, EVENT_ROOM_REMOVED);
    event->actor_id = read_number(in);
    event->created_at_us = wire_read_u64(in);
    event->received_at_us = wire_read_u64(in);
    event->worker_id = wire_read_u64(in);
    event->command_id = wire_read_u64(in);
    event->json = wire_read_span32(in);
    if (event->seq == 0)
        in->failed = true;
}

static void encode_heartbeat(const struct bus_heartbeat *heartbeat, struct strbuf *buf)
{
    wire_write_u64(buf, heartbeat->worker_id);
    wire_write_u8(buf, heartbeat->leaving);
    for (size_t i = 0; i < SHARD_COUNT; i++)
        wire_write_u64(buf, heartbeat->digest[i]);
}

static void decode_heartbeat(struct wire_reader *in, struct bus_heartbeat *heartbeat)
{
    heartbeat->worker_id = wire_read_u64(in);
    heartbeat->leaving = read_bool(in);
    for (size_t i = 0; i < SHARD_COUNT; i++)
        heartbeat->digest[i] = wire_read_u64(in);
}

static void check_entries(struct wire_reader *in, const struct bus_presence *presence)
{
    struct wire_reader entries;

    wire_read_begin(&entries, presence->entries.data, presence->entries.len);
    for (uint32_t i = 0; i < presence->count; i++) {
        read_number(&entries);
        read_number(&entries);
        read_bool(&entries);
    }
    if (!wire_read_end(&entries))
        in->failed = true;
}

static void decode_presence(struct wire_reader *in, struct bus_presence *presence)
{
    presence->worker_id = wire_read_u64(in);
    presence->snapshot = read_bool(in);
    presence->last = read_bool(in);
    presence->piece = wire_read_u32(in);
    presence->entries = wire_read_span32(in);
    presence->count = (uint32_t)(presence->entries.len / BUS_PRESENCE_ENTRY_SIZE);
    if (presence->count > BUS_PRESENCE_ENTRIES_MAX)
        in->failed = true;
    else
        check_entries(in, presence);
    if (!presence->snapshot && (presence->last || presence->piece != 0))
        in->failed = true;
}

static struct span read_users(struct wire_reader *in, uint32_t *count_out)
{
    struct span users = wire_read_span32(in);
    struct wire_reader list;

    *count_out = (uint32_t)(users.len / sizeof(uint64_t));
    wire_read_begin(&list, users.data, users.len);
    for (uint32_t i = 0; i < MIN(*count_out, (uint32_t)BUS_PRESENCE_USERS_MAX); i++)
        read_number(&list);
    if (!wire_read_end(&list)) /* too many, or a part of one */
        in->failed = true;
    return users;
}

static void decode_presence_query(struct wire_reader *in, struct bus_presence_query *query)
{
    query->worker_id = wire_read_u64(in);
    query->query_id = wire_read_u64(in);
    query->room_id = read_number(in);
    query->users = read_users(in, &query->count);
}

static void decode_presence_list(struct wire_reader *in, struct bus_presence_list *list)
{
    list->query_id = wire_read_u64(in);
    list->room_id = read_number(in);
    list->users = read_users(in, &list->count);
}

static void decode_revoke(struct wire_reader *in, struct bus_revoke *revoke)
{
    revoke->user_id = read_number(in);
    revoke->token_hashes = wire_read_span16(in);
    if (!are_hashes(revoke->token_hashes))
        in->failed = true;
}

void bus_topic_encode(enum bus_topic topic, uint64_t id, uint8_t out[BUS_TOPIC_SIZE])
{
    out[0] = (uint8_t)topic;
    for (size_t i = BUS_TOPIC_SIZE - 1; i > 0; i--, id >>= 8)
        out[i] = (uint8_t)id;
}

bool bus_topic_decode(const void *data, size_t len, enum bus_topic *topic_out, uint64_t *id_out)
{
    struct wire_reader in;
    uint8_t topic;

    wire_read_begin(&in, data, len);
    topic = wire_read_u8(&in);
    *id_out = wire_read_u64(&in);
    if (!wire_read_end(&in))
        return false;
    *topic_out = (enum bus_topic)topic;
    if (topic == BUS_TOPIC_ROOM && *id_out > JSON_INTEGER_MAX)
        return false;
    return topic == BUS_TOPIC_SHARD || topic == BUS_TOPIC_PULSE || topic == BUS_TOPIC_ROOM ||
           topic == BUS_TOPIC_WORKER || topic == BUS_TOPIC_ALL;
}

static void encode_fields(const struct bus_message *message, struct strbuf *buf)
{
    switch (message->type) {
    case BUS_COMMAND:
        encode_command(&message->command, buf);
        break;
    case BUS_PRESENCE:
        wire_write_u64(buf, message->presence.worker_id);
        wire_write_u8(buf, message->presence.snapshot);
        wire_write_u8(buf, message->presence.last);
        wire_write_u32(buf, message->presence.piece);
        wire_write_span32(buf, message->presence.entries);
        break;
    case BUS_PRESENCE_QUERY:
        wire_write_u64(buf, message->presence_query.worker_id);
        wire_write_u64(buf, message->presence_query.query_id);
        wire_write_u64(buf, message->presence_query.room_id);
        wire_write_span32(buf, message->presence_query.users);
        break;
    case BUS_HEARTBEAT:
        encode_heartbeat(&message->heartbeat, buf);
        break;
    case BUS_EVENT:
        encode_event(&message->event, buf);
        break;
    case BUS_HEAD:
        wire_write_u64(buf, message->head.room_id);
        wire_write_u64(buf, message->head.head);
        wire_write_u64(buf, message->head.epoch);
        break;
    case BUS_EPHEMERAL:
        wire_write_u64(buf, message->ephemeral.room_id);
        wire_write_u8(buf, (uint8_t)message->ephemeral.kind);
        wire_write_u64(buf, message->ephemeral.user_id);
        wire_write_span32(buf, message->ephemeral.json);
        break;
    case BUS_ANSWER:
        encode_answer(&message->answer, buf);
        break;
    case BUS_PRESENCE_LIST:
        wire_write_u64(buf, message->presence_list.query_id);
        wire_write_u64(buf, message->presence_list.room_id);
        wire_write_span32(buf, message->presence_list.users);
        break;
    case BUS_PRESENCE_RESYNC:
        wire_write_u32(buf, message->presence_resync.shard);
        break;
    case BUS_REVOKE:
        wire_write_u64(buf, message->revoke.user_id);
        wire_write_span16(buf, message->revoke.token_hashes);
        break;
    case BUS_TYPING:
        wire_write_u64(buf, message->typing.room_id);
        wire_write_u64(buf, message->typing.user_id);
        wire_write_span16(buf, message->typing.username);
        break;
    }
}

void bus_encode(const struct bus_message *message, struct strbuf *buf)
{
    uint8_t topic[BUS_TOPIC_SIZE];

    CHECK(message->topic == topic_of(message->type));
    bus_topic_encode(message->topic, message->topic_id, topic);
    strbuf_add(buf, topic, sizeof(topic));
    wire_write_u8(buf, BUS_VERSION);
    wire_write_u8(buf, (uint8_t)message->type);
    encode_fields(message, buf);
}

static void decode_fields(struct wire_reader *in, struct bus_message *message)
{
    switch (message->type) {
    case BUS_COMMAND:
        decode_command(in, &message->command);
        break;
    case BUS_PRESENCE:
        decode_presence(in, &message->presence);
        break;
    case BUS_PRESENCE_QUERY:
        decode_presence_query(in, &message->presence_query);
        break;
    case BUS_HEARTBEAT:
        decode_heartbeat(in, &message->heartbeat);
        break;
    case BUS_EVENT:
        decode_event(in, &message->event);
        break;
    case BUS_HEAD:
        message->head.room_id = read_number(in);
        message->head.head = read_number(in);
        message->head.epoch = read_number(in);
        break;
    case BUS_EPHEMERAL:
        message->ephemeral.room_id = read_number(in);
        message->ephemeral.kind = (enum ephemeral_kind)read_kind(in, EPHEMERAL_TYPING);
        message->ephemeral.user_id = read_number(in);
        message->ephemeral.json = wire_read_span32(in);
        break;
    case BUS_ANSWER:
        decode_answer(in, &message->answer);
        break;
    case BUS_PRESENCE_LIST:
        decode_presence_list(in, &message->presence_list);
        break;
    case BUS_PRESENCE_RESYNC:
        message->presence_resync.shard = wire_read_u32(in);
        if (message->presence_resync.shard >= SHARD_COUNT)
            in->failed = true;
        break;
    case BUS_REVOKE:
        decode_revoke(in, &message->revoke);
        break;
    case BUS_TYPING:
        message->typing.room_id = read_number(in);
        message->typing.user_id = read_number(in);
        message->typing.username = wire_read_span16(in);
        if (message->typing.username.len > USERNAME_BYTES_MAX)
            in->failed = true;
        break;
    }
}

bool bus_decode(const void *data, size_t len, struct bus_message *message_out)
{
    struct wire_reader in;
    struct span topic;

    memset(message_out, 0, sizeof(*message_out));
    if (len > BUS_MESSAGE_BYTES_MAX)
        return false;
    wire_read_begin(&in, data, len);
    topic = wire_read_bytes(&in, BUS_TOPIC_SIZE);
    if (topic.data == NULL ||
        !bus_topic_decode(topic.data, topic.len, &message_out->topic, &message_out->topic_id))
        return false;
    if (wire_read_u8(&in) != BUS_VERSION)
        return false;
    message_out->type = (enum bus_type)read_kind(&in, BUS_TYPING);
    if (in.failed || message_out->topic != topic_of(message_out->type))
        return false;
    decode_fields(&in, message_out);
    return wire_read_end(&in);
}

struct bus_presence_entry bus_presence_entry(const struct bus_presence *presence, uint32_t index)
{
    struct bus_presence_entry entry;
    struct wire_reader in;

    CHECK(index < presence->count);
    wire_read_begin(&in, presence->entries.data + (size_t)index * BUS_PRESENCE_ENTRY_SIZE,
                    BUS_PRESENCE_ENTRY_SIZE);
    entry.room_id = wire_read_u64(&in);
    entry.user_id = wire_read_u64(&in);
    entry.up = wire_read_u8(&in) != 0;
    return entry;
}

uint64_t bus_presence_user(struct span users, uint32_t index)
{
    struct wire_reader in;

    CHECK(index < users.len / sizeof(uint64_t));
    wire_read_begin(&in, users.data + (size_t)index * sizeof(uint64_t), sizeof(uint64_t));
    return wire_read_u64(&in);
}

void bus_presence_add(struct strbuf *entries, const struct bus_presence_entry *entry)
{
    wire_write_u64(entries, entry->room_id);
    wire_write_u64(entries, entry->user_id);
    wire_write_u8(entries, entry->up);
}

void bus_presence_add_user(struct strbuf *users, uint64_t user_id)
{
    wire_write_u64(users, user_id);
}

/* The finaliser of MurmurHash3 mixes each half, so that the XOR of many pairs collides by chance
 * only. Nobody outside chooses the pairs to an end, so it need not be keyed. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

uint64_t bus_presence_digest(uint64_t room_id, uint64_t user_id)
{
    return mix(mix(room_id) + user_id);
}
