// needs: common/bus_proto common/bus_sock common/wire common/loop common/map common/digest common/strbuf common/db common/db_stmt common/db_url common/db_error common/errors common/log common/clock common/mem common/check common/bus_monitor common/bus_told common/metrics

/* The real broker over a real MariaDB, spoken to over the bus as a worker does. */
#define DATABASE "banter_test_broker"
#include "broker_fixture.h"

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

/* Whatever a worker may believe. */
static void who_never_joined_cannot_send(void **state)
{
    uint64_t room = make_room(ANNA);
    struct sent *sent[20];

    (void)state;
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, CLEO, "in?", key())->answer.err,
                     ERR_NOT_A_MEMBER);
    /* Among others, in batches that join and leave. */
    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        uint64_t sender = i % 4 == 1 ? CLEO : ANNA;

        sent[i] = client_send(client, COMMAND_MESSAGE, room, sender, "and now?", key());
        if (i == 10)
            client_send(client, COMMAND_JOIN, room, CLEO, "", key());
        if (i == 15)
            client_send(client, COMMAND_LEAVE, room, CLEO, "", key());
    }
    pump_until(client, client->unanswered == 0);
    for (size_t i = 0; i < ARRAY_LEN(sent); i++)
        assert_int_equal(sent[i]->answer.err,
                         i % 4 == 1 && (i < 10 || i > 15) ? ERR_NOT_A_MEMBER : ERR_NONE);
    assert_int_equal(rows_of(room), 1 + 15 + 2 + 1);
    /* One who comes by another way than this broker is found. */
    database_script(db, "INSERT INTO room_members (room_id, user_id, joined_seq) "
                        "SELECT MAX(id), 3, 1000 FROM rooms");
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, CLEO, "in", key())->answer.err,
                     ERR_NONE);
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

/* The first answer was lost, the broker is another one, and meanwhile they left. */
static void who_left_may_repeat_what_they_said(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t same = key();
    struct sent *sent;

    (void)state;
    client_ask(client, COMMAND_JOIN, room, BERT, "", key());
    client_ask(client, COMMAND_MESSAGE, room, BERT, "said", same);
    client_ask(client, COMMAND_LEAVE, room, BERT, "", key());
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    start_broker();
    sent = client_ask(client, COMMAND_MESSAGE, room, BERT, "said", same);
    assert_int_equal(sent->answer.err, ERR_NONE);
    assert_true(sent->answer.duplicate);
    assert_int_equal(sent->answer.seq, 3);
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, BERT, "out", key())->answer.err,
                     ERR_NOT_A_MEMBER);
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

static void an_operator_removes_a_room(void **state)
{
    uint64_t room = make_room(ANNA);
    uint64_t removing = key();
    struct heard *heard = listen_to(room);

    (void)state;
    client_ask(client, COMMAND_JOIN, room, CLEO, "", key());
    assert_int_equal(client_ask(client, COMMAND_REMOVE_ROOM, room, 0, "", removing)->answer.err,
                     ERR_NONE);
    assert_int_equal(heard->last_kind, EVENT_ROOM_REMOVED);
    assert_int_equal(heard->last_actor, 0);
    assert_int_equal(heard->gaps, 0);
    assert_int_equal(client_ask(client, COMMAND_MESSAGE, room, CLEO, "?", key())->answer.err,
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(client_ask(client, COMMAND_REMOVE_ROOM, room, 0, "", removing)->answer.err,
                     ERR_NONE);
    assert_int_equal(client_ask(client, COMMAND_REMOVE_ROOM, room, 0, "", key())->answer.err,
                     ERR_ROOM_NOT_FOUND);
    assert_int_equal(client_ask(client, COMMAND_REMOVE_ROOM, 0, 0, "", key())->answer.err,
                     ERR_VALIDATION);
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
    client_publish(client,
                   &(struct bus_message){
                       .topic = BUS_TOPIC_SHARD,
                       .topic_id = bus_shard(room_id),
                       .type = BUS_PRESENCE,
                       .presence = {.worker_id = client->worker_id,
                                    .snapshot = snapshot,
                                    .last = snapshot,
                                    .entries = {(const uint8_t *)entries.data, entries.len}}});
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

/* How many of the three are online. */
static uint32_t list_presence(uint64_t room_id)
{
    struct strbuf users = STRBUF_EMPTY;

    for (uint64_t user = ANNA; user <= CLEO; user++)
        bus_presence_add_user(&users, user);
    client->has_list = false;
    client_publish(
        client,
        &(struct bus_message){
            .topic = BUS_TOPIC_SHARD,
            .topic_id = bus_shard(room_id),
            .type = BUS_PRESENCE_QUERY,
            .presence_query = {
                client->worker_id, 1, room_id, USERS, {(const uint8_t *)users.data, users.len}}});
    strbuf_fini(&users);
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

/* More than any one message can name. */
static void a_crowd_is_asked_about_by_the_page(void **state)
{
    uint64_t room = make_room(ANNA);
    struct strbuf entries = STRBUF_EMPTY;

    (void)state;
    for (uint64_t user = 1; user <= 40000; user++) {
        const struct bus_presence_entry entry = {room, user, true};

        bus_presence_add(&entries, &entry);
        if (user % BUS_PRESENCE_ENTRIES_MAX != 0)
            continue;
        client_publish(client,
                       &(struct bus_message){
                           .topic = BUS_TOPIC_SHARD,
                           .topic_id = bus_shard(room),
                           .type = BUS_PRESENCE,
                           .presence = {.worker_id = client->worker_id,
                                        .entries = {(const uint8_t *)entries.data, entries.len}}});
        strbuf_reset(&entries);
    }
    strbuf_fini(&entries);
    assert_int_equal(list_presence(room), USERS);
    beat(room, 0, true);
}

static void a_revocation_reaches_every_worker(void **state)
{
    unsigned before = client->revokes;

    (void)state;
    assert_int_equal(client_ask(client, COMMAND_REVOKE, 0, ANNA, "", key())->answer.err, ERR_NONE);
    assert_int_equal(client->revokes, before + 1);
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
        cmocka_unit_test(who_never_joined_cannot_send),
        cmocka_unit_test(who_left_cannot_send),
        cmocka_unit_test(who_left_may_repeat_what_they_said),
        cmocka_unit_test(an_expelled_creator_passes_the_room_on),
        cmocka_unit_test(an_operator_removes_a_room),
        cmocka_unit_test(a_subscription_gets_the_head_first),
        cmocka_unit_test(presence_is_announced),
        cmocka_unit_test(a_crowd_is_asked_about_by_the_page),
        cmocka_unit_test(a_revocation_reaches_every_worker),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
