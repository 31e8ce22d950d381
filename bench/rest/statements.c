/*
 * statements: how fast MariaDB answers prepared statements: the ones of a worker's answers, through
 * the same code (src/common/db, store_*), with as many connections, a thread each, and nothing
 * else.
 *
 *   statements URL PLAN CASE CONNECTIONS SECONDS       prints one JSON object
 *
 *   PLAN    lines of "ROOM TOKEN", taken one after the other
 *   CASE    session, stranger (session, and no membership), page (of 100 messages), history
 * (session, membership and page), list (of rooms with members), rooms (session and list)
 */
#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/mem.h"
#include "common/store_admission.h"
#include "common/store_log.h"
#include "common/store_rooms.h"
#include "common/store_users.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE        100
#define MEMBERS     100
#define THREADS_MAX 64

struct asker {
    uint64_t room_id;
    uint8_t token_hash[DIGEST_SHA256_SIZE];
};

static struct {
    struct asker *askers;
    size_t asker_count;
    enum err (*run)(struct db *db, const struct asker *asker);
    const char *url;
    atomic_bool stop;
} bench;

struct thread {
    pthread_t handle;
    size_t first;
    uint64_t answers;
    uint64_t rows;
};

/* Rows are walked, and not looked at. */
static _Thread_local uint64_t rows;

static void on_event(void *context ATTR_UNUSED, const struct log_event *event ATTR_UNUSED)
{
    rows++;
}

struct first_last {
    uint64_t first;
    uint64_t last;
};

static void on_room(void *context, const struct store_room *room)
{
    struct first_last *ids = context;

    rows++;
    if (ids->first == 0)
        ids->first = room->id;
    ids->last = room->id;
}

static void on_member(void *context ATTR_UNUSED, uint64_t room_id ATTR_UNUSED,
                      uint64_t user_id ATTR_UNUSED, struct span name ATTR_UNUSED)
{
    rows++;
}

static enum err find_session(struct db *db, const struct asker *asker)
{
    struct store_session session;

    return store_session_find(db, asker->token_hash, &session);
}

static enum err admit(struct db *db, const struct asker *asker)
{
    struct store_session session;

    return store_session_check_member(db, asker->token_hash, asker->room_id, &session);
}

static enum err refuse(struct db *db, const struct asker *asker)
{
    return admit(db, asker) == ERR_NOT_A_MEMBER ? ERR_NONE : ERR_INTERNAL;
}

static enum err read_page(struct db *db, const struct asker *asker)
{
    const struct store_page page = {.limit = PAGE};

    return store_log_messages(db, asker->room_id, &page, on_event, NULL);
}

static enum err list_rooms(struct db *db, const struct asker *asker ATTR_UNUSED)
{
    struct first_last ids = {0, 0};
    enum err err = store_rooms_list(db, 0, PAGE + 1, on_room, &ids);

    if (err == ERR_NONE)
        err = store_rooms_members_of_page(db, ids.first, ids.last, MEMBERS, on_member, NULL);
    return err;
}

/* All that a worker asks for one answer. */
static enum err history(struct db *db, const struct asker *asker)
{
    enum err err = admit(db, asker);

    return err == ERR_NONE ? read_page(db, asker) : err;
}

static enum err rooms(struct db *db, const struct asker *asker)
{
    enum err err = find_session(db, asker);

    return err == ERR_NONE ? list_rooms(db, asker) : err;
}

static const struct {
    const char *name;
    enum err (*run)(struct db *db, const struct asker *asker);
} cases[] = {
    {"session", find_session}, {"stranger", refuse}, {"page", read_page},
    {"history", history},      {"list", list_rooms}, {"rooms", rooms},
};

_Noreturn static void give_up(const char *why)
{
    fprintf(stderr, "statements: %s\n", why);
    exit(1);
}

static void read_plan(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned long long room;
    char token[129];

    if (file == NULL)
        give_up("no plan");
    while (fscanf(file, "%llu %128s", &room, token) == 2) {
        struct asker asker = {.room_id = room};

        bench.askers = mem_realloc(bench.askers, (bench.asker_count + 1) * sizeof(*bench.askers));
        digest_sha256(token, strlen(token), asker.token_hash);
        bench.askers[bench.asker_count++] = asker;
    }
    fclose(file);
    if (bench.asker_count == 0)
        give_up("the plan is empty");
}

static struct db *connect_db(void)
{
    char error[160];
    struct db *db = db_create(bench.url, error, sizeof(error));

    if (db == NULL)
        give_up(error);
    return db;
}

static void *ask(void *context)
{
    struct thread *thread = context;
    struct db *db = connect_db();

    for (size_t at = thread->first; !atomic_load_explicit(&bench.stop, memory_order_relaxed);
         at++) {
        if (bench.run(db, &bench.askers[at % bench.asker_count]) != ERR_NONE)
            give_up("a statement failed");
        thread->answers++;
    }
    thread->rows = rows;
    db_destroy(&db);
    db_thread_fini();
    return NULL;
}

static void measure(unsigned connections, double seconds)
{
    struct thread threads[THREADS_MAX] = {0};
    uint64_t answers = 0, all_rows = 0;
    uint64_t began_us = clock_mono_us();
    double took;

    for (unsigned i = 0; i < connections; i++) {
        threads[i].first = bench.asker_count * i / connections;
        CHECK(pthread_create(&threads[i].handle, NULL, ask, &threads[i]) == 0);
    }
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&bench.stop, true);
    for (unsigned i = 0; i < connections; i++) {
        CHECK(pthread_join(threads[i].handle, NULL) == 0);
        answers += threads[i].answers;
        all_rows += threads[i].rows;
    }
    took = (double)(clock_mono_us() - began_us) / 1e6;
    printf("{\"per_s\":%.1f,\"rows\":%.1f}\n", (double)answers / took,
           (double)all_rows / (double)answers);
}

int main(int argc, char **argv)
{
    unsigned connections;

    if (argc != 6)
        give_up("usage: statements URL PLAN CASE CONNECTIONS SECONDS");
    bench.url = argv[1];
    connections = (unsigned)strtoul(argv[4], NULL, 10);
    if (connections == 0 || connections > THREADS_MAX)
        give_up("1 to 64 connections");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strcmp(argv[3], cases[i].name) == 0)
            bench.run = cases[i].run;
    if (bench.run == NULL)
        give_up("there is no such case");
    db_library_init();
    read_plan(argv[2]);
    measure(connections, strtod(argv[5], NULL));
    mem_free(bench.askers);
    db_library_fini();
    return 0;
}
