// needs: common/wire common/strbuf common/mem common/check common/errors
/*
 * bus_proto: every type there and back; and bytes that are cut, changed or made up are either
 * refused or one well-formed message, whose own encoding is the same bytes again.
 */
#include "common/bus_proto.h"

#include "common/digest.h"
#include "common/mem.h"
#include "common/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPE_AT   (BUS_TOPIC_SIZE + 1)
#define FIELDS_AT (BUS_TOPIC_SIZE + 2)

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Two presence entries, and two users. */
static const char entries[] = "\0\0\0\0\0\0\0\x41\0\0\0\0\0\0\0\x07\x01"
                              "\0\0\0\0\0\0\0\x81\0\0\0\0\0\0\0\x08\x00";
static const char users[] = "\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x08";

/* The heartbeat's digests are filled in by main(). */
static struct bus_message messages[] = {
    {BUS_TOPIC_SHARD, 9, BUS_COMMAND,
     .command = {.worker_id = 1,
                 .command_id = 2,
                 .ttl_ms = 10000,
                 .expires_at_us = 1767323045678901,
                 .kind = COMMAND_MESSAGE,
                 .room_id = 9,
                 .sender_id = 5,
                 .key = "fifteen letters",
                 .hears_room = true,
                 .sender_name = TEXT("ada"),
                 .text = TEXT("Since six.")}},
    {BUS_TOPIC_SHARD, 63, BUS_COMMAND,
     .command = {.worker_id = UINT64_MAX,
                 .command_id = UINT64_MAX,
                 .ttl_ms = UINT32_MAX,
                 .expires_at_us = UINT64_MAX,
                 .kind = COMMAND_REVOKE,
                 .sender_id = JSON_INTEGER_MAX,
                 .token_hashes = TEXT("0123456789abcdef"
                                      "0123456789abcdef")}},
    {BUS_TOPIC_SHARD, 1, BUS_PRESENCE,
     .presence = {.worker_id = 4,
                  .snapshot = true,
                  .last = true,
                  .piece = 258,
                  .count = 2,
                  .entries = TEXT(entries)}},
    {BUS_TOPIC_SHARD, 1, BUS_PRESENCE, .presence = {.worker_id = 4}},
    {BUS_TOPIC_SHARD, 2, BUS_PRESENCE_QUERY, .presence_query = {3, 4, 5, 2, TEXT(users)}},
    {BUS_TOPIC_SHARD, 2, BUS_PRESENCE_QUERY, .presence_query = {.room_id = 5}},
    {BUS_TOPIC_SHARD, 3, BUS_TYPING, .typing = {7, 8, TEXT("grace")}},
    {BUS_TOPIC_PULSE, 0, BUS_HEARTBEAT, .heartbeat = {.worker_id = 77, .leaving = true}},
    {BUS_TOPIC_ROOM, 7, BUS_EVENT,
     .event = {7, 1, EVENT_MESSAGE, 3, 1767323045678901, TEXT("{}"), 1767323045000001, 77, 12}},
    {BUS_TOPIC_ROOM, 7, BUS_EVENT,
     .event = {7, JSON_INTEGER_MAX, EVENT_ROOM_REMOVED, 0, 0, TEXT(""), UINT64_MAX, UINT64_MAX,
               UINT64_MAX}},
    {BUS_TOPIC_ROOM, 7, BUS_HEAD, .head = {7, 0, UINT64_C(81985529216486)}},
    {BUS_TOPIC_ROOM, 7, BUS_EPHEMERAL, .ephemeral = {7, EPHEMERAL_PRESENCE, 3, TEXT("{\"a\":1}")}},
    {BUS_TOPIC_ROOM, 7, BUS_EPHEMERAL, .ephemeral = {7, EPHEMERAL_TYPING, 3, TEXT("{}")}},
    {BUS_TOPIC_WORKER, 77, BUS_ANSWER,
     .answer = {12, ERR_NONE, true, 7, 41, 1767323045678901, TEXT("Lighthouse")}},
    {BUS_TOPIC_WORKER, 77, BUS_ANSWER,
     .answer = {13, ERR_TOO_MANY_ROOMS, false, 0, 0, 0, TEXT("")}},
    {BUS_TOPIC_WORKER, 77, BUS_PRESENCE_LIST, .presence_list = {14, 7, 2, TEXT(users)}},
    {BUS_TOPIC_WORKER, 77, BUS_PRESENCE_LIST, .presence_list = {.query_id = 14, .room_id = 7}},
    {BUS_TOPIC_WORKER, 77, BUS_PRESENCE_RESYNC, .presence_resync = {SHARD_COUNT - 1}},
    {BUS_TOPIC_ALL, 0, BUS_REVOKE, .revoke = {5, TEXT("0123456789abcdef0123456789abcdef")}},
    {BUS_TOPIC_ALL, 0, BUS_REVOKE,
     .revoke = {5, TEXT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")}},
    {BUS_TOPIC_ALL, 0, BUS_REVOKE, .revoke = {.user_id = 5}},
};

static struct strbuf encode(const struct bus_message *message)
{
    struct strbuf buf = STRBUF_EMPTY;

    bus_encode(message, &buf);
    return buf;
}

/* Decodes a copy that is exactly as long, so that every overrun is seen; the spans are dangling
 * afterwards, unless the caller asks for the copy. */
static bool decode(const void *data, size_t len, struct bus_message *message, uint8_t **copy_out)
{
    uint8_t *copy = mem_dup(data, len);
    bool good = bus_decode(copy, len, message);

    if (copy_out != NULL)
        *copy_out = copy;
    else
        mem_free(copy);
    return good;
}

static void assert_same(struct span one, struct span other)
{
    assert_int_equal(one.len, other.len);
    if (one.len > 0)
        assert_memory_equal(one.data, other.data, one.len);
}

/* Compares what the struct of the type says: that nothing is left out of the encoding. */
static void assert_same_up(const struct bus_message *one, const struct bus_message *other)
{
    const struct bus_command *a = &one->command;
    const struct bus_command *b = &other->command;

    switch (one->type) {
    case BUS_COMMAND:
        assert_true(a->worker_id == b->worker_id && a->command_id == b->command_id);
        assert_true(a->ttl_ms == b->ttl_ms && a->kind == b->kind && a->room_id == b->room_id);
        assert_true(a->expires_at_us == b->expires_at_us);
        assert_true(a->received_at_us == b->received_at_us);
        assert_true(a->sender_id == b->sender_id && a->hears_room == b->hears_room);
        assert_memory_equal(a->key, b->key, sizeof(a->key));
        assert_same(a->sender_name, b->sender_name);
        assert_same(a->token_hashes, b->token_hashes);
        assert_same(a->text, b->text);
        break;
    case BUS_PRESENCE:
        assert_true(one->presence.worker_id == other->presence.worker_id);
        assert_true(one->presence.snapshot == other->presence.snapshot);
        assert_true(one->presence.last == other->presence.last);
        assert_int_equal(one->presence.piece, other->presence.piece);
        assert_int_equal(one->presence.count, other->presence.count);
        assert_same(one->presence.entries, other->presence.entries);
        break;
    case BUS_PRESENCE_QUERY:
        assert_true(one->presence_query.worker_id == other->presence_query.worker_id);
        assert_true(one->presence_query.query_id == other->presence_query.query_id);
        assert_true(one->presence_query.room_id == other->presence_query.room_id);
        assert_int_equal(one->presence_query.count, other->presence_query.count);
        assert_same(one->presence_query.users, other->presence_query.users);
        break;
    case BUS_TYPING:
        assert_true(one->typing.room_id == other->typing.room_id);
        assert_true(one->typing.user_id == other->typing.user_id);
        assert_same(one->typing.username, other->typing.username);
        break;
    default:
        assert_int_equal(one->type, BUS_HEARTBEAT);
        assert_true(one->heartbeat.worker_id == other->heartbeat.worker_id);
        assert_true(one->heartbeat.leaving == other->heartbeat.leaving);
        assert_memory_equal(one->heartbeat.digest, other->heartbeat.digest,
                            sizeof(one->heartbeat.digest));
    }
}

static void assert_same_answer(const struct bus_answer *a, const struct bus_answer *b)
{
    assert_true(a->command_id == b->command_id && a->err == b->err);
    assert_true(a->duplicate == b->duplicate && a->room_id == b->room_id);
    assert_true(a->seq == b->seq && a->created_at_us == b->created_at_us);
    assert_same(a->text, b->text);
}

static void assert_same_down(const struct bus_message *one, const struct bus_message *other)
{
    switch (one->type) {
    case BUS_EVENT:
        assert_true(one->event.room_id == other->event.room_id);
        assert_true(one->event.seq == other->event.seq && one->event.kind == other->event.kind);
        assert_true(one->event.actor_id == other->event.actor_id);
        assert_true(one->event.created_at_us == other->event.created_at_us);
        assert_true(one->event.received_at_us == other->event.received_at_us);
        assert_true(one->event.worker_id == other->event.worker_id);
        assert_true(one->event.command_id == other->event.command_id);
        assert_same(one->event.json, other->event.json);
        break;
    case BUS_HEAD:
        assert_memory_equal(&one->head, &other->head, sizeof(one->head));
        break;
    case BUS_EPHEMERAL:
        assert_true(one->ephemeral.room_id == other->ephemeral.room_id);
        assert_true(one->ephemeral.kind == other->ephemeral.kind);
        assert_true(one->ephemeral.user_id == other->ephemeral.user_id);
        assert_same(one->ephemeral.json, other->ephemeral.json);
        break;
    case BUS_ANSWER:
        assert_same_answer(&one->answer, &other->answer);
        break;
    case BUS_PRESENCE_LIST:
        assert_true(one->presence_list.query_id == other->presence_list.query_id);
        assert_true(one->presence_list.room_id == other->presence_list.room_id);
        assert_int_equal(one->presence_list.count, other->presence_list.count);
        assert_same(one->presence_list.users, other->presence_list.users);
        break;
    case BUS_PRESENCE_RESYNC:
        assert_int_equal(one->presence_resync.shard, other->presence_resync.shard);
        break;
    default:
        assert_int_equal(one->type, BUS_REVOKE);
        assert_true(one->revoke.user_id == other->revoke.user_id);
        assert_same(one->revoke.token_hashes, other->revoke.token_hashes);
    }
}

static bool is_upward(enum bus_topic topic)
{
    return topic == BUS_TOPIC_SHARD || topic == BUS_TOPIC_PULSE;
}

static void test_round_trip(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct strbuf bytes = encode(&messages[i]);
        struct bus_message back;
        uint8_t *copy;

        assert_true(decode(bytes.data, bytes.len, &back, &copy));
        assert_int_equal(back.topic, messages[i].topic);
        assert_true(back.topic_id == messages[i].topic_id);
        assert_int_equal(back.type, messages[i].type);
        if (is_upward(back.topic))
            assert_same_up(&messages[i], &back);
        else
            assert_same_down(&messages[i], &back);
        mem_free(copy);
        strbuf_fini(&bytes);
    }
}

static void test_every_type_is_here(void **unused)
{
    unsigned seen = 0;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        seen |= 1U << messages[i].type;
    for (unsigned type = BUS_COMMAND; type <= BUS_TYPING; type++)
        assert_true(seen & 1U << type);
}

static void test_layout(void **unused)
{
    static const char head[] = "r\0\0\0\0\0\0\x01\x02"
                               "\x02\x06"
                               "\0\0\0\0\0\0\x01\x02"
                               "\0\0\0\0\0\0\0\x03"
                               "\x01\x02\x03\x04\x05\x06\x07\x08";
    struct bus_message message = {BUS_TOPIC_ROOM, 258, BUS_HEAD,
                                  .head = {258, 3, UINT64_C(0x0102030405060708)}};
    struct strbuf bytes = encode(&message);

    (void)unused;
    assert_int_equal(bytes.len, sizeof(head) - 1);
    assert_memory_equal(bytes.data, head, bytes.len);
    strbuf_fini(&bytes);
}

static void test_truncation(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct strbuf bytes = encode(&messages[i]);
        struct bus_message back;

        for (size_t len = 0; len < bytes.len; len++)
            if (decode(bytes.data, len, &back, NULL))
                fail_msg("message %zu was taken after %zu of %zu bytes", i, len, bytes.len);
        strbuf_fini(&bytes);
    }
}

