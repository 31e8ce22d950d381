// needs: broker/command broker/dedupe broker/presence_hub common/bus_proto common/wire common/strbuf common/digest common/utf8 common/metrics common/errors common/log common/clock common/map common/mem common/check

/* What is taken of that which comes in, with the publisher and the writers played. */
#include "broker/intake.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { OURS = 5, THEIRS = 6, FAR = OURS + SHARD_COUNT, ANNA = 100, WORKER = 9 };

static struct intake *intake;
static struct presence_hub *hub;
static char done[1024]; /* what the others were told to do, since the last look */
static uint64_t next_id;

static void note(const char *what, uint64_t id)
{
    snprintf(done + strlen(done), sizeof(done) - strlen(done), "%s%llu ", what,
             (unsigned long long)id);
}

static bool accepts;
static bool anybody_hears = true;

static void assert_done(const char *expected)
{
    assert_string_equal(done, expected);
    done[0] = '\0';
}

/* ---- played -----------------------------------------------------------------------------------*/

void publisher_answer(struct publisher *publisher, uint64_t worker_id,
                      const struct bus_answer *answer)
{
    (void)publisher;
    assert_int_equal(worker_id, WORKER);
    note(answer->err == ERR_NONE ? "answer" : err_code(answer->err), answer->room_id);
}

void publisher_presence_list(struct publisher *publisher, uint64_t worker_id,
                             const struct bus_presence_list *list)
{
    (void)publisher;
    assert_int_equal(worker_id, WORKER);
    note("room", list->room_id);
    for (uint32_t i = 0; i < list->users.len / sizeof(uint64_t); i++)
        note("has", bus_presence_user(list->users, i));
}

void publisher_typing(struct publisher *publisher, const struct bus_typing *typing)
{
    (void)publisher;
    note("typing", typing->room_id);
}

void publisher_revoke(struct publisher *publisher, const struct bus_revoke *revoke)
{
    (void)publisher;
    note("revoke", revoke->user_id);
}

bool publisher_event(struct publisher *publisher, const struct log_event *event,
                     const struct waiter *answered)
{
    (void)publisher;
    note("event", event->room_id);
    if (answered != NULL)
        note("answers", answered->command_id);
    return anybody_hears;
}

void publisher_head(struct publisher *publisher, uint64_t room_id, uint64_t head)
{
    (void)publisher;
    (void)head;
    note("head", room_id);
}

void publisher_refresh(struct publisher *publisher, uint64_t room_id)
{
    (void)publisher;
    note("refresh", room_id);
}

/* Every command is written or refused at once, so that nothing is under way. */
void writers_submit_command(struct writers *writers, struct command *command)
{
    (void)writers;
    note("write", command->room_id);
    command_reset_outcome(command);
    if (accepts) {
        command->seq = 1;
        command_add_event(command, EVENT_MESSAGE, 1);
    } else {
        command->err = ERR_NOT_A_MEMBER;
    }
    intake_finish(intake, &command->job);
}

static void announce(void *context, uint64_t room_id, uint64_t user_id, bool joined)
{
    (void)context;
    (void)user_id;
    note(joined ? "joined" : "left", room_id);
}

static void resync(void *context, uint64_t worker_id, uint32_t shard)
{
    (void)context;
    (void)worker_id;
    note("resync", shard);
}

/* ---- what comes in ----------------------------------------------------------------------------*/

