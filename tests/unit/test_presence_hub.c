// needs: common/bus_proto common/wire common/strbuf common/digest common/map common/mem common/check

/* Joined with the first socket anywhere, left with the last, and nobody flickers. */
#include "broker/presence_hub.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 8000
#define ALL        UINT64_MAX

enum { ROOM = 7, OTHER_ROOM = 8, SAME_SHARD = 7 + SHARD_COUNT, ANNA = 100, BERT = 101 };
enum { EAST = 1, WEST = 2 };

static struct presence_hub *hub;
static char said[1024]; /* what was announced and asked since the last look */

static void announce(void *context, uint64_t room_id, uint64_t user_id, bool joined)
{
    (void)context;
    snprintf(said + strlen(said), sizeof(said) - strlen(said), "%c%llu/%llu ", joined ? '+' : '-',
             (unsigned long long)room_id, (unsigned long long)user_id);
}

static void resync(void *context, uint64_t worker_id, uint32_t shard)
{
    (void)context;
    snprintf(said + strlen(said), sizeof(said) - strlen(said), "?%llu/%u ",
             (unsigned long long)worker_id, shard);
}

static void assert_said(const char *expected)
{
    assert_string_equal(said, expected);
    said[0] = '\0';
}

static int set_up(void **state)
{
    const struct presence_hub_calls calls = {announce, resync, NULL};

    (void)state;
    hub = presence_hub_create(&calls, TIMEOUT_MS);
    said[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    presence_hub_destroy(&hub);
    return 0;
}

static void report_many(struct bus_presence presence, const struct bus_presence_entry *entries,
                        uint32_t count)
{
    struct strbuf bytes = STRBUF_EMPTY;

    for (uint32_t i = 0; i < count; i++)
        bus_presence_add(&bytes, &entries[i]);
    presence.count = count;
    presence.entries = (struct span){(const uint8_t *)bytes.data, bytes.len};
    presence_hub_report(hub, ROOM, &presence, 1000);
    strbuf_fini(&bytes);
}

static void report(uint64_t worker, uint64_t room_id, uint64_t user_id, bool up)
{
    const struct bus_presence_entry entry = {room_id, user_id, up};

    report_many((struct bus_presence){.worker_id = worker}, &entry, 1);
}

/* A piece of East's snapshot that has these users; 0 ends them. */
static void piece(uint32_t number, bool last, uint64_t one, uint64_t other)
{
    const struct bus_presence_entry entries[] = {{ROOM, one, true}, {ROOM, other, true}};

    report_many(
        (struct bus_presence){.worker_id = EAST, .snapshot = true, .last = last, .piece = number},
        entries, other != 0 ? 2 : one != 0);
}

static void beat(uint64_t worker, uint64_t digest, uint64_t now_ms)
{
    struct bus_heartbeat heartbeat = {.worker_id = worker};

    heartbeat.digest[ROOM] = digest;
    presence_hub_heartbeat(hub, &heartbeat, ALL, now_ms);
}

static void depart(uint64_t worker, uint64_t now_ms)
{
    const struct bus_heartbeat heartbeat = {.worker_id = worker, .leaving = true};

    presence_hub_heartbeat(hub, &heartbeat, ALL, now_ms);
}

static uint32_t count_users(uint64_t room_id)
{
    uint32_t count = 0;

    for (uint64_t user = 0; user < 200; user++)
        count += presence_hub_is_online(hub, room_id, user);
    return count;
}

static void the_first_and_the_last_socket_count(void **state)
{
    (void)state;
    report(EAST, ROOM, ANNA, true);
    assert_said("+7/100 ");
    report(WEST, ROOM, ANNA, true);
    report(EAST, ROOM, ANNA, true); /* a repeat is harmless */
    assert_said("");
    report(EAST, ROOM, ANNA, false);
    assert_said("");
    assert_int_equal(count_users(ROOM), 1);
    report(WEST, ROOM, ANNA, false);
    assert_said("-7/100 ");
    report(WEST, ROOM, ANNA, false);
    assert_said("");
    assert_int_equal(count_users(ROOM), 0);
    assert_int_equal(presence_hub_pairs(hub), 0);
}

static void rooms_and_users_are_apart(void **state)
{
    (void)state;
    report(EAST, ROOM, ANNA, true);
    report(EAST, ROOM, BERT, true);
    report(EAST, SAME_SHARD, ANNA, true);
    report(EAST, OTHER_ROOM, ANNA, true); /* on the wrong shard's topic */
    assert_said("+7/100 +7/101 +71/100 ");
    assert_int_equal(count_users(ROOM), 2);
    assert_int_equal(count_users(SAME_SHARD), 1);
    assert_int_equal(count_users(OTHER_ROOM), 0);
}

static void a_digest_that_does_not_fit_asks_for_a_snapshot(void **state)
{
    uint64_t digest = bus_presence_digest(ROOM, ANNA);

    (void)state;
    report(EAST, ROOM, ANNA, true);
    assert_said("+7/100 ");
    beat(EAST, digest, 1000);
    assert_said("");
    beat(EAST, digest ^ bus_presence_digest(ROOM, BERT), 1000);
    assert_said("?1/7 ");
    beat(EAST, 0, 1000 + PRESENCE_RESYNC_MS - 1);
    assert_said("");
    beat(EAST, 0, 1000 + PRESENCE_RESYNC_MS);
    assert_said("?1/7 ");
    beat(WEST, digest, 1000); /* a worker that was never heard of */
    assert_said("?2/7 ");
    report(EAST, ROOM, ANNA, false);
    assert_said("-7/100 ");
    beat(EAST, 0, 9000);
    assert_said("");
}

static void others_shards_are_not_asked_for(void **state)
{
    struct bus_heartbeat heartbeat = {.worker_id = EAST};

    (void)state;
    heartbeat.digest[ROOM] = 1;
    presence_hub_heartbeat(hub, &heartbeat, ALL & ~(UINT64_C(1) << ROOM), 1000);
    assert_said("");
}

static void a_snapshot_is_silent_about_what_is_new(void **state)
{
    const struct bus_presence_entry entries[] = {{ROOM, BERT, true}, {SAME_SHARD, BERT, true}};
    const struct bus_presence whole = {.worker_id = EAST, .snapshot = true, .last = true};

    (void)state;
    report(EAST, ROOM, ANNA, true);
    report(WEST, ROOM, BERT, true);
    assert_said("+7/100 +7/101 ");
    report_many(whole, entries, 2);
    assert_said("-7/100 "); /* what it does not have any more has gone */
    assert_int_equal(count_users(SAME_SHARD), 1);
    beat(EAST, bus_presence_digest(ROOM, BERT) ^ bus_presence_digest(SAME_SHARD, BERT), 1000);
    assert_said("");
    report_many(whole, NULL, 0);
    assert_said("-71/101 ");
    assert_int_equal(count_users(ROOM), 1); /* West's */
}

static void a_snapshot_in_pieces_is_one(void **state)
{
    (void)state;
    for (uint64_t user = 1; user <= 4; user++)
        report(EAST, ROOM, user, true);
    assert_said("+7/1 +7/2 +7/3 +7/4 ");
    piece(0, false, 1, 5);
    piece(1, false, 2, 6);
    assert_said("");
    report(EAST, ROOM, 7, true); /* news from between them */
    assert_said("+7/7 ");
    piece(2, true, 3, 0);
    assert_said("-7/4 "); /* the only one that none of them has */
    assert_int_equal(count_users(ROOM), 6);
    piece(0, false, 1, 2);
    piece(1, true, 0, 0);
    assert_said("-7/3 -7/5 -7/6 -7/7 ");
    assert_int_equal(count_users(ROOM), 2);
}

static void a_snapshot_with_a_gap_takes_nobody_away(void **state)
{
    (void)state;
    for (uint64_t user = 1; user <= 3; user++)
        report(EAST, ROOM, user, true);
    assert_said("+7/1 +7/2 +7/3 ");
    piece(0, false, 1, 0);
    piece(2, true, 3, 0); /* 1 was lost */
    piece(1, true, 4, 0); /* the first was lost */
    piece(0, false, 1, 0);
    piece(0, false, 1, 0); /* came twice, and the second time too late */
    piece(2, true, 3, 0);
    assert_said("");
    assert_int_equal(count_users(ROOM), 4);
    beat(EAST, bus_presence_digest(ROOM, 1), 1000);
    assert_said("?1/7 ");
    piece(0, true, 1, 0);
    assert_said("-7/2 -7/3 -7/4 ");
}

static void a_silent_workers_users_leave(void **state)
{
    (void)state;
    report(EAST, ROOM, ANNA, true);
    report(WEST, ROOM, BERT, true);
    beat(WEST, bus_presence_digest(ROOM, BERT), 5000);
    assert_said("+7/100 +7/101 ");
    presence_hub_tick(hub, 1000 + TIMEOUT_MS - 1);
    assert_int_equal(presence_hub_workers(hub), 2);
    presence_hub_tick(hub, 1000 + TIMEOUT_MS);
    assert_int_equal(presence_hub_workers(hub), 1);
    assert_int_equal(count_users(ROOM), 2);
    assert_said("");
    presence_hub_tick(hub, 1000 + TIMEOUT_MS + PRESENCE_LINGER_MS);
    assert_said("-7/100 ");
    assert_int_equal(count_users(ROOM), 1);
}

static void who_comes_back_in_time_never_left(void **state)
{
    (void)state;
    report(EAST, ROOM, ANNA, true);
    report(EAST, ROOM, BERT, true);
    assert_said("+7/100 +7/101 ");
    depart(EAST, 1000);
    report(WEST, ROOM, ANNA, true);
    presence_hub_tick(hub, 1000 + PRESENCE_LINGER_MS);
    assert_said("-7/101 ");
    report(WEST, ROOM, ANNA, false);
    assert_said("-7/100 ");
    depart(EAST, 1000); /* it is gone already */
    assert_said("");
}

static void shards_are_forgotten_silently(void **state)
{
    (void)state;
    report(EAST, ROOM, ANNA, true);
    report(WEST, ROOM, BERT, true);
    depart(WEST, 1000);
    assert_said("+7/100 +7/101 ");
    presence_hub_forget(hub, UINT64_C(1) << OTHER_ROOM);
    assert_int_equal(count_users(ROOM), 2);
    presence_hub_forget(hub, UINT64_C(1) << ROOM);
    assert_int_equal(count_users(ROOM), 0);
    presence_hub_tick(hub, 100000);
    assert_said("");
}

/* Many random reports, against a plain count of who has what. */
static void random_reports_add_up(void **state)
{
    enum { WORKERS = 4, USERS = 6, STEPS = 20000 };
    bool has[WORKERS][USERS] = {{false}};
    uint32_t random = 1;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        uint32_t online = 0;
        uint64_t worker, user;

        random = random * 1664525 + 1013904223;
        worker = random >> 16 & (WORKERS - 1);
        user = (random >> 20) % USERS;
        has[worker][user] = (random >> 30 & 1) != 0;
        report(worker + 1, ROOM, user + 1, has[worker][user]);
        said[0] = '\0';
        for (int u = 0; u < USERS; u++)
            online += has[0][u] || has[1][u] || has[2][u] || has[3][u];
        assert_int_equal(count_users(ROOM), online);
    }
    for (int w = 0; w < WORKERS; w++) {
        uint64_t digest = 0;

        for (uint64_t u = 0; u < USERS; u++)
            digest ^= has[w][u] ? bus_presence_digest(ROOM, u + 1) : 0;
        beat((uint64_t)w + 1, digest, 2000);
    }
    assert_said("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_and_the_last_socket_count),
        TEST(rooms_and_users_are_apart),
        TEST(a_digest_that_does_not_fit_asks_for_a_snapshot),
        TEST(others_shards_are_not_asked_for),
        TEST(a_snapshot_is_silent_about_what_is_new),
        TEST(a_snapshot_in_pieces_is_one),
        TEST(a_snapshot_with_a_gap_takes_nobody_away),
        TEST(a_silent_workers_users_leave),
        TEST(who_comes_back_in_time_never_left),
        TEST(shards_are_forgotten_silently),
        TEST(random_reports_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