static void test_trailing_bytes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct strbuf bytes = encode(&messages[i]);
        struct bus_message back;

        strbuf_add_char(&bytes, '\0');
        assert_false(decode(bytes.data, bytes.len, &back, NULL));
        bytes.len--;
        bus_encode(&messages[i], &bytes); /* the same once more */
        assert_false(decode(bytes.data, bytes.len, &back, NULL));
        strbuf_fini(&bytes);
    }
}

/* Walks over all that a reader of the message may touch. */
static uint64_t touch(const struct bus_message *message)
{
    uint64_t sum = 0;

    if (message->type == BUS_PRESENCE)
        for (uint32_t i = 0; i < message->presence.count; i++)
            sum += bus_presence_entry(&message->presence, i).user_id;
    else if (message->type == BUS_PRESENCE_LIST)
        for (uint32_t i = 0; i < message->presence_list.count; i++)
            sum += bus_presence_user(message->presence_list.users, i);
    else if (message->type == BUS_PRESENCE_QUERY)
        for (uint32_t i = 0; i < message->presence_query.count; i++)
            sum += bus_presence_user(message->presence_query.users, i);
    else if (message->type == BUS_EVENT)
        for (size_t i = 0; i < message->event.json.len; i++)
            sum += message->event.json.data[i];
    else if (message->type == BUS_COMMAND)
        for (size_t i = 0; i < message->command.text.len; i++)
            sum += message->command.text.data[i];
    return sum;
}

