// needs: common/bus_proto common/bus_sock common/wire common/loop common/map common/digest common/strbuf common/db common/db_stmt common/db_url common/db_error common/errors common/log common/clock common/mem common/check common/bus_monitor common/bus_told common/metrics

/* Load, death, and what is left of both. Prints the figures that it measures. */
#define DATABASE "banter_test_broker_failover"
#include "broker_fixture.h"

#define ROOMS    100
#define MESSAGES 10000
#define WINDOW   2000 /* in flight */

static void open_rooms(uint64_t rooms[ROOMS])
{
    struct sent *sent[ROOMS];

    for (size_t i = 0; i < ROOMS; i++)
        sent[i] = client_send(client, COMMAND_CREATE_ROOM, 0, ANNA, "many", key());
    pump_until(client, client->unanswered == 0);
    for (size_t i = 0; i < ROOMS; i++) {
        rooms[i] = sent[i]->answer.room_id;
        client_subscribe(client, BUS_TOPIC_ROOM, rooms[i]);
    }
    for (size_t i = 0; i < ROOMS; i++)
        pump_until(client, client_room(client, rooms[i])->heads > 0);
}

/* Every room's log is 1, 2, 3 … as far as the answers say. */
static void check_logs(const uint64_t rooms[ROOMS], uint64_t messages)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < ROOMS; i++) {
        assert_int_equal(rows_of(rooms[i]), head_of(rooms[i]));
        rows += rows_of(rooms[i]);
    }
    assert_int_equal(rows, messages + ROOMS);
}

static void many_messages_are_contiguous(void **state)
{
    static const char text[] = "A message of an ordinary length, as people write them in a chat.";
    uint64_t rooms[ROOMS];
    uint64_t began_us;
    double seconds;

    (void)state;
    open_rooms(rooms);
    began_us = clock_mono_us();
    for (size_t i = 0; i < MESSAGES; i++) {
        client_send(client, COMMAND_MESSAGE, rooms[i % ROOMS], ANNA, text, key());
        if (client->unanswered >= WINDOW)
            pump_until(client, client->unanswered < WINDOW / 2);
    }
    pump_until(client, client->unanswered == 0);
    seconds = (double)(clock_mono_us() - began_us) / 1e6;
    for (size_t i = 0; i < ROOMS; i++) {
        struct heard *heard = client_room(client, rooms[i]);

        assert_int_equal(heard->gaps, 0);
        assert_int_equal(heard->events, MESSAGES / ROOMS);
        assert_int_equal(heard->last_seq, 1 + MESSAGES / ROOMS);
    }
    check_logs(rooms, MESSAGES);
    print_message("%d messages committed, published and answered: %.0f a second\n", MESSAGES,
                  MESSAGES / seconds);
}

static void one_at_a_time_is_quick(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t began_us = clock_mono_us();

    (void)state;
    for (int i = 0; i < 500; i++)
        client_ask(client, COMMAND_MESSAGE, room, ANNA, "ping", key());
    print_message("one message at a time: %.2f ms each, committed and answered\n",
                  (double)(clock_mono_us() - began_us) / 500 / 1000);
}

/* Returns the fresh answers of the commands from first on. */
static uint64_t count_fresh(uint64_t first_id)
{
    uint64_t fresh = 0;
    struct sent *sent;
    size_t cursor = 0;

    while ((sent = map_iter(client->sent, &cursor)) != NULL)
        if (sent->command.command_id >= first_id && sent->answer.err != ERR_NONE)
            fresh += 1000000; /* an error: cannot be */
        else if (sent->command.command_id >= first_id)
            fresh++;
    return fresh;
}

static void a_killed_broker_loses_and_repeats_nothing(void **state)
{
    uint64_t rooms[ROOMS];
    uint64_t first_id;
    uint64_t restarted_ms = 0;
    unsigned messages = 6000;

    (void)state;
    open_rooms(rooms);
    first_id = client->next_id;
    for (unsigned i = 0; i < messages; i++) {
        client_send(client, COMMAND_MESSAGE, rooms[i % ROOMS], ANNA, "through a death", key());
        if (i == messages / 3 || i == 2 * messages / 3) {
            loop_turn(client->loop, 1);
            assert_int_equal(broker_stop(&broker, SIGKILL), -SIGKILL);
            start_broker();
            restarted_ms = clock_mono_ms();
            client_ask(client, COMMAND_JOIN, rooms[0], ANNA, "", key());
            print_message("killed and started again: served after %llu ms\n",
                          (unsigned long long)(clock_mono_ms() - restarted_ms));
        }
        if (client->unanswered >= WINDOW)
            pump_until(client, client->unanswered < WINDOW / 2);
    }
    pump_until(client, client->unanswered == 0);
    check_logs(rooms, messages);
    /* The two commands that asked whether it serves were refused (a member already). */
    assert_int_equal(count_fresh(first_id), messages + 2 * 1000000);
    for (size_t i = 0; i < ROOMS; i++) {
        struct heard *heard = client_room(client, rooms[i]);

        /* What was committed but never published, the head reveals. */
        pump_until(client, heard->head == head_of(rooms[i]));
    }
}

