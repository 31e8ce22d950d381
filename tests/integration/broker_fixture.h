/*
 * broker_fixture.h: a database, a broker, a client, three users: what the broker's tests start
 * from. The test says DATABASE, a name of its own, before it includes this.
 */
#ifndef BANTER_TESTS_BROKER_FIXTURE_H
#define BANTER_TESTS_BROKER_FIXTURE_H

#include "broker_harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *url;
static char *address;
static struct db *db;
static struct broker_process broker;
static struct client *client;
static uint64_t next_key = 1;

enum { ANNA = 1, BERT = 2, CLEO = 3, USERS = 3 };

static inline uint64_t key(void)
{
    return next_key++;
}

static inline uint64_t number(const char *sql, uint64_t a)
{
    uint64_t result = 0;

    assert_int_equal(DB_RUN(db, sql, db_u64(a)), ERR_NONE);
    while (db_next(db))
        result = db_col_u64(db, 0);
    return result;
}

static inline uint64_t rows_of(uint64_t room_id)
{
    return number("SELECT COUNT(*) FROM events WHERE room_id = ?", room_id);
}

static inline uint64_t head_of(uint64_t room_id)
{
    return number("SELECT CAST(COALESCE(MAX(seq), 0) AS UNSIGNED) FROM events WHERE room_id = ?",
                  room_id);
}

static inline uint64_t make_room(uint64_t creator)
{
    struct sent *sent = client_ask(client, COMMAND_CREATE_ROOM, 0, creator, "a room", key());

    assert_int_equal(sent->answer.err, ERR_NONE);
    return sent->answer.room_id;
}

/* Subscribes and waits for the barrier. */
static inline struct heard *listen_to(uint64_t room_id)
{
    struct heard *heard = client_room(client, room_id);
    unsigned heads = heard->heads;

    client_subscribe(client, BUS_TOPIC_ROOM, room_id);
    pump_until(client, heard->heads > heads);
    return heard;
}

static inline void start_broker(void)
{
    broker = broker_start(address, url, "2000");
}

static inline int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    db_library_init();
    database_make(DATABASE);
    url = database_url_of(DATABASE);
    address = mem_printf("ipc:///tmp/banter-test-broker-%d", (int)getpid());
    start_broker();
    client = client_create(address);
    db = database_connect(url);
    /* The schema is there once the broker answers anything: a command of an unknown room. */
    client_ask(client, COMMAND_JOIN, 999999, ANNA, "", key());
    database_script(db, "INSERT INTO users (id, username, email, password_hash, created_at_us) "
                        "VALUES (1, 'anna', 'a@x', 'x', 1), (2, 'bert', 'b@x', 'x', 1), "
                        "(3, 'cleo', 'c@x', 'x', 1)");
    return 0;
}

static inline void unlink_sockets(const char *of)
{
    static const char *const suffixes[] = {"commands", "events", "lock"};

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char *path = mem_printf("%s.%s", of + strlen("ipc://"), suffixes[i]);

        unlink(path);
        mem_free(path);
    }
}

static inline int tear_down(void **state)
{
    (void)state;
    client_destroy(&client);
    assert_int_equal(broker_stop(&broker, SIGTERM), 0);
    db_destroy(&db);
    database_drop(DATABASE);
    unlink_sockets(address);
    mem_free(address);
    mem_free(url);
    db_thread_fini();
    db_library_fini();
    return 0;
}

#endif
