// needs: common/bus_proto common/bus_sock common/wire common/loop common/map common/digest common/strbuf common/db common/db_stmt common/db_url common/db_error common/errors common/log common/clock common/mem common/check common/bus_monitor common/bus_told common/metrics

/* The database dies under the broker. It is one of this test's own, so that others keep theirs. */
#define DATABASE "banter_test_broker_outage"
#include "broker_fixture.h"

#define ROOMS    20
#define MESSAGES 4000
#define WINDOW   1000

static char folder[64];

/* deploy/mariadb.sh from the root of the repository, where tests run. */
static void mariadb(const char *verb)
{
    char *line = mem_printf("sh deploy/mariadb.sh %s %s >%s.out", verb, folder, folder);

    assert_int_equal(system(line), 0);
    mem_free(line);
}

static void kill_database(void)
{
    char *path = mem_printf("%s/mariadb.pid", folder);
    FILE *file = fopen(path, "re");
    int pid = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0)
        usleep(10000);
    mem_free(path);
}

static void start_database(void)
{
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    mariadb("start");
    while (DB_RUN(db, "SELECT ?", db_u64(1)) != ERR_NONE)
        assert_true(clock_mono_ms() < until_ms);
}

static void a_death_under_load_loses_and_repeats_nothing(void **state)
{
    uint64_t rooms[ROOMS];
    uint64_t rows = 0;
    struct sent *sent[MESSAGES];
    uint64_t killed_ms;

    (void)state;
    for (size_t i = 0; i < ROOMS; i++) {
        rooms[i] = make_room(ANNA);
        listen_to(rooms[i]);
    }
    for (size_t i = 0; i < MESSAGES; i++) {
        sent[i] = client_send(client, COMMAND_MESSAGE, rooms[i % ROOMS], ANNA, "held", key());
        if (i % 1500 == 1400) {
            loop_turn(client->loop, 2); /* batches are on their way */
            kill_database();
            killed_ms = clock_mono_ms();
            pump_ms(client, 500);
            start_database();
            client_ask(client, COMMAND_MESSAGE, rooms[0], ANNA, "back", key());
            print_message("database killed and started again: served after %llu ms\n",
                          (unsigned long long)(clock_mono_ms() - killed_ms));
        }
        if (client->unanswered >= WINDOW)
            pump_until(client, client->unanswered < WINDOW / 2);
    }
    pump_until(client, client->unanswered == 0);
    for (size_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(sent[i]->answer.err, ERR_NONE);
        /* The broker lived: what it wrote is its own, even where a COMMIT got no answer. */
        assert_false(sent[i]->answer.duplicate);
    }
    for (size_t i = 0; i < ROOMS; i++) {
        struct heard *heard = client_room(client, rooms[i]);

        assert_int_equal(rows_of(rooms[i]), head_of(rooms[i]));
        assert_int_equal(heard->gaps, 0);
        assert_int_equal(heard->last_seq, head_of(rooms[i]));
        rows += rows_of(rooms[i]) - 1;
    }
    assert_int_equal(rows, MESSAGES + 2);
}

static void who_waits_too_long_is_told(void **state)
{
    uint64_t room = make_room(ANNA);
    struct sent *sent;
    struct sent *patient;

    (void)state;
    listen_to(room);
    kill_database();
    client->ttl_ms = 700;
    sent = client_ask(client, COMMAND_MESSAGE, room, ANNA, "never", key());
    assert_int_equal(sent->answer.err, ERR_DATABASE_UNAVAILABLE);
    client->ttl_ms = 10000;
    patient = client_send(client, COMMAND_MESSAGE, room, ANNA, "later", key());
    pump_ms(client, 1000);
    assert_int_equal(patient->answers, 0);
    start_database();
    pump_until(client, patient->answers > 0);
    assert_int_equal(patient->answer.err, ERR_NONE);
    assert_int_equal(patient->answer.seq, 2);
    assert_int_equal(rows_of(room), 2);
}

static void a_broker_starts_without_a_database(void **state)
{
    uint64_t room = make_room(ANNA);
    struct sent *sent;

    (void)state;
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    kill_database();
    start_broker();
    sent = client_send(client, COMMAND_MESSAGE, room, ANNA, "patience", key());
    pump_ms(client, 1000);
    start_database();
    pump_until(client, sent->answers > 0);
    assert_int_equal(sent->answer.seq, 2);
}

static void a_broker_stops_without_a_database(void **state)
{
    uint64_t began_ms;

    (void)state;
    kill_database();
    client_send(client, COMMAND_MESSAGE, 1, ANNA, "unanswered", key());
    pump_ms(client, 300);
    began_ms = clock_mono_ms();
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    assert_true(clock_mono_ms() - began_ms < 10000);
    start_database();
    start_broker();
    pump_until(client, client->unanswered == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_under_load_loses_and_repeats_nothing),
        cmocka_unit_test(who_waits_too_long_is_told),
        cmocka_unit_test(a_broker_starts_without_a_database),
        cmocka_unit_test(a_broker_stops_without_a_database),
    };
    char *database_url;
    char *line;
    int failed;

    snprintf(folder, sizeof(folder), "/tmp/banter-outage-%d", (int)getpid());
    database_url = mem_printf("mysql://banter@/banter?socket=%s/mariadb.sock", folder);
    setenv("BANTER_TEST_DATABASE_URL", database_url, 1);
    mariadb("start");
    failed = cmocka_run_group_tests(tests, set_up, tear_down);
    mariadb("stop");
    line = mem_printf("rm -rf %s %s.out", folder, folder);
    if (system(line) != 0)
        failed++;
    mem_free(line);
    mem_free(database_url);
    return failed;
}