static void a_repeat_outlives_the_broker(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t sending = key();
    uint64_t joining = key();
    struct sent *sent;

    (void)state;
    client_ask(client, COMMAND_MESSAGE, room, ANNA, "once", sending);
    client_ask(client, COMMAND_JOIN, room, BERT, "", joining);
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    start_broker();
    sent = client_ask(client, COMMAND_MESSAGE, room, ANNA, "once", sending);
    assert_int_equal(sent->answer.seq, 2);
    assert_true(sent->answer.duplicate);
    sent = client_ask(client, COMMAND_JOIN, room, BERT, "", joining);
    assert_int_equal(sent->answer.err, ERR_NONE);
    assert_int_equal(sent->answer.seq, 3);
    assert_string_equal(sent->name, "a room");
    /* In one batch with others, too. */
    for (int i = 0; i < 100; i++)
        client_send(client, COMMAND_MESSAGE, room, ANNA, "more", i == 50 ? sending : key());
    pump_until(client, client->unanswered == 0);
    assert_int_equal(head_of(room), 3 + 99);
    assert_int_equal(rows_of(room), 3 + 99);
}

static uint64_t shards_of_another(void)
{
    return number("SELECT COUNT(*) FROM broker_leases WHERE shard < ? AND owner <> "
                  "(SELECT owner FROM broker_leases WHERE shard = 0)",
                  SHARD_COUNT);
}

static void two_brokers_share_and_take_over(void **state)
{
    char *second_address = mem_printf("%s-2", address);
    struct broker_process second = broker_start(second_address, url, "900");
    uint64_t rooms[ROOMS];

    (void)state;
    client_connect(client, second_address);
    pump_until(client, shards_of_another() == SHARD_COUNT / 2);
    open_rooms(rooms);
    for (unsigned i = 0; i < 2000; i++)
        client_send(client, COMMAND_MESSAGE, rooms[i % ROOMS], ANNA, "shared", key());
    pump_until(client, client->unanswered == 0);
    for (unsigned i = 0; i < 2000; i++)
        client_send(client, COMMAND_MESSAGE, rooms[i % ROOMS], ANNA, "to the heir", key());
    assert_int_equal(broker_stop(&second, SIGKILL), -SIGKILL);
    pump_until(client, client->unanswered == 0);
    check_logs(rooms, 4000);
    pump_until(client, shards_of_another() == 0);
    unlink_sockets(second_address);
    mem_free(second_address);
}

static void deleted_accounts_are_expelled(void **state)
{
    uint64_t room = make_room(ANNA);
    struct heard *heard = listen_to(room);

    (void)state;
    client_ask(client, COMMAND_JOIN, room, BERT, "", key());
    database_script(db, "UPDATE users SET username = NULL, email = NULL, password_hash = NULL, "
                        "deleted_at_us = UNIX_TIMESTAMP() * 1000000 WHERE id = 1");
    /* The sweep comes a second after the start. */
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    start_broker();
    client_subscribe(client, BUS_TOPIC_ROOM, room);
    pump_until(client, heard->head == 4);
    assert_int_equal(number("SELECT creator_id FROM rooms WHERE id = ?", room), BERT);
    /* In the rooms of the tests before, too; another writer may still be at it. */
    pump_until(client, number("SELECT COUNT(*) FROM room_members WHERE user_id = ?", ANNA) == 0);
    assert_int_equal(client_ask(client, COMMAND_JOIN, room, ANNA, "", key())->answer.err,
                     ERR_INVALID_TOKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_is_quick),
        cmocka_unit_test(many_messages_are_contiguous),
        cmocka_unit_test(a_killed_broker_loses_and_repeats_nothing),
        cmocka_unit_test(a_repeat_outlives_the_broker),
        cmocka_unit_test(two_brokers_share_and_take_over),
        cmocka_unit_test(deleted_accounts_are_expelled),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
