/*
 * map.h: a hash map from byte strings of one length, or from 64-bit numbers, to pointers.
 *
 * Values belong to the caller. Keys are copied, or looked up in the values themselves, which costs
 * the map 12 bytes for each slot and no copy. The hash is SipHash-1-3, keyed with a seed that is
 * random for each process, so that nobody outside can choose keys that collide. Open addressing;
 * the cost of find, put and remove is O(1). Not thread-safe.
 */
#ifndef BANTER_COMMON_MAP_H
#define BANTER_COMMON_MAP_H

#include "common/base.h"

struct map;

/* Keys of key_len bytes, of which the map keeps copies. */
struct map *map_create(size_t key_len);
/* Keys are 64-bit numbers: for the calls that end in _u64. */
struct map *map_create_u64(void);
/* Keys are in the values, at this offset; they must stay the same while they are in the map. */
struct map *map_create_inside(size_t key_at, size_t key_len);
#define MAP_CREATE_INSIDE(type, member)                                                            \
    map_create_inside(offsetof(type, member), sizeof(((type *)NULL)->member))
/* Frees the map, not the values; sets *map to NULL. *map may be NULL. */
void map_destroy(struct map **map);

size_t map_count(const struct map *map);

/* The value, or NULL. */
void *map_find(const struct map *map, const void *key);
/* Sets the value (not NULL) and returns the one that it replaces, or NULL. Where keys are in the
 * values, key must be the value's. */
void *map_put(struct map *map, const void *key, void *value);
/* Removes the key and returns its value, or NULL. */
void *map_remove(struct map *map, const void *key);

void *map_find_u64(const struct map *map, uint64_t key);
void *map_put_u64(struct map *map, uint64_t key, void *value);
void *map_remove_u64(struct map *map, uint64_t key);

/*
 * Iteration: start with *cursor = 0; gives each value once and NULL at the end. The map must not
 * change meanwhile: collect what is to be removed, then remove it.
 */
void *map_iter(const struct map *map, size_t *cursor);

/* A keyed hash of bytes, the one that the map uses: for digests that need not survive a process. */
uint64_t map_hash(const void *key, size_t key_len);

#endif
