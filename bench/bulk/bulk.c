/*
 * bulk: how fast the database takes rows of the log from who does nothing else; one JSON object on
 * stdout. It is the limit that the broker's rate is measured against, and with --batch=1 the time
 * of a commit alone.
 *
 *   bulk --database-url=mysql://banter@/banter?socket=… [--writers=1] [--batch=1000] [--bytes=100]
 *        [--rooms=1000] [--seconds=5 | --rows=100000] [--rate=1000]
 *
 *   writers   threads, each with a connection and rooms of its own
 *   batch     rows of a commit: one bulk insert, as the broker does it; 1 is a plain statement
 *   rooms     of all writers together; a batch goes through them in turn
 *   rows      of all writers together, and then it ends
 *   rate      rows a second of all writers together, whatever the database does; a commit's time is
 *             from when it was due. Without it each writer goes on as soon as it can
 *
 * The schema must be there (a broker has made it). Rows are written into rooms that nobody has, by
 * number: the time in microseconds, which is another one in each run. They stay.
 */
#include "../load/load.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/db.h"
#include "common/limits.h"
#include "common/mem.h"

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define WRITERS_MAX 64
#define BATCH_MAX   100000
#define MESSAGE     1 /* enum event_kind: EVENT_MESSAGE */

static const char insert_sql[] =
    "INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)";

static struct {
    const char *url;
    size_t writers, batch, bytes, rooms, rows;
    double seconds;
    double rate;
    uint64_t first_room;
} options = {.writers = 1, .batch = 1000, .bytes = 100, .rooms = 1000, .seconds = 5};

static atomic_size_t rows_left;

struct writer {
    pthread_t thread;
    struct db *db;
    uint64_t random;
    uint64_t first_room;
    size_t rooms;
    size_t at;                 /* rows so far: the room is at % rooms, its seq at / rooms + 1 */
    uint64_t due_us, every_us; /* with a rate: of the last batch, and from one to the next */
    uint64_t *room_ids, *seqs, *kinds, *actor_ids, *times;
    uint8_t (*key_bytes)[DEDUPE_KEY_BYTES];
    struct span *keys, *bodies;
    struct histogram commits; /* microseconds */
};

/* splitmix64: keys are hashes, so what counts is that they fall anywhere into their index. */
static uint64_t next_random(struct writer *writer)
{
    uint64_t x = writer->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bulk: %s\n", what);
    exit(2);
}

static void fill(struct writer *writer, size_t count)
{
    for (size_t i = 0; i < count; i++, writer->at++) {
        uint64_t words[2] = {next_random(writer), next_random(writer)};

        writer->room_ids[i] = writer->first_room + writer->at % writer->rooms;
        writer->seqs[i] = writer->at / writer->rooms + 1;
        writer->actor_ids[i] = words[0] % 100000 + 1;
        writer->times[i] = clock_wall_us();
        memcpy(writer->key_bytes[i], words, DEDUPE_KEY_BYTES);
    }
}

static enum err insert(struct writer *writer, size_t count)
{
    const struct db_column columns[] = {
        {.type = DB_U64, .numbers = writer->room_ids},
        {.type = DB_U64, .numbers = writer->seqs},
        {.type = DB_U64, .numbers = writer->kinds},
        {.type = DB_U64, .numbers = writer->actor_ids},
        {.type = DB_U64, .numbers = writer->times},
        {.type = DB_BYTES, .bytes = writer->keys},
        {.type = DB_BYTES, .bytes = writer->bodies},
    };

    if (options.batch == 1)
        return DB_RUN(writer->db, insert_sql, db_u64(writer->room_ids[0]), db_u64(writer->seqs[0]),
                      db_u64(MESSAGE), db_u64(writer->actor_ids[0]), db_u64(writer->times[0]),
                      db_bytes(writer->keys[0].data, writer->keys[0].len),
                      db_bytes(writer->bodies[0].data, writer->bodies[0].len));
    return db_bulk(writer->db, insert_sql, columns, ARRAY_LEN(columns), count);
}

/* How many rows the next batch has; 0 at the end. */
static size_t take_rows(uint64_t end_us)
{
    size_t left;
    size_t count;

    if (options.rows == 0)
        return clock_mono_us() < end_us ? options.batch : 0;
    left = atomic_load(&rows_left);
    do
        count = MIN(left, options.batch);
    while (!atomic_compare_exchange_weak(&rows_left, &left, left - count));
    return count;
}

