// needs: common/metrics common/mem common/check

/* How a worker leaves, tick by tick: sockets, requests, the loop and the clock are played. */
#include "gateway/drain.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/settings.h"
#include "gateway/bus_link.h"
#include "gateway/chat_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TICK_MS     50
#define SOCKETS_MAX 200

enum state { CLOSED, OPEN, LEAVING };

static enum state sockets[SOCKETS_MAX];
static size_t sends_in_flight; /* nobody whose sends are not answered has closed yet */
static size_t requests;
static size_t idle_connections;
static bool listening;
static bool presence_drains;
static bool stopped;
static uint64_t now_ms;
static uint64_t interval_ms; /* of the drain's timer; 0: it runs out once, or does not run */
static uint64_t due_ms;      /* 0: it does not run */
static void (*on_time)(void *context);
static void *timer_context;
static struct settings settings;
static struct services services;
static struct drain *drain;

/* ---- played -----------------------------------------------------------------------------------*/

uint64_t clock_mono_ms(void)
{
    return now_ms;
}

uint64_t clock_wall_us(void)
{
    return now_ms * 1000;
}

void log_write(enum log_level level ATTR_UNUSED, const char *event ATTR_UNUSED,
               const char *format ATTR_UNUSED, ...)
{
}

struct loop_timer *loop_timer_create(struct loop *loop ATTR_UNUSED, void (*fn)(void *context),
                                     void *context)
{
    on_time = fn;
    timer_context = context;
    due_ms = interval_ms = 0;
    return NULL;
}

void loop_timer_start(struct loop_timer *timer ATTR_UNUSED, uint64_t delay_ms)
{
    interval_ms = 0;
    due_ms = now_ms + delay_ms;
}

void loop_timer_start_periodic(struct loop_timer *timer ATTR_UNUSED, uint64_t every_ms)
{
    interval_ms = every_ms;
    due_ms = now_ms + every_ms;
}

void loop_timer_destroy(struct loop_timer **timer ATTR_UNUSED)
{
    due_ms = 0;
}

void loop_stop(struct loop *loop ATTR_UNUSED)
{
    stopped = true;
}

size_t ws_set_count(const struct ws_set *set ATTR_UNUSED)
{
    size_t count = 0;

    for (size_t i = 0; i < SOCKETS_MAX; i++)
        count += sockets[i] != CLOSED;
    return count;
}

void ws_set_foreach(struct ws_set *set ATTR_UNUSED, void (*fn)(struct ws_conn *conn, void *context),
                    void *context)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (sockets[i] != CLOSED)
            fn((struct ws_conn *)(void *)&sockets[i], context);
}

static enum state *state_of(struct ws_conn *conn)
{
    return (enum state *)(void *)conn;
}

bool chat_client_leaving(struct ws_conn *conn)
{
    return *state_of(conn) == LEAVING;
}

void chat_client_drain(struct ws_conn *conn)
{
    *state_of(conn) = sends_in_flight > 0 ? LEAVING : CLOSED;
}

void chat_client_drain_now(struct ws_conn *conn)
{
    *state_of(conn) = CLOSED;
}

size_t bus_link_in_flight(const struct bus_link *link ATTR_UNUSED)
{
    return sends_in_flight;
}

size_t http_server_busy(const struct http_server *server ATTR_UNUSED)
{
    return requests;
}

size_t http_server_connections(const struct http_server *server ATTR_UNUSED)
{
    return requests + idle_connections;
}

void http_server_stop_listening(struct http_server *server ATTR_UNUSED)
{
    listening = false;
}

void http_server_close_idle(struct http_server *server ATTR_UNUSED)
{
    idle_connections = 0;
}

void presence_local_set_draining(struct presence_local *presence ATTR_UNUSED)
{
    presence_drains = true;
}

/* ---- the story --------------------------------------------------------------------------------*/

