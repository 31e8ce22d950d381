#include "common/map.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>
#include <sys/random.h>

/* Linear probing with backward-shift deletion: no tombstones, so a map that churns stays fast. The
 * parts of a slot are in arrays of their own: packed, and a search looks at hashes alone as long as
 * they differ. */
struct map {
    void **values; /* NULL: the slot is free */
    uint32_t *hashes;
    uint8_t *keys; /* NULL: each is in its value, at key_at */
    size_t key_at;
    size_t key_len;
    size_t capacity; /* a power of two */
    size_t count;
};

#define CAPACITY_MIN    8
#define MAP_KEYS_COPIED SIZE_MAX /* as key_at */

static uint64_t seed[2];
static bool seeded;

static void ensure_seed(void)
{
    if (seeded)
        return;
    CHECK(getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed));
    seeded = true;
}

static inline uint64_t rotl(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012): one compression round, three to finish. */
uint64_t map_hash(const void *key, size_t key_len)
{
    const uint8_t *bytes = key;
    uint64_t v[4];
    uint64_t last = (uint64_t)key_len << 56;
    size_t left = key_len;

    ensure_seed();
    v[0] = seed[0] ^ 0x736f6d6570736575ULL;
    v[1] = seed[1] ^ 0x646f72616e646f6dULL;
    v[2] = seed[0] ^ 0x6c7967656e657261ULL;
    v[3] = seed[1] ^ 0x7465646279746573ULL;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t word;

        memcpy(&word, bytes, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)bytes[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- slots ------------------------------------------------------------------------------------*/

static void make_slots(struct map *map, size_t capacity)
{
    CHECK(capacity <= UINT32_MAX);
    map->capacity = capacity;
    map->values = mem_alloc_array(capacity, sizeof(*map->values));
    map->hashes = mem_alloc_array(capacity, sizeof(*map->hashes));
    if (map->key_at == MAP_KEYS_COPIED)
        map->keys = mem_alloc_array(capacity, map->key_len);
}

static void free_slots(struct map *map)
{
    mem_free(map->values);
    mem_free(map->hashes);
    mem_free(map->keys);
}

static const void *key_of(const struct map *map, size_t at)
{
    return map->keys != NULL ? map->keys + at * map->key_len
                             : (const uint8_t *)map->values[at] + map->key_at;
}

static void fill_slot(struct map *map, size_t at, uint32_t hash, const void *key, void *value)
{
    map->hashes[at] = hash;
    map->values[at] = value;
    if (map->keys != NULL)
        memcpy(map->keys + at * map->key_len, key, map->key_len);
}

/* The slot that holds the key, or the free one where it would go. */
static size_t locate(const struct map *map, uint32_t hash, const void *key)
{
    size_t at = hash & (map->capacity - 1);

    while (map->values[at] != NULL &&
           (map->hashes[at] != hash || memcmp(key_of(map, at), key, map->key_len) != 0))
        at = (at + 1) & (map->capacity - 1);
    return at;
}

static uint32_t hash_of(const struct map *map, const void *key)
{
    return (uint32_t)map_hash(key, map->key_len);
}

static void resize(struct map *map, size_t capacity)
{
    struct map old = *map;

    make_slots(map, capacity);
    for (size_t i = 0; i < old.capacity; i++) {
        size_t at = old.hashes[i] & (capacity - 1);

        if (old.values[i] == NULL)
            continue;
        while (map->values[at] != NULL)
            at = (at + 1) & (capacity - 1);
        fill_slot(map, at, old.hashes[i], key_of(&old, i), old.values[i]);
    }
    free_slots(&old);
}

/* Moves later members of the probe run back, so that no search meets a hole before its key. */
static void close_hole(struct map *map, size_t hole)
{
    size_t mask = map->capacity - 1;

    for (size_t at = (hole + 1) & mask; map->values[at] != NULL; at = (at + 1) & mask) {
        size_t home = map->hashes[at] & mask;

        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        fill_slot(map, hole, map->hashes[at], key_of(map, at), map->values[at]);
        hole = at;
    }
    map->values[hole] = NULL;
}

/* ---- maps -------------------------------------------------------------------------------------*/

static struct map *create(size_t key_at, size_t key_len)
{
    struct map *map = mem_alloc(sizeof(*map));

    CHECK(key_len > 0);
    ensure_seed();
    map->key_at = key_at;
    map->key_len = key_len;
    make_slots(map, CAPACITY_MIN);
    return map;
}

struct map *map_create(size_t key_len)
{
    return create(MAP_KEYS_COPIED, key_len);
}

struct map *map_create_u64(void)
{
    return map_create(sizeof(uint64_t));
}

struct map *map_create_inside(size_t key_at, size_t key_len)
{
    return create(key_at, key_len);
}

void map_destroy(struct map **map)
{
    if (*map == NULL)
        return;
    free_slots(*map);
    mem_free(*map);
    *map = NULL;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

void *map_find(const struct map *map, const void *key)
{
    return map->values[locate(map, hash_of(map, key), key)];
}

void *map_put(struct map *map, const void *key, void *value)
{
    uint32_t hash = hash_of(map, key);
    size_t at;
    void *old;

    CHECK(value != NULL);
    if ((map->count + 1) * 4 > map->capacity * 3)
        resize(map, map->capacity * 2);
    at = locate(map, hash, key);
    old = map->values[at];
    fill_slot(map, at, hash, key, value);
    CHECK(memcmp(key_of(map, at), key, map->key_len) == 0);
    map->count += old == NULL;
    return old;
}

void *map_remove(struct map *map, const void *key)
{
    size_t at = locate(map, hash_of(map, key), key);
    void *value = map->values[at];

    if (value == NULL)
        return NULL;
    close_hole(map, at);
    map->count--;
    if (map->capacity > CAPACITY_MIN && map->count * 8 < map->capacity)
        resize(map, map->capacity / 2);
    return value;
}

void *map_find_u64(const struct map *map, uint64_t key)
{
    CHECK(map->key_len == sizeof(key));
    return map_find(map, &key);
}

void *map_put_u64(struct map *map, uint64_t key, void *value)
{
    CHECK(map->key_len == sizeof(key));
    return map_put(map, &key, value);
}

void *map_remove_u64(struct map *map, uint64_t key)
{
    CHECK(map->key_len == sizeof(key));
    return map_remove(map, &key);
}

void *map_iter(const struct map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        void *value = map->values[(*cursor)++];

        if (value != NULL)
            return value;
    }
    return NULL;
}
