// needs: common/bus_proto common/bus_sock common/wire common/loop common/map common/digest common/strbuf common/db common/db_stmt common/db_url common/db_error common/errors common/log common/clock common/mem common/check

/* The real broker over a real MariaDB, spoken to over the bus as a worker does. */
#include "broker_harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATABASE "banter_test_broker"

static char *url;
static char *address;
static struct db *db;
static struct broker_process broker;
static struct client *client;
static uint64_t next_key = 1;

enum { ANNA = 1, BERT = 2, CLEO = 3, USERS = 3 };

static uint64_t key(void)
{
    return next_key++;
}

static uint64_t number(const char *sql, uint64_t a)
{
    uint64_t result = 0;

    assert_int_equal(DB_RUN(db, sql, db_u64(a)), ERR_NONE);
    while (db_next(db))
        result = db_col_u64(db, 0);
    return result;
}

static uint64_t rows_of(uint64_t room_id)
{
    return number("SELECT COUNT(*) FROM events WHERE room_id = ?", room_id);
}

static uint64_t head_of(uint64_t room_id)
{
    return number("SELECT CAST(COALESCE(MAX(seq), 0) AS UNSIGNED) FROM events WHERE room_id = ?",
                  room_id);
}

static uint64_t make_room(uint64_t creator)
{
    struct sent *sent = client_ask(client, COMMAND_CREATE_ROOM, 0, creator, "a room", key());

    assert_int_equal(sent->answer.err, ERR_NONE);
    return sent->answer.room_id;
}

/* Subscribes and waits for the barrier. */
static struct heard *listen_to(uint64_t room_id)
{
    struct heard *heard = client_room(client, room_id);
    unsigned heads = heard->heads;

    client_subscribe(client, BUS_TOPIC_ROOM, room_id);
    pump_until(client, heard->heads > heads);
    return heard;
}

static void start_broker(void)
{
    broker = broker_start(address, url, "2000");
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    db_library_init();
    database_make(DATABASE);
    url = database_url_of(DATABASE);
    address = mem_printf("ipc:///tmp/banter-test-broker-%d", (int)getpid());
    start_broker();
    client = client_create(address);
    db = database_connect(url);
    /* The schema is there once the broker answers anything: a command of an unknown room. */
    client_ask(client, COMMAND_JOIN, 999999, ANNA, "", key());
    database_script(db, "INSERT INTO users (id, username, email, password_hash, created_at_us) "
                        "VALUES (1, 'anna', 'a@x', 'x', 1), (2, 'bert', 'b@x', 'x', 1), "
                        "(3, 'cleo', 'c@x', 'x', 1)");
    return 0;
}

static void unlink_sockets(const char *of)
{
    static const char *const suffixes[] = {"commands", "events", "lock"};

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char *path = mem_printf("%s.%s", of + strlen("ipc://"), suffixes[i]);

        unlink(path);
        mem_free(path);
    }
}

static int tear_down(void **state)
{
    (void)state;
    client_destroy(&client);
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    db_destroy(&db);
    database_drop(DATABASE);
    unlink_sockets(address);
    mem_free(address);
    mem_free(url);
    db_thread_fini();
    db_library_fini();
    return 0;
}

/* ---- messages ---------------------------------------------------------------------------------*/

static void a_message_is_published_and_answered(void **state)
{
    uint64_t room = make_room(ANNA);
    struct heard *heard = listen_to(room);
    struct sent *sent;

    (void)state;
    assert_int_equal(heard->head, 1);
    sent = client_ask(client, COMMAND_MESSAGE, room, ANNA, "hello \"there\"", key());
    assert_int_equal(sent->answer.err, ERR_NONE);
    assert_int_equal(sent->answer.seq, 2);
    assert_false(sent->answer.duplicate);
    assert_int_equal(heard->last_seq, 2); /* published before it was answered */
    assert_int_equal(heard->last_created_us, sent->answer.created_at_us);
    assert_non_null(strstr(heard->last_json, "\"text\":\"hello \\\"there\\\"\""));
    assert_non_null(strstr(heard->last_json, "\"sender_username\":\"somebody\""));
    assert_int_equal(rows_of(room), 2);
}

