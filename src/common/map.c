#include "common/map.h"

#include "common/check.h"
#include "common/mem.h"

#include <string.h>
#include <sys/random.h>

/* Linear probing with backward-shift deletion: no tombstones, so a map that churns stays fast. */
struct slot {
    uint64_t hash;
    void *value; /* NULL: free */
    uint8_t key_len;
    uint8_t key[MAP_KEY_MAX];
};

struct map {
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

#define CAPACITY_MIN 8

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

struct map *map_create(void)
{
    struct map *map = mem_alloc(sizeof(*map));

    ensure_seed();
    map->capacity = CAPACITY_MIN;
    map->slots = mem_alloc_array(map->capacity, sizeof(*map->slots));
    return map;
}

void map_destroy(struct map **map)
{
    if (*map == NULL)
        return;
    mem_free((*map)->slots);
    mem_free(*map);
    *map = NULL;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

/* The slot that holds the key, or the free one where it would go. */
static struct slot *locate(const struct map *map, uint64_t hash, const void *key, size_t key_len)
{
    size_t at = hash & (map->capacity - 1);

    for (;; at = (at + 1) & (map->capacity - 1)) {
        struct slot *slot = &map->slots[at];

        if (slot->value == NULL)
            return slot;
        if (slot->hash == hash && slot->key_len == key_len && memcmp(slot->key, key, key_len) == 0)
            return slot;
    }
}

static void resize(struct map *map, size_t capacity)
{
    struct slot *old = map->slots;
    size_t old_capacity = map->capacity;

    map->slots = mem_alloc_array(capacity, sizeof(*map->slots));
    map->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].value != NULL)
            *locate(map, old[i].hash, old[i].key, old[i].key_len) = old[i];
    mem_free(old);
}

void *map_find(const struct map *map, const void *key, size_t key_len)
{
    CHECK(key_len <= MAP_KEY_MAX);
    return locate(map, map_hash(key, key_len), key, key_len)->value;
}

void *map_put(struct map *map, const void *key, size_t key_len, void *value)
{
    uint64_t hash = map_hash(key, key_len);
    struct slot *slot;
    void *old;

    CHECK(key_len <= MAP_KEY_MAX && value != NULL);
    if ((map->count + 1) * 4 > map->capacity * 3)
        resize(map, map->capacity * 2);
    slot = locate(map, hash, key, key_len);
    old = slot->value;
    if (old == NULL) {
        slot->hash = hash;
        slot->key_len = (uint8_t)key_len;
        memcpy(slot->key, key, key_len);
        map->count++;
    }
    slot->value = value;
    return old;
}

/* Moves later members of the probe run back, so that no search meets a hole before its key. */
static void close_hole(struct map *map, size_t hole)
{
    size_t mask = map->capacity - 1;

    for (size_t at = (hole + 1) & mask; map->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t home = map->slots[at].hash & mask;

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].value = NULL;
}

void *map_remove(struct map *map, const void *key, size_t key_len)
{
    struct slot *slot;
    void *value;

    CHECK(key_len <= MAP_KEY_MAX);
    slot = locate(map, map_hash(key, key_len), key, key_len);
    value = slot->value;
    if (value == NULL)
        return NULL;
    close_hole(map, (size_t)(slot - map->slots));
    map->count--;
    if (map->capacity > CAPACITY_MIN && map->count * 8 < map->capacity)
        resize(map, map->capacity / 2);
    return value;
}

void *map_find_u64(const struct map *map, uint64_t key)
{
    return map_find(map, &key, sizeof(key));
}

void *map_put_u64(struct map *map, uint64_t key, void *value)
{
    return map_put(map, &key, sizeof(key), value);
}

void *map_remove_u64(struct map *map, uint64_t key)
{
    return map_remove(map, &key, sizeof(key));
}

void *map_iter(const struct map *map, size_t *cursor)
{
    while (*cursor < map->capacity) {
        struct slot *slot = &map->slots[(*cursor)++];

        if (slot->value != NULL)
            return slot->value;
    }
    return NULL;
}