/* An error number of a newer version reads as an internal one: the only bytes that change. */
static bool has_newer_error(const struct strbuf *bytes)
{
    const uint8_t *err = (const uint8_t *)bytes->data + FIELDS_AT + 8;

    return bytes->data[TYPE_AT] == BUS_ANSWER && ((unsigned)err[0] << 8 | err[1]) >= ERR_COUNT;
}

static void check_corrupted(const struct strbuf *bytes, unsigned *taken)
{
    struct bus_message back;
    uint8_t *copy;

    if (decode(bytes->data, bytes->len, &back, &copy)) {
        struct strbuf again = encode(&back);

        (*taken)++;
        touch(&back);
        assert_int_equal(again.len, bytes->len);
        if (!has_newer_error(bytes))
            assert_memory_equal(again.data, bytes->data, again.len);
        strbuf_fini(&again);
    }
    mem_free(copy);
}

static void test_every_byte_corrupted(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct strbuf bytes = encode(&messages[i]);
        unsigned taken = 0;

        for (size_t at = 0; at < bytes.len; at++) {
            char right = bytes.data[at];

            for (unsigned value = 0; value <= UINT8_MAX; value++) {
                bytes.data[at] = (char)value;
                if (bytes.data[at] != right)
                    check_corrupted(&bytes, &taken);
            }
            bytes.data[at] = right;
        }
        assert_true(taken > 0); /* other ids are as good */
        strbuf_fini(&bytes);
    }
}