static int set_up(void **state)
{
    const struct presence_hub_calls calls = {announce, resync, NULL};
    struct intake_options options = {.queue_max = 10, .dedupe_window = 10};

    (void)state;
    done[0] = '\0';
    hub = presence_hub_create(&calls, 8000);
    options.presence = hub;
    intake = intake_create(&options);
    intake_set_owned(intake, UINT64_C(1) << OURS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    intake_destroy(&intake);
    presence_hub_destroy(&hub);
    return 0;
}

static void receive(const struct bus_message *message)
{
    struct strbuf bytes = STRBUF_EMPTY;

    bus_encode(message, &bytes);
    intake_receive(intake, (const uint8_t *)bytes.data, bytes.len);
    strbuf_fini(&bytes);
}

static struct bus_message message_until(uint64_t shard, uint64_t room_id, uint64_t expires_at_us)
{
    struct bus_message message = {BUS_TOPIC_SHARD, shard, BUS_COMMAND,
                                  .command = {.worker_id = WORKER,
                                              .command_id = ++next_id,
                                              .ttl_ms = 1000,
                                              .expires_at_us = expires_at_us,
                                              .kind = COMMAND_MESSAGE,
                                              .room_id = room_id,
                                              .sender_id = ANNA}};

    memcpy(message.command.key, &next_id, sizeof(next_id));
    return message;
}

static void say_until(uint64_t shard, uint64_t room_id, uint64_t expires_at_us)
{
    struct bus_message message = message_until(shard, room_id, expires_at_us);

    receive(&message);
}

static void say(uint64_t shard, uint64_t room_id)
{
    say_until(shard, room_id, clock_wall_us() + 1000000);
}

static void report(uint64_t shard, uint64_t room_id)
{
    struct bus_message message = {BUS_TOPIC_SHARD, shard, BUS_PRESENCE,
                                  .presence = {.worker_id = WORKER}};
    const struct bus_presence_entry entry = {room_id, ANNA, true};
    struct strbuf entries = STRBUF_EMPTY;

    bus_presence_add(&entries, &entry);
    message.presence.entries = (struct span){(const uint8_t *)entries.data, entries.len};
    receive(&message);
    strbuf_fini(&entries);
}

static void query(uint64_t shard, uint64_t room_id)
{
    struct bus_message message = {BUS_TOPIC_SHARD, shard, BUS_PRESENCE_QUERY,
                                  .presence_query = {.worker_id = WORKER, .room_id = room_id}};
    struct strbuf users = STRBUF_EMPTY;

    bus_presence_add_user(&users, ANNA + 1);
    bus_presence_add_user(&users, ANNA);
    message.presence_query.users = (struct span){(const uint8_t *)users.data, users.len};
    receive(&message);
    strbuf_fini(&users);
}

/* ---- tests ------------------------------------------------------------------------------------*/

static void others_commands_are_left_to_them(void **state)
{
    (void)state;
    say(OURS, OURS);
    say(OURS, FAR); /* the same shard */
    assert_done("write5 not_a_member5 write69 not_a_member69 ");
    say(THEIRS, THEIRS);
    say(OURS, THEIRS); /* on the wrong topic */
    say(UINT64_MAX, THEIRS);
    assert_done("");
    intake_set_owned(intake, 0);
    say(OURS, OURS);
    assert_done("");
}

/* Its worker has long told the client that the outcome is not known. */
static void what_comes_too_late_does_not_happen(void **state)
{
    const uint64_t allowed_us = INTAKE_LATE_MS * 1000;
    const enum metric late = METRIC_SHED + METRICS_SHED_BROKER_LATE;
    uint64_t before = metrics_get(late);

    (void)state;
    say_until(OURS, OURS, clock_wall_us() - allowed_us / 2);
    say_until(OURS, OURS, UINT64_MAX);
    assert_done("write5 not_a_member5 write5 not_a_member5 ");
    assert_int_equal(metrics_get(late), before);
    say_until(OURS, OURS, clock_wall_us() - allowed_us - 1000000);
    say_until(OURS, OURS, 0);
    assert_done("");
    assert_int_equal(metrics_get(late), before + 2);
}

/* A worker that hears the room needs no answer beside the event; unless nobody hears it any more,
 * and for a repeat, whose event may be the one that was lost. */
static void an_event_answers_who_hears_it(void **state)
{
    struct bus_message message = message_until(OURS, OURS, clock_wall_us() + 1000000);

    (void)state;
    accepts = true;
    receive(&message);
    assert_done("write5 event5 answer5 ");
    message = message_until(OURS, OURS, clock_wall_us() + 1000000);
    message.command.hears_room = true;
    message.command.command_id = 7;
    receive(&message);
    assert_done("write5 event5 answers7 ");
    receive(&message);
    assert_done("answer5 ");
    message = message_until(OURS, OURS, clock_wall_us() + 1000000);
    message.command.hears_room = true;
    message.command.command_id = 8;
    anybody_hears = false;
    receive(&message);
    assert_done("write5 event5 answers8 answer5 ");
    anybody_hears = true;
    accepts = false;
}

static void others_presence_is_left_to_them(void **state)
{
    struct bus_message typing = {BUS_TOPIC_SHARD, OURS, BUS_TYPING, .typing = {.user_id = ANNA}};

    (void)state;
    report(OURS, OURS);
    assert_done("joined5 ");
    query(OURS, OURS);
    assert_done("room5 has100 ");
    report(THEIRS, THEIRS);
    report(FAR, OURS); /* there is no such shard */
    query(THEIRS, THEIRS);
    query(OURS, THEIRS);
    assert_done("");
    typing.typing.room_id = THEIRS;
    receive(&typing);
    assert_done("");
    typing.typing.room_id = FAR;
    receive(&typing);
    assert_done("typing69 ");
    /* It was given away, and messages are still under way. */
    intake_set_owned(intake, UINT64_C(1) << THEIRS);
    report(OURS, FAR);
    query(OURS, OURS);
    assert_done("");
}

static void nothing_is_taken_at_the_end(void **state)
{
    (void)state;
    intake_close(intake);
    say(OURS, OURS);
    query(OURS, OURS);
    assert_done("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(others_commands_are_left_to_them), TEST(what_comes_too_late_does_not_happen),
        TEST(an_event_answers_who_hears_it),    TEST(others_presence_is_left_to_them),
        TEST(nothing_is_taken_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
