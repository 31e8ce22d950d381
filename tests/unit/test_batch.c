// needs: broker/command broker/dedupe broker/members broker/sequencer common/digest common/errors common/log common/clock common/map common/metrics common/strbuf common/mem common/check

/* What becomes of a batch, over a database that does as it is told. */
#include "broker/batch.h"
#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT 8

/* The database: what the next attempts give (ERR_NONE when the list is at its end), which command
 * it never takes, and which keys its log has. */
static enum err attempts[16];
static size_t attempt_at;
static enum err look_ups[16];
static size_t look_up_at;
static struct command *poison;
static bool in_log[256]; /* by the first byte of the key */
static bool commits_uncertain;

static char finished_text[1024];
static unsigned pauses;
static unsigned pauses_max;
static unsigned conflicts;
static unsigned batches;
static struct sequencer *sequencer;

/* The batch sees the database through these only. */
struct sequencer *apply_sequencer(struct apply *apply)
{
    (void)apply;
    return sequencer;
}

enum err apply_load_rooms(struct apply *apply, const uint64_t *room_ids, size_t count)
{
    (void)apply;
    (void)room_ids;
    (void)count;
    return look_ups[look_up_at++];
}

enum err apply_batch(struct apply *apply, struct command **commands, size_t count)
{
    enum err err = attempts[attempt_at++];

    (void)apply;
    batches++;
    for (size_t i = 0; i < count; i++) {
        command_reset_outcome(commands[i]);
        command_add_event(commands[i], EVENT_MESSAGE, 1);
        commands[i]->seq = 1;
        if (commands[i] == poison)
            err = ERR_DB_FAILED;
        else if (in_log[commands[i]->pending.key[0]])
            err = ERR_DB_DUPLICATE;
    }
    if (err == ERR_NONE || (err == ERR_DB_UNCERTAIN && commits_uncertain))
        for (size_t i = 0; i < count; i++)
            in_log[commands[i]->pending.key[0]] = true;
    return err;
}

enum err apply_find_written(struct apply *apply, struct command **commands, size_t count,
                            bool *found)
{
    (void)apply;
    for (size_t i = 0; i < count; i++) {
        found[i] = in_log[commands[i]->pending.key[0]];
        if (found[i]) {
            commands[i]->err = ERR_NONE;
            commands[i]->duplicate = !commands[i]->uncertain;
        }
    }
    return look_ups[look_up_at++];
}

static void finished(void *context, struct command *command)
{
    size_t len = strlen(finished_text);

    (void)context;
    snprintf(finished_text + len, sizeof(finished_text) - len, "%u:%s%s%s ",
             command->pending.key[0], command->err == ERR_NONE ? "ok" : err_code(command->err),
             command->duplicate ? "+duplicate" : "", command->stale_head ? "+stale" : "");
    command_destroy(&command);
}

static void flush(void *context)
{
    (void)context;
}

static bool pause(void *context, uint64_t ms)
{
    (void)context;
    assert_in_range(ms, 100, 1000);
    return ++pauses < pauses_max;
}

static void conflict(void *context)
{
    (void)context;
    conflicts++;
}

static const struct batch_calls calls = {finished, flush, pause, conflict, NULL};

static struct command *make(uint8_t key, uint32_t ttl_ms)
{
    struct bus_command from = {
        .ttl_ms = ttl_ms, .kind = COMMAND_MESSAGE, .room_id = 5, .sender_id = 1};