static void test_wrong_head(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct strbuf bytes = encode(&messages[i]);
        struct bus_message back;

        for (unsigned value = 0; value <= UINT8_MAX; value++) {
            bytes.data[0] = (char)value;
            assert_int_equal(decode(bytes.data, bytes.len, &back, NULL),
                             value == (unsigned)messages[i].topic);
        }
        bytes.data[0] = (char)messages[i].topic;
        for (unsigned value = 0; value <= UINT8_MAX; value++) {
            bytes.data[BUS_TOPIC_SIZE] = (char)value;
            assert_int_equal(decode(bytes.data, bytes.len, &back, NULL), value == BUS_VERSION);
        }
        bytes.data[BUS_TOPIC_SIZE] = BUS_VERSION;
        bytes.data[TYPE_AT] = 0;
        assert_false(decode(bytes.data, bytes.len, &back, NULL));
        bytes.data[TYPE_AT] = BUS_TYPING + 1;
        assert_false(decode(bytes.data, bytes.len, &back, NULL));
        strbuf_fini(&bytes);
    }
}

/* Changes of one field of a good message, after which it must be refused. */
static const struct {
    const char *name;
    enum bus_type type;
    size_t at; /* among the fields */
    uint8_t value;
} bad_fields[] = {
    {"a command of kind 0", BUS_COMMAND, 36, 0},
    {"a command of an unknown kind", BUS_COMMAND, 36, COMMAND_REMOVE_ROOM + 1},
    {"a command of a worker that half hears", BUS_COMMAND, 69, 2},
    {"a snapshot that is neither", BUS_PRESENCE, 8, 2},
    {"a piece that is news", BUS_PRESENCE, 8, 0},
    {"a piece that is half the last", BUS_PRESENCE, 9, 2},
    {"a heartbeat that half leaves", BUS_HEARTBEAT, 8, 2},
    {"an event of kind 0", BUS_EVENT, 16, 0},
    {"an event of an unknown kind", BUS_EVENT, 16, EVENT_ROOM_REMOVED + 1},
    {"an event without a number", BUS_EVENT, 15, 0},
    {"presence that is neither up nor down", BUS_PRESENCE, 34, 2},
    {"an ephemeral of kind 0", BUS_EPHEMERAL, 8, 0},
    {"an ephemeral of an unknown kind", BUS_EPHEMERAL, 8, EPHEMERAL_TYPING + 1},
    {"an answer that is half a duplicate", BUS_ANSWER, 10, 2},
    {"a shard too many", BUS_PRESENCE_RESYNC, 3, SHARD_COUNT},
    {"a shard far away", BUS_PRESENCE_RESYNC, 0, 1},
};

