// needs: gateway/presence_local common/bus_proto common/wire common/map common/loop common/clock common/log common/strbuf common/mem common/check common/digest common/errors
/*
 * presence_local over a real loop: what a turn reports, and that a broker that adds the reports up
 * always comes to the digests that the worker says.
 */
#include "gateway/presence_local.h"

#include "common/bus_proto.h"
#include "gateway/bus_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS_MAX 64

/* In place of the link: writes the reports down, and keeps what a broker would. */
struct bus_link {
    struct strbuf transcript; /* "5+ 1:2;": shard, + for a snapshot, room:user, ! for down */
    unsigned reports;
    size_t largest;
    uint64_t digest[SHARD_COUNT];
};

static void take(struct bus_link *link, uint32_t shard, const char *what,
                 const struct strbuf *entries)
{
    struct bus_presence presence = {.entries = {(const uint8_t *)entries->data, entries->len}};

    assert_int_equal(entries->len % BUS_PRESENCE_ENTRY_SIZE, 0);
    presence.count = (uint32_t)(entries->len / BUS_PRESENCE_ENTRY_SIZE);
    assert_true(presence.count <= BUS_PRESENCE_ENTRIES_MAX);
    link->reports++;
    link->largest = MAX(link->largest, (size_t)presence.count);
    strbuf_printf(&link->transcript, "%u%s", shard, what);
    for (uint32_t i = 0; i < presence.count; i++) {
        struct bus_presence_entry entry = bus_presence_entry(&presence, i);

        assert_int_equal(bus_shard(entry.room_id), shard);
        link->digest[shard] ^= bus_presence_digest(entry.room_id, entry.user_id);
        if (i < 8)
            strbuf_printf(&link->transcript, " %s%llu:%llu", entry.up ? "" : "!",
                          (unsigned long long)entry.room_id, (unsigned long long)entry.user_id);
    }
    strbuf_add_char(&link->transcript, ';');
}

void bus_link_report_presence(struct bus_link *link, uint32_t shard, const struct strbuf *entries)
{
    take(link, shard, "", entries);
}

void bus_link_report_snapshot(struct bus_link *link, uint32_t shard, uint32_t piece, bool last,
                              const struct strbuf *entries)
{
    if (piece == 0)
        link->digest[shard] = 0;
    take(link, shard, last ? "+" : "...", entries);
}

struct fixture {
    struct loop *loop;
    struct presence_local *presence;
    struct bus_link link;
};

static int begin(void **state)
{
    static struct fixture fixture;

    memset(&fixture, 0, sizeof(fixture));
    fixture.loop = loop_create();
    fixture.presence = presence_local_create(fixture.loop);
    presence_local_set_link(fixture.presence, &fixture.link);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    presence_local_destroy(&f->presence);
    assert_null(f->presence);
    presence_local_destroy(&f->presence);
    loop_destroy(&f->loop);
    strbuf_fini(&f->link.transcript);
    return 0;
}

/* A turn of the loop, and what was reported in it. */
static void expect_turn(struct fixture *f, const char *expected)
{
    loop_turn(f->loop, 0);
    assert_string_equal(strbuf_str(&f->link.transcript), expected);
    strbuf_reset(&f->link.transcript);
}

static void assert_digests_agree(struct fixture *f)
{
    uint64_t digest[SHARD_COUNT];

    presence_local_digests(f->presence, digest);
    assert_memory_equal(digest, f->link.digest, sizeof(digest));
}

static void test_first_and_last_are_news(void **state)
{
    struct fixture *f = *state;

    presence_local_add(f->presence, 5, 1);
    expect_turn(f, "5 5:1;");
    presence_local_add(f->presence, 5, 1);
    presence_local_add(f->presence, 5, 1);
    expect_turn(f, "");
    presence_local_remove(f->presence, 5, 1);
    presence_local_remove(f->presence, 5, 1);
    expect_turn(f, "");
    presence_local_remove(f->presence, 5, 1);
    expect_turn(f, "5 !5:1;");
    assert_digests_agree(f);
    presence_local_add(f->presence, 5, 1);
    expect_turn(f, "5 5:1;");
    assert_digests_agree(f);
}

static void test_nothing_to_say(void **state)
{
    struct fixture *f = *state;

    expect_turn(f, "");
    expect_turn(f, "");
    assert_digests_agree(f);
}

/* One report for a shard and turn, in the order of what happened. */
static void test_gathered_by_shard(void **state)
{
    struct fixture *f = *state;

    presence_local_add(f->presence, SHARD_COUNT + 2, 9);
    presence_local_add(f->presence, 1, 7);
    presence_local_add(f->presence, 2, 7);
    presence_local_add(f->presence, 1, 8);
    assert_int_equal(f->link.reports, 0);
    expect_turn(f, "1 1:7 1:8;2 66:9 2:7;");
    assert_digests_agree(f);
}

static void test_up_and_down_in_one_turn(void **state)
{
    struct fixture *f = *state;

    presence_local_add(f->presence, 3, 1);
    presence_local_remove(f->presence, 3, 1);
    expect_turn(f, "3 3:1 !3:1;");
    assert_digests_agree(f);
    presence_local_add(f->presence, 3, 1);
    expect_turn(f, "3 3:1;");
    presence_local_remove(f->presence, 3, 1);
    presence_local_add(f->presence, 3, 1);
    expect_turn(f, "3 !3:1 3:1;");
    assert_digests_agree(f);
}

