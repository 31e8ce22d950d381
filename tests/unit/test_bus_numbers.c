// needs: common/bus_proto common/wire common/strbuf common/mem common/check common/errors
/*
 * bus_proto: ids and numbers that clients are told are at most what JSON says exactly, in whatever
 * message they come.
 */
#include "common/bus_proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct bus_message command = {.topic = BUS_TOPIC_SHARD,
                                     .topic_id = 1,
                                     .type = BUS_COMMAND,
                                     .command = {.kind = COMMAND_MESSAGE}};
static struct bus_message query = {
    .topic = BUS_TOPIC_SHARD, .topic_id = 1, .type = BUS_PRESENCE_QUERY};
static struct bus_message typing = {.topic = BUS_TOPIC_SHARD, .topic_id = 1, .type = BUS_TYPING};
static struct bus_message event = {.topic = BUS_TOPIC_ROOM,
                                   .topic_id = 7,
                                   .type = BUS_EVENT,
                                   .event = {.seq = 1, .kind = EVENT_MESSAGE}};
static struct bus_message head = {.topic = BUS_TOPIC_ROOM, .topic_id = 7, .type = BUS_HEAD};
static struct bus_message ephemeral = {.topic = BUS_TOPIC_ROOM,
                                       .topic_id = 7,
                                       .type = BUS_EPHEMERAL,
                                       .ephemeral = {.kind = EPHEMERAL_TYPING}};
static struct bus_message answer = {.topic = BUS_TOPIC_WORKER, .topic_id = 1, .type = BUS_ANSWER};
static struct bus_message list = {
    .topic = BUS_TOPIC_WORKER, .topic_id = 1, .type = BUS_PRESENCE_LIST};
static struct bus_message revoke = {.topic = BUS_TOPIC_ALL, .topic_id = 0, .type = BUS_REVOKE};

static const struct {
    const char *name;
    struct bus_message *message;
    uint64_t *number;
} numbers[] = {
    {"a command's room", &command, &command.command.room_id},
    {"a command's sender", &command, &command.command.sender_id},
    {"a question's room", &query, &query.presence_query.room_id},
    {"the room of who is typing", &typing, &typing.typing.room_id},
    {"who is typing", &typing, &typing.typing.user_id},
    {"an event's topic", &event, &event.topic_id},
    {"an event's room", &event, &event.event.room_id},
    {"an event's number", &event, &event.event.seq},
    {"an event's actor", &event, &event.event.actor_id},
    {"a head's room", &head, &head.head.room_id},
    {"a head", &head, &head.head.head},
    {"an epoch", &head, &head.head.epoch},
    {"a note's room", &ephemeral, &ephemeral.ephemeral.room_id},
    {"a note's user", &ephemeral, &ephemeral.ephemeral.user_id},
    {"an answer's room", &answer, &answer.answer.room_id},
    {"an answer's number", &answer, &answer.answer.seq},
    {"a list's room", &list, &list.presence_list.room_id},
    {"whose logins end", &revoke, &revoke.revoke.user_id},
};

static bool taken(const struct bus_message *message)
{
    struct strbuf bytes = STRBUF_EMPTY;
    struct bus_message back;
    bool good;

    bus_encode(message, &bytes);
    good = bus_decode(bytes.data, bytes.len, &back);
    strbuf_fini(&bytes);
    return good;
}

static void test_numbers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t before = *numbers[i].number;

        *numbers[i].number = JSON_INTEGER_MAX;
        if (!taken(numbers[i].message))
            fail_msg("%s was refused", numbers[i].name);
        *numbers[i].number = JSON_INTEGER_MAX + 1;
        if (taken(numbers[i].message))
            fail_msg("%s was taken", numbers[i].name);
        *numbers[i].number = before;
    }
}

/* In a list it is the last that is too large. */
static void test_lists(void **unused)
{
    const struct bus_presence_entry good = {1, JSON_INTEGER_MAX, true};
    const struct bus_presence_entry bad[] = {{JSON_INTEGER_MAX + 1, 2, true},
                                             {1, JSON_INTEGER_MAX + 1, true}};
    struct bus_message presence = {.topic = BUS_TOPIC_SHARD, .topic_id = 1, .type = BUS_PRESENCE};
    struct strbuf bytes = STRBUF_EMPTY;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        strbuf_reset(&bytes);
        bus_presence_add(&bytes, &good);
        presence.presence.entries = (struct span){(const uint8_t *)bytes.data, bytes.len};
        assert_true(taken(&presence));
        bus_presence_add(&bytes, &bad[i]);
        presence.presence.entries = (struct span){(const uint8_t *)bytes.data, bytes.len};
        assert_false(taken(&presence));
    }
    strbuf_reset(&bytes);
    bus_presence_add_user(&bytes, JSON_INTEGER_MAX);
    query.presence_query.users = (struct span){(const uint8_t *)bytes.data, bytes.len};
    assert_true(taken(&query));
    bus_presence_add_user(&bytes, JSON_INTEGER_MAX + 1);
    query.presence_query.users = (struct span){(const uint8_t *)bytes.data, bytes.len};
    list.presence_list.users = query.presence_query.users;
    assert_false(taken(&query));
    assert_false(taken(&list));
    strbuf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests_name("bus_numbers", tests, NULL, NULL);
}