static void test_bad_fields(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bad_fields); i++) {
        const struct bus_message *message = messages;
        struct bus_message back;
        struct strbuf bytes;

        while (message->type != bad_fields[i].type)
            message++;
        bytes = encode(message);
        bytes.data[FIELDS_AT + bad_fields[i].at] = (char)bad_fields[i].value;
        if (decode(bytes.data, bytes.len, &back, NULL))
            fail_msg("%s was taken", bad_fields[i].name);
        strbuf_fini(&bytes);
    }
}

static bool taken(const struct bus_message *message)
{
    struct strbuf bytes = encode(message);
    struct bus_message back;
    bool good = decode(bytes.data, bytes.len, &back, NULL);

    strbuf_fini(&bytes);
    return good;
}

static void test_sizes(void **unused)
{
    uint8_t *block = mem_alloc(BUS_MESSAGE_BYTES_MAX);
    struct bus_message command = {BUS_TOPIC_SHARD, 1, BUS_COMMAND,
                                  .command = {.kind = COMMAND_MESSAGE}};
    struct bus_message typing = {.topic = BUS_TOPIC_SHARD, .topic_id = 1, .type = BUS_TYPING};
    struct bus_message revoke = {.topic = BUS_TOPIC_ALL, .topic_id = 0, .type = BUS_REVOKE};

    (void)unused;
    command.command.text = (struct span){block, MESSAGE_BYTES_MAX};
    command.command.sender_name = (struct span){block, USERNAME_BYTES_MAX};
    assert_true(taken(&command));
    command.command.text.len++;
    assert_false(taken(&command));
    command.command.text.len--;
    command.command.sender_name.len++;
    assert_false(taken(&command));
    command.command.sender_name.len--;
    command.command.token_hashes = (struct span){block, DIGEST_SHA256_SIZE - 1};
    assert_false(taken(&command));
    command.command.token_hashes.len += 2;
    assert_false(taken(&command));
    typing.typing.username = (struct span){block, USERNAME_BYTES_MAX};
    assert_true(taken(&typing));
    typing.typing.username.len++;
    assert_false(taken(&typing));
    revoke.revoke.token_hashes = (struct span){block, 1};
    assert_false(taken(&revoke));
    revoke.revoke.token_hashes.len = DIGEST_SHA256_SIZE + 1;
    assert_false(taken(&revoke));
    revoke.revoke.token_hashes.len = (size_t)BUS_REVOKED_MAX * DIGEST_SHA256_SIZE;
    assert_true(taken(&revoke));
    revoke.revoke.token_hashes.len += DIGEST_SHA256_SIZE;
    assert_false(taken(&revoke));
    mem_free(block);
}

