// needs: common/wire common/strbuf common/mem common/check common/errors
/*
 * bus_proto: any bytes are refused or are one well-formed message: within its limits, with lists
 * that can be walked, and with the same bytes when it is encoded again. The bus hands messages over
 * whole, so there are no pieces; but they lie anywhere, and each place must give the same message.
 */
#include "common/bus_proto.h"

#include "common/check.h"
#include "common/digest.h"
#include "common/mem.h"
#include "moved.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The answer's error follows topic, version, type and the command's number. */
#define ANSWER_ERR_AT (BUS_TOPIC_SIZE + 2 + 8)

static void expect_inside(struct span span, const uint8_t *data, size_t size)
{
    CHECK(span.data == NULL || (span.data >= data && span.data + span.len <= data + size));
    CHECK(span.data != NULL || span.len == 0);
}

static void expect_users(struct span users, uint32_t count, const uint8_t *data, size_t size)
{
    expect_inside(users, data, size);
    CHECK(count <= BUS_PRESENCE_USERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        (void)bus_presence_user(users, i);
}

static void expect_lawful(const struct bus_message *message, const uint8_t *data, size_t size)
{
    switch (message->type) {
    case BUS_COMMAND:
        expect_inside(message->command.text, data, size);
        expect_inside(message->command.sender_name, data, size);
        expect_inside(message->command.token_hashes, data, size);
        CHECK(message->command.text.len <= MESSAGE_BYTES_MAX);
        CHECK(message->command.sender_name.len <= USERNAME_BYTES_MAX);
        break;
    case BUS_PRESENCE:
        expect_inside(message->presence.entries, data, size);
        CHECK(message->presence.count <= BUS_PRESENCE_ENTRIES_MAX);
        for (uint32_t i = 0; i < message->presence.count; i++)
            (void)bus_presence_entry(&message->presence, i);
        break;
    case BUS_PRESENCE_LIST:
        expect_users(message->presence_list.users, message->presence_list.count, data, size);
        break;
    case BUS_PRESENCE_QUERY:
        expect_users(message->presence_query.users, message->presence_query.count, data, size);
        break;
    case BUS_EVENT:
        expect_inside(message->event.json, data, size);
        CHECK(message->event.seq > 0 && message->event.kind >= EVENT_MESSAGE);
        break;
    case BUS_ANSWER:
        expect_inside(message->answer.text, data, size);
        CHECK((unsigned)message->answer.err < ERR_COUNT);
        break;
    case BUS_EPHEMERAL:
        expect_inside(message->ephemeral.json, data, size);
        break;
    case BUS_PRESENCE_RESYNC:
        CHECK(message->presence_resync.shard < SHARD_COUNT);
        break;
    case BUS_REVOKE:
        expect_inside(message->revoke.token_hashes, data, size);
        CHECK(message->revoke.token_hashes.len % DIGEST_SHA256_SIZE == 0);
        break;
    case BUS_TYPING:
        expect_inside(message->typing.username, data, size);
        break;
    case BUS_HEAD:
    case BUS_HEARTBEAT:
        break;
    }
}

static void check_moved(const uint8_t *data, size_t size, bool good, const struct strbuf *encoded)
{
    struct strbuf again = STRBUF_EMPTY;
    struct moved moved = move_by(data, size, 1 + size % 7);
    struct bus_message message;

    CHECK(bus_decode(moved.data, size, &message) == good);
    if (good) {
        expect_lawful(&message, moved.data, size);
        bus_encode(&message, &again);
        CHECK(again.len == encoded->len && memcmp(again.data, encoded->data, again.len) == 0);
    }
    strbuf_fini(&again);
    mem_free(moved.block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf again = STRBUF_EMPTY;
    struct bus_message message;
    enum bus_topic topic;
    uint64_t topic_id;

    (void)!bus_topic_decode(data, size, &topic, &topic_id);
    if (!bus_decode(data, size, &message)) {
        check_moved(data, size, false, NULL);
        return 0;
    }
    CHECK(size <= BUS_MESSAGE_BYTES_MAX);
    CHECK(bus_topic_decode(data, BUS_TOPIC_SIZE, &topic, &topic_id));
    CHECK(message.topic == topic && message.topic_id == topic_id);
    expect_lawful(&message, data, size);
    bus_encode(&message, &again);
    check_moved(data, size, true, &again);
    CHECK(again.len == size);
    if (message.type == BUS_ANSWER && message.answer.err == ERR_INTERNAL)
        memcpy(again.data + ANSWER_ERR_AT, data + ANSWER_ERR_AT, 2); /* a newer version's */
    CHECK(memcmp(again.data, data, size) == 0);
    strbuf_fini(&again);
    return 0;
}
