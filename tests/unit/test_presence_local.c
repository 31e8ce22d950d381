// needs: common/bus_proto common/wire common/strbuf common/digest common/map common/mem common/check

/* What a worker tells the broker of its sockets, heard in place of the bus. */
#include "gateway/presence_local.h"

#include "common/bus_proto.h"
#include "common/mem.h"
#include "gateway/bus_link.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 7, OTHER_ROOM = 8, ANNA = 100, BERT = 101 };

static struct presence_local *presence;
static void (*turn_end)(void *context);
static void *turn_end_context;
static char said[1024];
static uint32_t entries_said;

void loop_on_turn_end(struct loop *loop, void (*fn)(void *context), void *context)
{
    (void)loop;
    turn_end = fn;
    turn_end_context = context;
}

void loop_no_wait(struct loop *loop)
{
    (void)loop;
}

static void say(const char *what, uint32_t shard, const struct strbuf *entries)
{
    const struct bus_presence report = {
        .count = (uint32_t)(entries->len / BUS_PRESENCE_ENTRY_SIZE),
        .entries = {(const uint8_t *)entries->data, entries->len},
    };

    snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%u:%u ", what, shard,
             report.count);
    entries_said += report.count;
    for (uint32_t i = 0; i < report.count && report.count < 5; i++) {
        struct bus_presence_entry entry = bus_presence_entry(&report, i);

        assert_int_equal(bus_shard(entry.room_id), shard);
        snprintf(said + strlen(said), sizeof(said) - strlen(said), "%c%llu/%llu ",
                 entry.up ? '+' : '-', (unsigned long long)entry.room_id,
                 (unsigned long long)entry.user_id);
    }
}

void bus_link_report_presence(struct bus_link *link, uint32_t shard, const struct strbuf *entries)
{
    (void)link;
    say("news", shard, entries);
}

void bus_link_report_snapshot(struct bus_link *link, uint32_t shard, uint32_t piece, bool last,
                              const struct strbuf *entries)
{
    char what[32];

    (void)link;
    snprintf(what, sizeof(what), "piece%u%s@", piece, last ? "last" : "");
    say(what, shard, entries);
}

static void assert_said(const char *expected)
{
    assert_string_equal(said, expected);
    said[0] = '\0';
    entries_said = 0;
}

static void end_turn(const char *expected)
{
    turn_end(turn_end_context);
    assert_said(expected);
}

static int set_up(void **state)
{
    static uint8_t somewhere;

    (void)state;
    said[0] = '\0';
    entries_said = 0;
    presence = presence_local_create(NULL);
    presence_local_set_link(presence, (struct bus_link *)&somewhere); /* never looked into */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    presence_local_destroy(&presence);
    return 0;
}

static uint64_t digest_of(uint32_t shard)
{
    uint64_t digest[SHARD_COUNT];

    presence_local_digests(presence, digest);
    return digest[shard];
}

static void the_first_and_the_last_socket_are_news(void **state)
{
    (void)state;
    presence_local_add(presence, ROOM, ANNA);
    presence_local_add(presence, ROOM, ANNA);
    presence_local_add(presence, OTHER_ROOM, BERT);
    end_turn("news7:1 +7/100 news8:1 +8/101 ");
    assert_true(digest_of(ROOM) == bus_presence_digest(ROOM, ANNA));
    presence_local_remove(presence, ROOM, ANNA);
    end_turn("");
    presence_local_remove(presence, ROOM, ANNA);
    end_turn("news7:1 -7/100 ");
    assert_true(digest_of(ROOM) == 0);
}

static void a_large_shard_is_sent_in_pieces(void **state)
{
    uint64_t pairs = 2 * BUS_PRESENCE_ENTRIES_MAX;

    (void)state;
    presence_local_send_shard(presence, ROOM);
    assert_said("piece0last@7:0 ");
    presence_local_add(presence, OTHER_ROOM, BERT);
    for (uint64_t user = 1; user < pairs; user++)
        presence_local_add(presence, ROOM, user);
    presence_local_send_shard(presence, ROOM);
    assert_int_equal(entries_said, pairs - 1);
    assert_said("piece0@7:10000 piece1last@7:9999 ");
    presence_local_add(presence, ROOM, pairs);
    presence_local_send_shard(presence, ROOM);
    assert_said("piece0@7:10000 piece1@7:10000 piece2last@7:0 ");
    end_turn("news8:1 +8/101 "); /* what a snapshot had is no news */
}

static void nobody_goes_while_draining(void **state)
{
    (void)state;
    presence_local_add(presence, ROOM, ANNA);
    presence_local_add(presence, ROOM, BERT);
    presence_local_remove(presence, ROOM, BERT);
    end_turn("news7:3 +7/100 +7/101 -7/101 ");
    presence_local_set_draining(presence);
    presence_local_remove(presence, ROOM, ANNA);
    end_turn("");
    assert_true(digest_of(ROOM) == bus_presence_digest(ROOM, ANNA));
    presence_local_send_shard(presence, ROOM);
    assert_said("piece0last@7:1 +7/100 ");
    /* A socket that is still open may come back to the room, and is new in another. */
    presence_local_add(presence, ROOM, ANNA);
    end_turn("");
    presence_local_remove(presence, ROOM, ANNA);
    presence_local_add(presence, OTHER_ROOM, ANNA);
    end_turn("news8:1 +8/100 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_and_the_last_socket_are_news),
        TEST(a_large_shard_is_sent_in_pieces),
        TEST(nobody_goes_while_draining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
