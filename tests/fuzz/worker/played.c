#include "played.h"

#include "common/clock.h"
#include "common/db.h"
#include "common/digest.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/password.h"
#include "common/pool.h"
#include "gateway/client_address.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WALL_US    UINT64_C(1767323045678901) /* 2026-01-02T03:04:05.678901Z */
#define QUEUE_MAX  64                         /* of a pool: a pipeline of requests can fill it */
#define LOG_LENGTH 20

static struct played_choice choice;
static uint64_t heads[PLAYED_ROOMS + 1];
static uint64_t mono_us = WALL_US;
static uint64_t wall_us = WALL_US;
static uint64_t chance;

/* ---- what all of it is made of ---- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t played_hash(const void *data, size_t len, uint64_t more)
{
    const uint8_t *bytes = data;
    uint64_t hash = mix(more + 1 + (uint64_t)choice.seed * 0x9e37);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return mix(hash);
}

bool played_trouble(uint64_t hash)
{
    return (hash >> 32) % 16 < choice.trouble;
}

bool played_room_exists(uint64_t room_id)
{
    return room_id >= 1 && room_id <= PLAYED_ROOMS;
}

bool played_room_has_member(uint64_t room_id)
{
    return played_room_exists(room_id) && room_id % 8 != 7;
}

uint64_t played_head(uint64_t room_id)
{
    return played_room_exists(room_id) ? heads[room_id] : 0;
}

uint64_t played_next_seq(uint64_t room_id)
{
    return played_room_exists(room_id) ? ++heads[room_id] : 1;
}

const char *played_user_name(uint64_t user_id, char out[PLAYED_NAME_SIZE])
{
    static const char *const endings[] = {"", "é", "漢", "😀", " \\\"x"};

    snprintf(out, PLAYED_NAME_SIZE, "user%llu%s", (unsigned long long)user_id,
             endings[user_id % ARRAY_LEN(endings)]);
    return out;
}

void played_begin(struct played_choice chosen)
{
    choice = chosen;
    chance = 0;
    wall_us = WALL_US;
    for (size_t i = 0; i <= PLAYED_ROOMS; i++)
        heads[i] = LOG_LENGTH + i % 5;
    played_bus_reset();
}

void played_pass(uint64_t ms)
{
    mono_us += ms * 1000;
    wall_us += ms * 1000;
    played_timers_run(mono_us);
}

bool played_step(void)
{
    return played_pool_step() || played_bus_step();
}

/* ---- the pool: jobs wait until the story goes on ---- */

struct pool {
    struct list waiting;
    size_t count;
    bool has_database;
};

static struct pool pools[2];
static size_t pool_count;

struct pool *pool_create(struct loop *loop ATTR_UNUSED, const struct pool_options *options)
{
    struct pool *pool = &pools[pool_count++];

    list_init(&pool->waiting);
    pool->has_database = options->database_url != NULL;
    return pool;
}

void pool_destroy(struct pool **pool)
{
    *pool = NULL;
}

bool pool_submit(struct pool *pool, struct pool_job *job)
{
    if (pool->count == QUEUE_MAX)
        return false;
    pool->count++;
    list_node_init(&job->node);
    list_push_back(&pool->waiting, &job->node);
    return true;
}

size_t pool_waiting(const struct pool *pool)
{
    return pool->count;
}

bool played_pool_step(void)
{
    for (size_t i = 0; i < pool_count; i++) {
        struct list_node *node = list_pop_front(&pools[i].waiting);
        struct pool_job *job;
        struct db *db = NULL;
        char error[64];

        if (node == NULL)
            continue;
        job = LIST_ITEM(node, struct pool_job, node);
        pools[i].count--;
        if (pools[i].has_database)
            db = db_create("", error, sizeof(error));
        job->run(job, db);
        db_destroy(&db);
        job->done(job);
        return true;
    }
    return false;
}

/* ---- passwords, without the work ---- */

bool password_hash(const char *password, unsigned log2n, char out[PASSWORD_HASH_SIZE])
{
    snprintf(out, PASSWORD_HASH_SIZE, "$s1$%u$%016llx", log2n,
             (unsigned long long)played_hash(password, strlen(password), 1));
    return true;
}

bool password_check(const char *password, const char *hash, unsigned log2n ATTR_UNUSED)
{
    return hash != NULL && hash[0] != '\0' &&
           played_hash(password, strlen(password), hash[4] == '2') % 4 != 0;
}

bool password_is_bcrypt(const char *hash)
{
    return strncmp(hash, "$2", 2) == 0;
}

/* ---- clock, chance, peers and the log: functions of files that are otherwise real (--wrap) ----
 */

uint64_t __wrap_clock_mono_ms(void);
uint64_t __wrap_clock_mono_us(void);
uint64_t __wrap_clock_wall_us(void);
void __wrap_digest_random(void *out, size_t len);
struct client_address __wrap_client_address_of_peer(int fd);
void __wrap_log_write(enum log_level level, const char *event, const char *format, ...)
    ATTR_PRINTF(3, 4);

uint64_t __wrap_clock_mono_ms(void)
{
    return mono_us / 1000;
}

uint64_t __wrap_clock_mono_us(void)
{
    return mono_us;
}

uint64_t __wrap_clock_wall_us(void)
{
    return wall_us;
}

void __wrap_digest_random(void *out, size_t len)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)mix(++chance);
}

/* A balancer that is believed: so X-Forwarded-For and the PROXY protocol are read. */
struct client_address __wrap_client_address_of_peer(int fd ATTR_UNUSED)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(4711)};

    address.sin_addr.s_addr = htonl(0x0a000001);
    return client_address_of_socket((const struct sockaddr *)&address);
}

/* The text is made, as far as the line is long, and goes nowhere. */
void __wrap_log_write(enum log_level level ATTR_UNUSED, const char *event ATTR_UNUSED,
                      const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
}
