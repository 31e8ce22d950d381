// needs: common/store_tickets common/schema common/schema_lease gen/migrations common/db common/db_stmt common/db_url common/db_error common/digest common/errors common/log common/clock common/mem common/check

/* A ticket is taken once, by whoever comes first, and not after its time. */
#include "common/store_tickets.h"

#include "schema_database.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#define DATABASE "banter_test_store_tickets"
#define TAKERS   4
#define ROUNDS   25

static char *url;
static const uint8_t session[DIGEST_SHA256_SIZE] = {7, 8, 9};

static int set_up(void **state)
{
    url = database_url_of(DATABASE);
    schema_database_make(DATABASE, url);
    *state = database_connect(url);
    return 0;
}

static int tear_down(void **state)
{
    struct db *db = *state;

    db_destroy(&db);
    database_drop(DATABASE);
    mem_free(url);
    return 0;
}

static void test_once(void **state)
{
    static const uint8_t ticket[DIGEST_SHA256_SIZE] = {1};
    uint8_t found[DIGEST_SHA256_SIZE];

    assert_int_equal(store_ticket_use(*state, ticket, found), ERR_NO_ROW);
    assert_int_equal(store_ticket_create(*state, ticket, session, 30), ERR_NONE);
    assert_int_equal(store_ticket_create(*state, ticket, session, 30), ERR_NONE);
    assert_int_equal(store_ticket_use(*state, ticket, found), ERR_NONE);
    assert_memory_equal(found, session, sizeof(found));
    assert_int_equal(store_ticket_use(*state, ticket, found), ERR_NO_ROW);
    assert_int_equal(database_number(*state, "SELECT COUNT(*) FROM ws_tickets"), 0);
}

static void test_too_late(void **state)
{
    static const uint8_t ticket[DIGEST_SHA256_SIZE] = {2};
    uint8_t found[DIGEST_SHA256_SIZE];

    assert_int_equal(store_ticket_create(*state, ticket, session, 0), ERR_NONE);
    assert_int_equal(store_ticket_use(*state, ticket, found), ERR_NO_ROW);
}

struct race {
    pthread_barrier_t begin;
    atomic_uint taken[ROUNDS];
};

static void *take(void *context)
{
    struct race *race = context;
    struct db *db = database_connect(url);

    for (uint8_t i = 0; i < ROUNDS; i++) {
        uint8_t ticket[DIGEST_SHA256_SIZE] = {3, i};
        uint8_t found[DIGEST_SHA256_SIZE];

        pthread_barrier_wait(&race->begin);
        if (store_ticket_use(db, ticket, found) == ERR_NONE)
            atomic_fetch_add(&race->taken[i], 1);
    }
    db_destroy(&db);
    db_thread_fini();
    return NULL;
}

static void test_one_of_many(void **state)
{
    static struct race race;
    pthread_t threads[TAKERS];

    for (uint8_t i = 0; i < ROUNDS; i++) {
        uint8_t ticket[DIGEST_SHA256_SIZE] = {3, i};

        assert_int_equal(store_ticket_create(*state, ticket, session, 30), ERR_NONE);
    }
    assert_int_equal(pthread_barrier_init(&race.begin, NULL, TAKERS), 0);
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take, &race), 0);
    for (size_t i = 0; i < TAKERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < ROUNDS; i++)
        assert_int_equal(atomic_load(&race.taken[i]), 1);
    pthread_barrier_destroy(&race.begin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_too_late),
        cmocka_unit_test(test_one_of_many),
    };

    return DATABASE_RUN(tests, set_up, tear_down);
}