/* When the next batch is due, after waiting for it. */
static uint64_t wait_due(struct writer *writer)
{
    uint64_t now_us = clock_mono_us();
    struct timespec due;

    if (options.rate <= 0)
        return now_us;
    writer->due_us = writer->due_us == 0 ? now_us : writer->due_us + writer->every_us;
    due = (struct timespec){(time_t)(writer->due_us / 1000000),
                            (long)(writer->due_us % 1000000) * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    return writer->due_us;
}

static void *run(void *context)
{
    struct writer *writer = context;
    uint64_t end_us = clock_mono_us() + (uint64_t)(options.seconds * 1e6);
    size_t count;

    while ((count = take_rows(end_us)) > 0) {
        uint64_t from;

        fill(writer, count);
        from = wait_due(writer);
        if (insert(writer, count) != ERR_NONE)
            fail("the database does not take the rows; its word is in the log line above");
        histogram_add(&writer->commits, clock_mono_us() - from);
    }
    db_destroy(&writer->db);
    db_thread_fini();
    return NULL;
}

static void writer_init(struct writer *writer, size_t index)
{
    size_t batch = options.batch;
    uint8_t *body = mem_alloc(options.bytes + 1);
    char error[256];

    writer->db = db_create(options.url, error, sizeof(error));
    if (writer->db == NULL)
        fail(error);
    memset(body, 'x', options.bytes);
    writer->random = options.first_room + index;
    writer->rooms = MAX(options.rooms / options.writers, (size_t)1);
    writer->first_room = options.first_room + index * writer->rooms;
    if (options.rate > 0)
        writer->every_us = (uint64_t)(1e6 * (double)(batch * options.writers) / options.rate);
    writer->room_ids = mem_alloc_array(batch, sizeof(uint64_t));
    writer->seqs = mem_alloc_array(batch, sizeof(uint64_t));
    writer->kinds = mem_alloc_array(batch, sizeof(uint64_t));
    writer->actor_ids = mem_alloc_array(batch, sizeof(uint64_t));
    writer->times = mem_alloc_array(batch, sizeof(uint64_t));
    writer->key_bytes = mem_alloc_array(batch, sizeof(*writer->key_bytes));
    writer->keys = mem_alloc_array(batch, sizeof(struct span));
    writer->bodies = mem_alloc_array(batch, sizeof(struct span));
    for (size_t i = 0; i < batch; i++) {
        writer->kinds[i] = MESSAGE;
        writer->keys[i] = (struct span){writer->key_bytes[i], DEDUPE_KEY_BYTES};
        writer->bodies[i] = (struct span){body, options.bytes};
    }
    if (DB_RUN(writer->db, "SELECT ?", db_u64(1)) != ERR_NONE) /* connected before the clock runs */
        fail("no connection to the database");
}

static void print_results(const struct writer *writers, double seconds)
{
    static struct histogram all;
    size_t rows = 0;

    for (size_t i = 0; i < options.writers; i++) {
        rows += writers[i].at;
        histogram_merge(&all, &writers[i].commits);
    }
    printf("{\"writers\":%zu,\"batch\":%zu,\"rooms\":%zu,\"bytes\":%zu,\"seconds\":%.3f,"
           "\"rows\":%zu,\"commits\":%llu,\"rows_per_s\":%.0f,\"p50_us\":%llu,\"p90_us\":%llu,"
           "\"p99_us\":%llu,\"max_us\":%llu}\n",
           options.writers, options.batch, options.rooms, options.bytes, seconds, rows,
           (unsigned long long)all.count, (double)rows / seconds,
           (unsigned long long)histogram_quantile(&all, 0.5),
           (unsigned long long)histogram_quantile(&all, 0.9),
           (unsigned long long)histogram_quantile(&all, 0.99), (unsigned long long)all.max);
}

static double number(const char *text, double max)
{
    char *end;
    double value = strtod(text, &end);

    if (*end != '\0' || end == text || value <= 0 || value > max)
        fail("an option wants a number, above 0 and not above its bound");
    return value;
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"database-url", required_argument, NULL, 'd'},
        {"writers", required_argument, NULL, 'w'},
        {"batch", required_argument, NULL, 'b'},
        {"bytes", required_argument, NULL, 'y'},
        {"rooms", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"rows", required_argument, NULL, 'n'},
        {"rate", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    int got;

    while ((got = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (got) {
        case 'd':
            options.url = optarg;
            break;
        case 'w':
            options.writers = (size_t)number(optarg, WRITERS_MAX);
            break;
        case 'b':
            options.batch = (size_t)number(optarg, BATCH_MAX);
            break;
        case 'y':
            options.bytes = (size_t)number(optarg, MESSAGE_CHARS_MAX);
            break;
        case 'r':
            options.rooms = (size_t)number(optarg, 1e6);
            break;
        case 's':
            options.seconds = number(optarg, 3600);
            break;
        case 'n':
            options.rows = (size_t)number(optarg, 1e9);
            break;
        case 'a':
            options.rate = number(optarg, 1e6);
            break;
        default:
            fail("the head of bench/bulk/bulk.c lists the options");
        }
    }
    if (options.url == NULL || optind != argc)
        fail("--database-url is needed; the head of bench/bulk/bulk.c lists the options");
}

int main(int argc, char **argv)
{
    static struct writer writers[WRITERS_MAX];
    uint64_t from;

    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: rows leave when they are due */
    read_options(argc, argv);
    db_library_init();
    options.first_room = clock_wall_us();
    atomic_store(&rows_left, options.rows);
    for (size_t i = 0; i < options.writers; i++)
        writer_init(&writers[i], i);
    from = clock_mono_us();
    for (size_t i = 0; i < options.writers; i++)
        CHECK(pthread_create(&writers[i].thread, NULL, run, &writers[i]) == 0);
    for (size_t i = 0; i < options.writers; i++)
        CHECK(pthread_join(writers[i].thread, NULL) == 0);
    print_results(writers, (double)(clock_mono_us() - from) / 1e6);
    db_library_fini();
    return 0;
}