static void a_repeat_finds_the_first(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t same = key();
    struct sent *first = client_ask(client, COMMAND_MESSAGE, room, ANNA, "once", same);
    struct sent *again = client_ask(client, COMMAND_MESSAGE, room, ANNA, "once", same);

    (void)state;
    assert_int_equal(first->answer.seq, 2);
    assert_int_equal(again->answer.seq, 2);
    assert_true(again->answer.duplicate);
    assert_int_equal(again->answer.created_at_us, first->answer.created_at_us);
    /* The worker that lost its answer hears the same one. */
    first->answers = 0;
    client->unanswered++;
    client_transmit(client, first);
    pump_until(client, first->answers > 0);
    assert_false(first->answer.duplicate);
    assert_int_equal(rows_of(room), 2);
}

static void repeats_at_once_make_one_message(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t same = key();
    struct sent *sent[20];
    unsigned fresh = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        sent[i] = client_send(client, COMMAND_MESSAGE, room, ANNA, "once", same);
    pump_until(client, client->unanswered == 0);
    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        assert_int_equal(sent[i]->answer.seq, 2);
        fresh += !sent[i]->answer.duplicate;
    }
    assert_int_equal(fresh, 1);
    assert_int_equal(rows_of(room), 2);
}

static void an_unknown_room_gets_no_log(void **state)
{
    struct sent *sent = client_ask(client, COMMAND_MESSAGE, 888888, ANNA, "anybody?", key());

    (void)state;
    assert_int_equal(sent->answer.err, ERR_ROOM_NOT_FOUND);
    assert_int_equal(rows_of(888888), 0);
}

static void bad_commands_are_refused(void **state)
{
    uint64_t room = make_room(ANNA);

    (void)state;
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, ANNA, "\xff", key())->answer.err,
                     ERR_VALIDATION);
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, 0, "x", key())->answer.err,
                     ERR_VALIDATION);
    bus_sock_send(client->commands, "c\0\0\0\0\0\0\0\0nonsense", 17);
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, ANNA, "x", key())->answer.err,
                     ERR_NONE);
}

/* ---- rooms and members ------------------------------------------------------------------------*/

static void a_room_is_created_once(void **state)
{
    uint64_t same = key();
    struct sent *first = client_ask(client, COMMAND_CREATE_ROOM, 0, ANNA, "Zoë's", same);
    struct sent *again = client_ask(client, COMMAND_CREATE_ROOM, 0, ANNA, "Zoë's", same);

    (void)state;
    assert_int_equal(first->answer.err, ERR_NONE);
    assert_string_equal(first->name, "Zoë's");
    assert_int_equal(again->answer.room_id, first->answer.room_id);
    assert_true(again->answer.duplicate);
    assert_int_equal(number("SELECT member_count FROM rooms WHERE id = ?", first->answer.room_id),
                     1);
    assert_int_equal(
        number("SELECT user_id FROM room_members WHERE room_id = ?", first->answer.room_id), ANNA);
}