static void test_list_sizes(void **unused)
{
    size_t most = (size_t)BUS_PRESENCE_ENTRIES_MAX * BUS_PRESENCE_ENTRY_SIZE;
    uint8_t *block = mem_alloc(BUS_MESSAGE_BYTES_MAX);
    struct bus_message presence = {.topic = BUS_TOPIC_SHARD, .topic_id = 1, .type = BUS_PRESENCE};
    struct bus_message list = {.topic = BUS_TOPIC_WORKER, .topic_id = 1, .type = BUS_PRESENCE_LIST};
    struct bus_message query = {
        .topic = BUS_TOPIC_SHARD, .topic_id = 1, .type = BUS_PRESENCE_QUERY};

    (void)unused;
    presence.presence.entries = (struct span){block, most};
    assert_true(taken(&presence));
    presence.presence.entries.len = most + BUS_PRESENCE_ENTRY_SIZE;
    assert_false(taken(&presence));
    presence.presence.entries.len = BUS_PRESENCE_ENTRY_SIZE - 1;
    assert_false(taken(&presence));
    presence.presence.entries.len = BUS_PRESENCE_ENTRY_SIZE + 1;
    assert_false(taken(&presence));
    list.presence_list.users = (struct span){block, sizeof(uint64_t) * BUS_PRESENCE_USERS_MAX};
    query.presence_query.users = list.presence_list.users;
    assert_true(taken(&list));
    assert_true(taken(&query));
    list.presence_list.users.len += sizeof(uint64_t);
    query.presence_query.users.len += sizeof(uint64_t);
    assert_false(taken(&list));
    assert_false(taken(&query));
    list.presence_list.users.len = query.presence_query.users.len = 1;
    assert_false(taken(&list));
    assert_false(taken(&query));
    mem_free(block);
}

/* A whole message of the greatest size is taken, one byte more is not. */
static void test_whole_size(void **unused)
{
    uint8_t *block = mem_alloc(BUS_MESSAGE_BYTES_MAX);
    struct bus_message event = {BUS_TOPIC_ROOM, 7, BUS_EVENT,
                                .event = {.room_id = 7,
                                          .seq = 1,
                                          .kind = EVENT_MESSAGE,
                                          .actor_id = 3,
                                          .created_at_us = 4,
                                          .json = {block, 0}}};
    struct strbuf bare = encode(&event);

    (void)unused;
    event.event.json.len = BUS_MESSAGE_BYTES_MAX - bare.len;
    assert_true(taken(&event));
    event.event.json.len++;
    assert_false(taken(&event));
    strbuf_fini(&bare);
    mem_free(block);
}

static void test_newer_error(void **unused)
{
    struct bus_message answer = {.topic = BUS_TOPIC_WORKER, .topic_id = 1, .type = BUS_ANSWER};
    struct bus_message back;
    struct strbuf bytes;

    (void)unused;
    bytes = encode(&answer);
    bytes.data[FIELDS_AT + 8] = '\x7f';
    assert_true(decode(bytes.data, bytes.len, &back, NULL));
    assert_int_equal(back.answer.err, ERR_INTERNAL);
    strbuf_fini(&bytes);
}

static void test_lists(void **unused)
{
    struct bus_presence presence = {.count = 2, .entries = TEXT(entries)};
    struct span list = TEXT(users);
    struct strbuf written = STRBUF_EMPTY;

    (void)unused;
    assert_true(bus_presence_entry(&presence, 0).room_id == 0x41);
    assert_true(bus_presence_entry(&presence, 0).user_id == 7);
    assert_true(bus_presence_entry(&presence, 0).up);
    assert_true(bus_presence_entry(&presence, 1).room_id == 0x81);
    assert_false(bus_presence_entry(&presence, 1).up);
    for (uint32_t i = 0; i < 2; i++) {
        struct bus_presence_entry entry = bus_presence_entry(&presence, i);

        bus_presence_add(&written, &entry);
    }
    assert_int_equal(written.len, sizeof(entries) - 1);
    assert_memory_equal(written.data, entries, written.len);
    strbuf_reset(&written);
    for (uint32_t i = 0; i < 2; i++)
        bus_presence_add_user(&written, bus_presence_user(list, i));
    assert_int_equal(written.len, sizeof(users) - 1);
    assert_memory_equal(written.data, users, written.len);
    strbuf_fini(&written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_every_type_is_here),
        cmocka_unit_test(test_layout),         cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_trailing_bytes), cmocka_unit_test(test_every_byte_corrupted),
        cmocka_unit_test(test_wrong_head),     cmocka_unit_test(test_bad_fields),
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_list_sizes),
        cmocka_unit_test(test_whole_size),     cmocka_unit_test(test_newer_error),
        cmocka_unit_test(test_lists),
    };

    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        for (size_t shard = 0; messages[i].type == BUS_HEARTBEAT && shard < SHARD_COUNT; shard++)
            messages[i].heartbeat.digest[shard] = bus_presence_digest(shard, 1000 + shard);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
