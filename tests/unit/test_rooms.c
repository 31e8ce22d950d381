// needs: gateway/room_log gateway/cursor gateway/frame gateway/ws_deflate gateway/ws_frame gateway/notes gateway/linger gateway/delivery_count common/loop common/map common/metrics common/clock common/log common/strbuf common/mem common/check common/digest
/*
 * rooms: what a turn of the loop delivers. Bus, database and presence are stubs; subscribers count.
 */
#include "gateway/rooms.h"

#include "gateway/bus_link.h"
#include "gateway/page_reads.h"
#include "gateway/presence_local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOMS   4
#define MEMBERS 200 /* of each */

static struct loop *loop;
static struct rooms *rooms;
static struct subscription members[ROOMS][MEMBERS];
static uint64_t delivered[ROOMS]; /* events, to all of its members */

/* ---- stubs ---- */

void bus_link_subscribe(struct bus_link *link, uint64_t room_id)
{
    (void)link, (void)room_id;
}

void bus_link_unsubscribe(struct bus_link *link, uint64_t room_id)
{
    (void)link, (void)room_id;
}

void bus_link_ask_head(struct bus_link *link, uint64_t room_id)
{
    (void)link, (void)room_id;
}

size_t bus_link_in_flight(const struct bus_link *link)
{
    (void)link;
    return 0;
}

void presence_local_add(struct presence_local *presence, uint64_t room_id, uint64_t user_id)
{
    (void)presence, (void)room_id, (void)user_id;
}

void presence_local_remove(struct presence_local *presence, uint64_t room_id, uint64_t user_id)
{
    (void)presence, (void)room_id, (void)user_id;
}

struct page_reads *page_reads_create(struct loop *on, struct pool *db, uint64_t page_events,
                                     const struct page_reads_ops *ops, void *context)
{
    (void)on, (void)db, (void)page_events, (void)ops, (void)context;
    return NULL;
}

void page_reads_destroy(struct page_reads **reads)
{
    (void)reads;
}

void page_source_init(struct page_source *source, uint64_t room_id)
{
    (void)source, (void)room_id;
}

void page_source_drop(struct page_source *source)
{
    (void)source;
}

void page_reads_want(struct page_reads *reads, struct page_source *source, uint64_t after,
                     uint64_t user_id, struct list_node *waiter)
{
    (void)reads, (void)source, (void)after, (void)user_id, (void)waiter;
    fail(); /* everything is in the ring */
}

void page_reads_later(struct page_reads *reads, struct list_node *waiter)
{
    (void)reads, (void)waiter;
    fail();
}

/* ---- subscribers ---- */

static bool on_full(struct subscription *sub, bool behind)
{
    (void)sub, (void)behind;
    return false;
}

static void on_deliver(struct subscription *sub, struct frame *frame)
{
    delivered[(size_t)(sub - members[0]) / MEMBERS] += frame->events;
}

static void on_started(struct subscription *sub, enum cursor_resume resume,
                       const struct room_log *log)
{
    (void)sub, (void)resume, (void)log;
}

static void on_caught_up(struct subscription *sub, uint64_t seq)
{
    (void)sub, (void)seq;
}

static void on_ended(struct subscription *sub, enum rooms_end why)
{
    (void)sub, (void)why;
    fail();
}

static const struct subscriber_ops ops = {on_full, on_deliver, on_started, on_caught_up, on_ended};

static int set_up(void **state)
{
    static const struct rooms_options options = {262144, 67108864, 500, 0, UINT32_MAX};

    (void)state;
    memset(members, 0, sizeof(members));
    loop = loop_create();
    rooms = rooms_create(loop, NULL, &options);
    for (uint64_t i = 0; i < ROOMS; i++) {
        const struct bus_head head = {i + 1, 0, 1};

        for (uint64_t j = 0; j < MEMBERS; j++) {
            members[i][j] = (struct subscription){.ops = &ops, .user_id = j + 1, .runs = true};
            rooms_subscribe(rooms, &members[i][j], i + 1);
        }
        rooms_on_head(rooms, &head);
    }
    for (size_t i = 0; i < ROOMS; i++)
        loop_turn(loop, 0); /* all have begun */
    memset(delivered, 0, sizeof(delivered));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROOMS; i++)
        for (size_t j = 0; j < MEMBERS; j++)
            rooms_unsubscribe(rooms, &members[i][j]);
    rooms_destroy(&rooms);
    loop_destroy(&loop);
    return 0;
}

static void say(uint64_t room_id, uint64_t seq)
{
    static const char json[] = "{\"type\":\"message\"}";
    const struct bus_event event = {.room_id = room_id,
                                    .seq = seq,
                                    .kind = EVENT_MESSAGE,
                                    .actor_id = 1,
                                    .json = {(const uint8_t *)json, sizeof(json) - 1}};

    rooms_on_event(rooms, &event);
}

/* ---- tests ---- */

/* What came with one batch of the bus is for hundreds: after some of them the loop looks at its
 * sockets again, and does not wait there. */
static void test_a_turn_ends_in_between(void **state)
{
    size_t turns = 0;
    size_t rooms_done = 0;

    (void)state;
    for (uint64_t i = 1; i <= ROOMS; i++)
        say(i, 1);
    for (; rooms_done < ROOMS && turns < 2 * ROOMS; turns++) {
        size_t before = rooms_done;

        loop_turn(loop, 60000);
        for (rooms_done = 0; rooms_done < ROOMS && delivered[rooms_done] > 0; rooms_done++)
            assert_int_equal(delivered[rooms_done], MEMBERS); /* a room is not divided */
        assert_in_range(rooms_done - before, 1, 2);           /* 400 members at most */
    }
    assert_int_equal(rooms_done, ROOMS);
    assert_int_equal(turns, 2);
}

/* Events that come while a room waits for its turn leave with those that it waits with; a room that
 * always has something does not keep others from theirs. */
static void test_rooms_take_turns(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= ROOMS; i++)
        say(i, 1);
    loop_turn(loop, 0);
    assert_int_equal(delivered[0], MEMBERS);
    assert_int_equal(delivered[ROOMS - 1], 0);
    say(1, 2);
    say(ROOMS, 2);
    loop_turn(loop, 0);
    assert_int_equal(delivered[0], MEMBERS);
    assert_int_equal(delivered[ROOMS - 1], 2 * MEMBERS);
    loop_turn(loop, 0);
    assert_int_equal(delivered[0], 2 * MEMBERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_turn_ends_in_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rooms_take_turns, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("rooms", tests, NULL, NULL);
}