static void members_join_and_leave(void **state)
{
    uint64_t room = make_room(ANNA);
    struct heard *heard = listen_to(room);
    uint64_t joining = key();
    struct sent *sent = client_ask(client, COMMAND_JOIN, room, BERT, "", joining);

    (void)state;
    assert_int_equal(sent->answer.err, ERR_NONE);
    assert_string_equal(sent->name, "a room");
    assert_int_equal(heard->last_kind, EVENT_MEMBER_JOINED);
    assert_int_equal(heard->last_actor, BERT);
    /* The same command again succeeded already; another one is refused. */
    assert_int_equal(client_ask(client, COMMAND_JOIN, room, BERT, "", joining)->answer.err,
                     ERR_NONE);
    assert_int_equal(client_ask(client, COMMAND_JOIN, room, BERT, "", key())->answer.err,
                     ERR_ALREADY_MEMBER);
    assert_int_equal(client_ask(client, COMMAND_LEAVE, room, ANNA, "", key())->answer.err,
                     ERR_CREATOR_CANNOT_LEAVE);
    assert_int_equal(client_ask(client, COMMAND_LEAVE, room, CLEO, "", key())->answer.err,
                     ERR_NOT_IN_ROOM);
    assert_int_equal(client_ask(client, COMMAND_JOIN, 777777, CLEO, "", key())->answer.err,
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(number("SELECT member_count FROM rooms WHERE id = ?", room), 2);
    sent = client_ask(client, COMMAND_LEAVE, room, BERT, "", key());
    assert_int_equal(sent->answer.err, ERR_NONE);
    assert_int_equal(heard->last_kind, EVENT_MEMBER_LEFT);
    assert_int_equal(number("SELECT member_count FROM rooms WHERE id = ?", room), 1);
    assert_int_equal(heard->gaps, 0);
}

static void who_left_cannot_send(void **state)
{
    uint64_t room = make_room(ANNA);

    (void)state;
    client_ask(client, COMMAND_JOIN, room, BERT, "", key());
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, BERT, "in", key())->answer.err,
                     ERR_NONE);
    client_ask(client, COMMAND_LEAVE, room, BERT, "", key());
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, BERT, "out", key())->answer.err,
                     ERR_NOT_A_MEMBER);
    client_ask(client, COMMAND_JOIN, room, BERT, "", key());
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, BERT, "in", key())->answer.err,
                     ERR_NONE);
}

static void an_expelled_creator_passes_the_room_on(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t expelling = key();
    struct heard *heard = listen_to(room);

    (void)state;
    client_ask(client, COMMAND_JOIN, room, CLEO, "", key());
    client_ask(client, COMMAND_JOIN, room, BERT, "", key());
    assert_int_equal(client_ask(client, COMMAND_EXPEL, room, ANNA, "", expelling)->answer.err,
                     ERR_NONE);
    assert_int_equal(heard->last_kind, EVENT_OWNER_CHANGED);
    assert_int_equal(heard->last_actor, CLEO);
    assert_non_null(strstr(heard->last_json, "\"username\":\"cleo\""));
    assert_int_equal(number("SELECT creator_id FROM rooms WHERE id = ?", room), CLEO);
    assert_int_equal(rows_of(room), 5);
    /* Bert's leaving is his own; the creator is Cleo now. */
    assert_int_equal(client_ask(client, COMMAND_LEAVE, room, BERT, "", key())->answer.err,
                     ERR_NONE);
    assert_int_equal(client_ask(client, COMMAND_EXPEL, room, CLEO, "", key())->answer.err,
                     ERR_NONE);
    assert_int_equal(heard->last_kind, EVENT_ROOM_REMOVED);
    assert_int_equal(heard->gaps, 0);
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, CLEO, "?", key())->answer.err,
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(client_ask(client, COMMAND_JOIN, room, BERT, "", key())->answer.err,
                     ERR_ROOM_NOT_FOUND);
    /* A repeat of what removed it is still answered with success. */
    assert_int_equal(client_ask(client, COMMAND_EXPEL, room, ANNA, "", expelling)->answer.err,
                     ERR_NONE);
}

/* ---- heads, presence, revocation --------------------------------------------------------------*/

static void a_subscription_gets_the_head_first(void **state)
{
    uint64_t room = make_room(ANNA);
    struct heard *heard;

    (void)state;
    for (int i = 0; i < 5; i++)
        client_ask(client, COMMAND_MESSAGE, room, ANNA, "early", key());
    heard = listen_to(room);
    assert_int_equal(heard->head, 6);
    assert_int_equal(heard->head_before_event, 0);
    assert_int_equal(listen_to(room)->head, 6); /* a repeated subscription is answered too */
    client_ask(client, COMMAND_MESSAGE, room, ANNA, "late", key());
    assert_int_equal(heard->last_seq, 7);
    /* A room that went quiet gets its head once more. */
    pump_until(client, heard->head == 7);
    assert_int_equal(listen_to(666666)->head, 0);
}