static void test_room_and_user_are_not_mixed_up(void **state)
{
    struct fixture *f = *state;
    uint64_t one[SHARD_COUNT];
    uint64_t other[SHARD_COUNT];

    presence_local_add(f->presence, 1, 65);
    presence_local_digests(f->presence, one);
    presence_local_add(f->presence, 65, 1);
    expect_turn(f, "1 1:65 65:1;");
    presence_local_remove(f->presence, 1, 65);
    presence_local_digests(f->presence, other);
    assert_memory_not_equal(one, other, sizeof(one));
    expect_turn(f, "1 !1:65;");
    assert_digests_agree(f);
}

/* What happens before there is a link is said once there is one. */
static void test_link_comes_later(void **state)
{
    struct fixture *f = *state;

    presence_local_set_link(f->presence, NULL);
    presence_local_add(f->presence, 4, 1);
    expect_turn(f, "");
    presence_local_set_link(f->presence, &f->link);
    expect_turn(f, "4 4:1;");
    assert_digests_agree(f);
}

static void test_snapshot(void **state)
{
    struct fixture *f = *state;

    presence_local_send_shard(f->presence, 6);
    expect_turn(f, "6+;");
    presence_local_add(f->presence, 6, 1);
    presence_local_add(f->presence, 6, 1);
    presence_local_add(f->presence, 7, 1);
    presence_local_send_shard(f->presence, 6);
    expect_turn(f, "6+ 6:1;7 7:1;"); /* the news of the shard are in its snapshot */
    assert_digests_agree(f);
    presence_local_send_shard(f->presence, 6);
    presence_local_remove(f->presence, 6, 1);
    expect_turn(f, "6+ 6:1;");
    presence_local_remove(f->presence, 6, 1);
    presence_local_send_shard(f->presence, 6);
    expect_turn(f, "6+;");
    assert_digests_agree(f);
}

/* Too much for a message is not sent: the digests differ, and the broker will ask. */
static void test_too_much_news(void **state)
{
    struct fixture *f = *state;

    for (uint64_t user = 1; user <= BUS_PRESENCE_ENTRIES_MAX; user++)
        presence_local_add(f->presence, 9, user);
    loop_turn(f->loop, 0);
    assert_int_equal(f->link.reports, 1);
    assert_int_equal(f->link.largest, BUS_PRESENCE_ENTRIES_MAX);
    assert_digests_agree(f);
    for (uint64_t user = 1; user <= BUS_PRESENCE_ENTRIES_MAX + 1; user++)
        presence_local_add(f->presence, 10, user);
    loop_turn(f->loop, 0);
    assert_int_equal(f->link.reports, 1);
    presence_local_send_shard(f->presence, 10);
    assert_int_equal(f->link.reports, 3);
    assert_int_equal(f->link.largest, BUS_PRESENCE_ENTRIES_MAX);
    assert_digests_agree(f);
}

static void test_random(void **state)
{
    struct fixture *f = *state;
    unsigned sockets[PAIRS_MAX] = {0};
    unsigned seed = 1;

    for (unsigned i = 0; i < 20000; i++) {
        unsigned pair = (unsigned)rand_r(&seed) % PAIRS_MAX;
        uint64_t room_id = pair % 8 * 32;
        uint64_t user_id = pair / 8 * 32;

        if (rand_r(&seed) % 2 == 0 && sockets[pair] > 0) {
            presence_local_remove(f->presence, room_id, user_id);
            sockets[pair]--;
        } else if (sockets[pair] < 3) {
            presence_local_add(f->presence, room_id, user_id);
            sockets[pair]++;
        }
        if (rand_r(&seed) % 16 == 0)
            presence_local_send_shard(f->presence, (uint32_t)rand_r(&seed) % SHARD_COUNT);
        if (rand_r(&seed) % 8 == 0) {
            loop_turn(f->loop, 0);
            assert_digests_agree(f);
        }
        strbuf_reset(&f->link.transcript);
    }
    for (unsigned pair = 0; pair < PAIRS_MAX; pair++)
        while (sockets[pair]-- > 0)
            presence_local_remove(f->presence, pair % 8 * 32, pair / 8 * 32);
    loop_turn(f->loop, 0);
    assert_digests_agree(f);
    for (unsigned shard = 0; shard < SHARD_COUNT; shard++)
        assert_true(f->link.digest[shard] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_to_say, begin, end),
        cmocka_unit_test_setup_teardown(test_first_and_last_are_news, begin, end),
        cmocka_unit_test_setup_teardown(test_gathered_by_shard, begin, end),
        cmocka_unit_test_setup_teardown(test_up_and_down_in_one_turn, begin, end),
        cmocka_unit_test_setup_teardown(test_room_and_user_are_not_mixed_up, begin, end),
        cmocka_unit_test_setup_teardown(test_link_comes_later, begin, end),
        cmocka_unit_test_setup_teardown(test_snapshot, begin, end),
        cmocka_unit_test_setup_teardown(test_too_much_news, begin, end),
        cmocka_unit_test_setup_teardown(test_random, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
