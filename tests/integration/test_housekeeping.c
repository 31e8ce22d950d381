// needs: common/pool common/loop common/schema common/schema_lease gen/migrations common/bus_proto common/wire common/map common/metrics common/digest common/strbuf common/db common/db_stmt common/db_url common/db_error common/errors common/log common/clock common/mem common/check

/* What is done behind everybody's back, over a real MariaDB: for one's own shards only, and however
 * much there is of others'. */
#include "broker/housekeeping.h"

#include "common/clock.h"
#include "schema_database.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DATABASE    "banter_test_housekeeping"
#define PATIENCE_MS UINT64_C(20000)

enum { OURS = 3 };

static char *url;
static struct db *db;
static struct loop *loop;
static struct pool *pool;
static struct housekeeping *keeping;
static uint64_t shards = UINT64_C(1) << OURS;
static unsigned expelled;
static unsigned others_expelled;

static uint64_t owned(void *context)
{
    (void)context;
    return shards;
}

static void submit(void *context, const struct bus_command *command)
{
    (void)context;
    assert_int_equal(command->kind, COMMAND_EXPEL);
    expelled++;
    others_expelled += bus_shard(command->room_id) != OURS;
}

/* A room of each shard has them all as members, the other's first. */
static void fill(void)
{
    database_script(
        db, "INSERT INTO rooms (id, name, creator_id, member_count, create_key, created_at_us, "
            "removed_at_us) SELECT seq, 'a room', 1, 1500, seq, 1, IF(seq > 64, 1, NULL) "
            "FROM seq_1_to_12867 WHERE MOD(seq, 64) = 1 OR seq IN (3, 12867);"
            "INSERT INTO users (id, username, created_at_us, deleted_at_us) SELECT seq, NULL, 1, 2 "
            "FROM seq_1_to_1500;"
            "INSERT INTO room_members (room_id, user_id, joined_seq) SELECT 1, seq, seq "
            "FROM seq_1_to_1500;"
            "INSERT INTO room_members (room_id, user_id, joined_seq) SELECT 3, seq, seq "
            "FROM seq_1491_to_1500;"
            "INSERT INTO sessions (token_hash, user_id, created_at_us, expires_at_us) "
            "VALUES (UNHEX(SHA2('old', 256)), 1, 1, 2), (UNHEX(SHA2('new', 256)), 1, 1, 1 << 62);"
            "INSERT INTO ws_tickets (ticket_hash, token_hash, expires_at_us) "
            "VALUES (UNHEX(SHA2('old', 256)), UNHEX(SHA2('new', 256)), 2), "
            "(UNHEX(SHA2('new', 256)), UNHEX(SHA2('new', 256)), 1 << 62)");
}

static int set_up(void **state)
{
    (void)state;
    db_library_init();
    url = database_url_of(DATABASE);
    schema_database_make(DATABASE, url);
    db = database_connect(url);
    fill();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    db_destroy(&db);
    database_drop(DATABASE);
    mem_free(url);
    db_thread_fini();
    db_library_fini();
    return 0;
}

static bool has_expelled(void)
{
    return expelled > 0;
}

static bool is_cleared(void)
{
    return database_number(db, "SELECT COUNT(*) FROM ws_tickets") == 1;
}

static void keep_house_until(bool (*done)(void))
{
    const struct pool_options options = {"keep", 1, 4, url, NULL};
    const struct housekeeping_calls calls = {owned, submit, NULL};
    uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    loop = loop_create();
    pool = pool_create(loop, &options);
    keeping = housekeeping_create(loop, pool, &calls);
    while (!done()) {
        assert_true(clock_mono_ms() < until_ms);
        loop_turn(loop, 20);
    }
    housekeeping_stop(keeping);
    pool_destroy(&pool);
    housekeeping_destroy(&keeping);
    loop_destroy(&loop);
}

static void others_do_not_hide_ours(void **state)
{
    (void)state;
    keep_house_until(has_expelled);
    assert_int_equal(expelled, 10);
    assert_int_equal(others_expelled, 0);
    /* Removed rooms: one was ours, behind 100 and more of others'. */
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM rooms WHERE id = 12867"), 0);
    assert_int_equal(
        database_number(db, "SELECT COUNT(*) FROM rooms WHERE removed_at_us IS NOT NULL"), 201);
    /* Nor what is not for us to clear away. */
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions"), 2);
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM ws_tickets"), 2);
}

static void what_has_expired_goes(void **state)
{
    (void)state;
    shards = 1;
    keep_house_until(is_cleared);
    assert_int_equal(database_number(db, "SELECT COUNT(*) FROM sessions"), 1);
    assert_int_equal(database_number(db, "SELECT expires_at_us = 1 << 62 FROM ws_tickets"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_do_not_hide_ours),
        cmocka_unit_test(what_has_expired_goes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