static void report_presence(uint64_t room_id, uint64_t user_id, bool up, bool snapshot)
{
    struct bus_presence_entry entry = {room_id, user_id, up};
    struct strbuf entries = STRBUF_EMPTY;

    bus_presence_add(&entries, &entry);
    client_publish(
        client, &(struct bus_message){.topic = BUS_TOPIC_SHARD,
                                      .topic_id = bus_shard(room_id),
                                      .type = BUS_PRESENCE,
                                      .presence = {client->worker_id,
                                                   snapshot,
                                                   1,
                                                   {(const uint8_t *)entries.data, entries.len}}});
    strbuf_fini(&entries);
}

static void beat(uint64_t room_id, uint64_t user_id, bool leaving)
{
    struct bus_message message = {.topic = BUS_TOPIC_PULSE, .type = BUS_HEARTBEAT};

    message.heartbeat.worker_id = client->worker_id;
    message.heartbeat.leaving = leaving;
    if (user_id != 0)
        message.heartbeat.digest[bus_shard(room_id)] = bus_presence_digest(room_id, user_id);
    client_publish(client, &message);
}

static uint32_t list_presence(uint64_t room_id)
{
    client->has_list = false;
    client_publish(client,
                   &(struct bus_message){.topic = BUS_TOPIC_SHARD,
                                         .topic_id = bus_shard(room_id),
                                         .type = BUS_PRESENCE_QUERY,
                                         .presence_query = {client->worker_id, 1, room_id}});
    pump_until(client, client->has_list);
    return client->listed;
}

static void presence_is_announced(void **state)
{
    uint64_t room = make_room(ANNA);
    struct heard *heard = listen_to(room);

    (void)state;
    report_presence(room, ANNA, true, false);
    pump_until(client, heard->joined == 1);
    assert_int_equal(list_presence(room), 1);
    beat(room, ANNA, false);
    report_presence(room, ANNA, false, false);
    pump_until(client, heard->left == 1);
    assert_int_equal(list_presence(room), 0);
    /* A digest that does not fit is answered with a request, and a snapshot is silent. */
    beat(room, BERT, false);
    pump_until(client, client->resyncs == 1);
    assert_int_equal(client->last_resync_shard, bus_shard(room));
    report_presence(room, BERT, true, true);
    assert_int_equal(list_presence(room), 1);
    assert_int_equal(heard->joined, 1);
    /* A worker that goes leaves its users a moment to come back, and then they have left. */
    beat(room, 0, true);
    assert_int_equal(list_presence(room), 1);
    pump_until(client, heard->left == 2);
    assert_int_equal(list_presence(room), 0);
}

static void a_revocation_reaches_every_worker(void **state)
{
    unsigned before = client->revokes;

    (void)state;
    assert_int_equal(client_ask(client, COMMAND_REVOKE, 0, ANNA, "", key())->answer.err, ERR_NONE);
    assert_int_equal(client->revokes, before + 1);
}

/* ---- load and death ---------------------------------------------------------------------------*/

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
    assert_int_equal(number("SELECT COUNT(*) FROM room_members WHERE user_id = ?", ANNA), 0);
    assert_int_equal(client_ask(client, COMMAND_JOIN, room, ANNA, "", key())->answer.err,
                     ERR_INVALID_TOKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_published_and_answered),
        cmocka_unit_test(a_repeat_finds_the_first),
        cmocka_unit_test(repeats_at_once_make_one_message),
        cmocka_unit_test(an_unknown_room_gets_no_log),
        cmocka_unit_test(bad_commands_are_refused),
        cmocka_unit_test(a_room_is_created_once),
        cmocka_unit_test(members_join_and_leave),
        cmocka_unit_test(who_left_cannot_send),
        cmocka_unit_test(an_expelled_creator_passes_the_room_on),
        cmocka_unit_test(a_subscription_gets_the_head_first),
        cmocka_unit_test(presence_is_announced),
        cmocka_unit_test(a_revocation_reaches_every_worker),
        cmocka_unit_test(one_at_a_time_is_quick),
        cmocka_unit_test(many_messages_are_contiguous),
        cmocka_unit_test(a_killed_broker_loses_and_repeats_nothing),
        cmocka_unit_test(a_repeat_outlives_the_broker),
        cmocka_unit_test(two_brokers_share_and_take_over),
        cmocka_unit_test(deleted_accounts_are_expelled),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