static int set_up(void **state)
{
    (void)state;
    memset(sockets, 0, sizeof(sockets));
    sends_in_flight = requests = idle_connections = 0;
    listening = true;
    presence_drains = stopped = false;
    now_ms = 1000000;
    settings = (struct settings){.drain_ms = 1000, .drain_notice_ms = 700};
    services = (struct services){.settings = &settings};
    drain = drain_create(&services, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    drain_destroy(&drain);
    assert_null(drain);
    return 0;
}

static void open_sockets(size_t count)
{
    for (size_t i = 0; i < count; i++)
        sockets[i] = OPEN;
}

/* So much later, as for a loop that looks only then; how many sockets are there no more. */
static size_t later(uint64_t ms)
{
    size_t before = ws_set_count(NULL);

    now_ms += ms;
    if (due_ms != 0 && due_ms <= now_ms) {
        due_ms = interval_ms != 0 ? now_ms + interval_ms : 0;
        on_time(timer_context);
    }
    return before - ws_set_count(NULL);
}

static void sockets_go_in_equal_shares(void **state)
{
    (void)state;
    open_sockets(100);
    drain_begin(drain, WORKER_RETIRE);
    assert_true(services.draining);
    assert_true(presence_drains);
    assert_false(listening);
    assert_int_equal(ws_set_count(NULL), 100);
    for (int tick = 0; tick < 20; tick++) {
        assert_false(stopped);
        assert_int_equal(later(TICK_MS), 5);
    }
    assert_true(stopped);
}

/* One in each tick, and a loop that stands still does not bring them together. */
static void few_sockets_go_one_by_one(void **state)
{
    (void)state;
    settings.drain_ms = 20000;
    open_sockets(60);
    drain_begin(drain, WORKER_RETIRE);
    for (int tick = 0; tick < 59; tick++)
        assert_int_equal(later(tick == 20 ? 2000 : TICK_MS), 1);
    assert_false(stopped);
    assert_int_equal(later(TICK_MS), 1);
    assert_true(stopped);
}

static void the_shares_of_a_stall_are_made_up_for(void **state)
{
    (void)state;
    open_sockets(100);
    drain_begin(drain, WORKER_RETIRE);
    assert_int_equal(later(TICK_MS), 5);
    assert_int_equal(later(500), 10); /* 95 in 10 ticks */
    assert_int_equal(later(450), 85); /* the last */
    assert_true(stopped);
}

static void a_notice_comes_first(void **state)
{
    (void)state;
    open_sockets(20);
    drain_begin(drain, WORKER_LEAVE);
    assert_true(services.draining);
    drain_begin(drain, WORKER_RETIRE); /* it has begun */
    assert_int_equal(later(699), 0);
    assert_true(listening);
    assert_false(presence_drains);
    assert_int_equal(later(1), 0);
    assert_false(listening);
    assert_true(presence_drains);
    for (int tick = 0; tick < 20; tick++)
        assert_int_equal(later(TICK_MS), 1);
    assert_true(stopped);
}

static void who_dissolves_listens_for_a_moment(void **state)
{
    (void)state;
    drain_begin(drain, WORKER_DISSOLVE);
    for (uint64_t ms = TICK_MS; ms < 500; ms += TICK_MS) {
        later(TICK_MS);
        assert_true(listening);
        assert_false(stopped);
    }
    later(TICK_MS);
    assert_false(listening);
    assert_true(stopped);
}

/* A socket whose sends are not answered goes without, and what does not end at all is left. */
static void nothing_is_waited_for_without_end(void **state)
{
    (void)state;
    open_sockets(1);
    sends_in_flight = requests = 1;
    idle_connections = 1;
    drain_begin(drain, WORKER_RETIRE);
    assert_int_equal(later(950), 0);
    assert_int_equal(sockets[0], LEAVING);
    assert_int_equal(idle_connections, 1);
    later(TICK_MS);
    assert_int_equal(idle_connections, 0);
    assert_int_equal(later(2000), 0);
    assert_int_equal(later(TICK_MS), 1);
    assert_false(stopped);
    later(2950);
    assert_false(stopped);
    later(TICK_MS);
    assert_true(stopped);
}

static void it_ends_when_all_have_gone(void **state)
{
    (void)state;
    open_sockets(1);
    sends_in_flight = requests = 1;
    drain_begin(drain, WORKER_RETIRE);
    later(TICK_MS);
    later(TICK_MS);
    sockets[0] = CLOSED; /* its send was answered */
    sends_in_flight = 0;
    later(TICK_MS);
    assert_false(stopped);
    requests = 0;
    later(TICK_MS);
    assert_true(stopped);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sockets_go_in_equal_shares),
        TEST(few_sockets_go_one_by_one),
        TEST(the_shares_of_a_stall_are_made_up_for),
        TEST(a_notice_comes_first),
        TEST(who_dissolves_listens_for_a_moment),
        TEST(nothing_is_waited_for_without_end),
        TEST(it_ends_when_all_have_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