    memset(from.key, key, sizeof(from.key));
    return command_create(&from, ttl_ms > 0 ? 1000000000 : 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(attempts, 0, sizeof(attempts));
    memset(look_ups, 0, sizeof(look_ups));
    memset(in_log, 0, sizeof(in_log));
    attempt_at = look_up_at = 0;
    poison = NULL;
    commits_uncertain = false;
    finished_text[0] = '\0';
    pauses = conflicts = batches = 0;
    pauses_max = 1000;
    sequencer = sequencer_create(10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sequencer_destroy(&sequencer);
    return 0;
}

static void settle(uint8_t count, const char *expected)
{
    struct command *commands[COUNT];

    for (uint8_t i = 0; i < count; i++)
        commands[i] = make(i, 10000);
    assert_int_equal(batch_settle(NULL, &calls, commands, count), 0);
    assert_string_equal(finished_text, expected);
}

static void all_is_well(void **state)
{
    (void)state;
    settle(3, "0:ok 1:ok 2:ok ");
    assert_int_equal(batches, 1);
}

static void a_repeat_is_answered_and_the_rest_goes_on(void **state)
{
    (void)state;
    in_log[1] = true;
    settle(3, "1:ok+duplicate 0:ok 2:ok ");
    assert_int_equal(conflicts, 1);
    assert_int_equal(pauses, 0);
}

static void another_brokers_number_is_a_conflict_only(void **state)
{
    (void)state;
    attempts[0] = ERR_DB_DUPLICATE;
    settle(2, "0:ok 1:ok ");
    assert_int_equal(conflicts, 1);
    assert_int_equal(batches, 2);
}

static void an_uncertain_commit_that_held_was_ours(void **state)
{
    (void)state;
    attempts[0] = ERR_DB_UNCERTAIN;
    commits_uncertain = true;
    look_ups[0] = ERR_DATABASE_UNAVAILABLE; /* and the way back takes a moment */
    settle(3, "0:ok 1:ok 2:ok ");
    assert_int_equal(batches, 1);
    assert_int_equal(pauses, 1);
}

static void an_uncertain_commit_that_did_not_hold_is_repeated(void **state)
{
    (void)state;
    attempts[0] = ERR_DB_UNCERTAIN;
    settle(3, "0:ok 1:ok 2:ok ");
    assert_int_equal(batches, 2);
}

static void a_database_that_is_away_is_waited_for(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        attempts[i] = ERR_DATABASE_UNAVAILABLE;
    settle(2, "0:ok 1:ok ");
    assert_int_equal(pauses, 5);
}

static void a_deadlock_is_repeated_at_once(void **state)
{
    (void)state;
    attempts[0] = attempts[1] = ERR_DB_RETRY;
    settle(2, "0:ok 1:ok ");
    assert_int_equal(pauses, 0);
}

static void one_bad_command_does_not_poison_the_others(void **state)
{
    for (uint8_t at = 0; at < COUNT; at++) {
        struct command *commands[COUNT];
        char expected[1024] = "";

        tear_down(state);
        set_up(state);
        for (uint8_t i = 0; i < COUNT; i++) {
            commands[i] = make(i, 10000);
            snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%u:%s ", i,
                     i == at ? "internal_error" : "ok");
        }
        poison = commands[at];
        assert_int_equal(batch_settle(NULL, &calls, commands, COUNT), 0);
        assert_string_equal(finished_text, expected);
    }
}

/* What a lost COMMIT may have held did perhaps happen, whatever the database says of it now. */
static void a_bad_command_that_may_be_written_is_not_denied(void **state)
{
    struct command *commands[] = {make(1, 10000), make(2, 10000)};

    (void)state;
    attempts[0] = ERR_DB_UNCERTAIN;
    look_ups[0] = look_ups[1] = look_ups[2] = ERR_DB_FAILED;
    assert_int_equal(batch_settle(NULL, &calls, commands, 2), 0);
    assert_string_equal(finished_text, "1:outcome_unknown+stale 2:outcome_unknown+stale ");
}

static void time_that_is_up_is_told(void **state)
{
    struct command *late = make(1, 0);
    struct command *delayed = make(2, 0);
    struct command *uncertain = make(3, 0);
    struct command *commands[] = {late, delayed, uncertain, make(4, 10000)};

    (void)state;
    delayed->delayed = true;
    uncertain->uncertain = true;
    assert_int_equal(batch_settle(NULL, &calls, commands, 4), 0);
    assert_string_equal(finished_text, "1:overloaded 2:database_unavailable "
                                       "3:outcome_unknown+stale 4:ok ");
}

/* Whether or not the first half was begun, nothing is lost. */
static void what_is_given_up_is_handed_back(void **state)
{
    for (size_t fail_from = 0; fail_from < 6; fail_from++) {
        struct command *commands[COUNT];
        bool seen[COUNT] = {false};
        size_t left;

        tear_down(state);
        set_up(state);
        for (uint8_t i = 0; i < COUNT; i++)
            commands[i] = make(i, 10000);
        poison = commands[5];
        for (size_t i = fail_from; i < ARRAY_LEN(attempts); i++)
            attempts[i] = ERR_DATABASE_UNAVAILABLE;
        pauses_max = 1;
        left = batch_settle(NULL, &calls, commands, COUNT);
        for (size_t i = 0; i < left; i++) {
            assert_false(seen[commands[i]->pending.key[0]]);
            seen[commands[i]->pending.key[0]] = true;
        }
        for (char *at = finished_text; (at = strchr(at, ':')) != NULL; at++) {
            assert_false(seen[at[-1] - '0']);
            seen[at[-1] - '0'] = true;
        }
        for (size_t i = 0; i < COUNT; i++)
            assert_true(seen[i]);
        for (size_t i = 0; i < left; i++)
            command_destroy(&commands[i]);
    }
}

static void loading_rooms_has_patience(void **state)
{
    (void)state;
    look_ups[0] = look_ups[1] = ERR_DATABASE_UNAVAILABLE;
    assert_true(batch_load_rooms(NULL, &calls, NULL, 0));
    assert_int_equal(pauses, 2);
    look_ups[3] = ERR_DATABASE_UNAVAILABLE;
    pauses_max = 0;
    assert_false(batch_load_rooms(NULL, &calls, NULL, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_is_well),
        TEST(a_repeat_is_answered_and_the_rest_goes_on),
        TEST(another_brokers_number_is_a_conflict_only),
        TEST(an_uncertain_commit_that_held_was_ours),
        TEST(an_uncertain_commit_that_did_not_hold_is_repeated),
        TEST(a_database_that_is_away_is_waited_for),
        TEST(a_deadlock_is_repeated_at_once),
        TEST(one_bad_command_does_not_poison_the_others),
        TEST(a_bad_command_that_may_be_written_is_not_denied),
        TEST(time_that_is_up_is_told),
        TEST(what_is_given_up_is_handed_back),
        TEST(loading_rooms_has_patience),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
