#include "gateway/slot_cache.h"

#include "common/check.h"
#include "common/map.h"

#include <sys/mman.h>

/* Keys that compete for a place: two lines of the processor's cache. */
#define WAYS 8

struct slot {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint64_t value;
};

struct slot_cache {
    size_t sets; /* a power of two */
    size_t bytes;
    _Alignas(64) struct slot slots[];
};

struct slot_cache *slot_cache_create(size_t slots)
{
    struct slot_cache *cache;
    size_t sets = 1;
    size_t bytes;

    while (sets * WAYS < slots)
        sets *= 2;
    bytes = sizeof(*cache) + sets * WAYS * sizeof(struct slot);
    cache = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(cache != MAP_FAILED);
    cache->sets = sets;
    cache->bytes = bytes;
    (void)slot_cache_key("", 0); /* so that the hash has its seed before a fork */
    return cache;
}

void slot_cache_destroy(struct slot_cache **cache)
{
    if (*cache == NULL)
        return;
    CHECK(munmap(*cache, (*cache)->bytes) == 0);
    *cache = NULL;
}

uint64_t slot_cache_key(const void *data, size_t len)
{
    uint64_t hash = map_hash(data, len);

    return hash != 0 ? hash : 1;
}

static struct slot *set_of(struct slot_cache *cache, uint64_t key)
{
    return &cache->slots[(key & (cache->sets - 1)) * WAYS];
}

_Atomic uint64_t *slot_cache_find(struct slot_cache *cache, uint64_t key)
{
    struct slot *set = set_of(cache, key);

    for (size_t i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&set[i].key, memory_order_relaxed) == key)
            return &set[i].value;
    return NULL;
}

static struct slot *least(struct slot *set)
{
    struct slot *found = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&set[i].key, memory_order_relaxed) == 0)
            return &set[i];
        if (atomic_load_explicit(&set[i].value, memory_order_relaxed) <
            atomic_load_explicit(&found->value, memory_order_relaxed))
            found = &set[i];
    }
    return found;
}

_Atomic uint64_t *slot_cache_at(struct slot_cache *cache, uint64_t key)
{
    _Atomic uint64_t *value;

    /* Whoever loses a place to another process looks for the next one. */
    while ((value = slot_cache_find(cache, key)) == NULL) {
        struct slot *slot = least(set_of(cache, key));
        uint64_t old = atomic_load_explicit(&slot->key, memory_order_relaxed);

        if (old == key || !atomic_compare_exchange_strong(&slot->key, &old, key))
            continue;
        atomic_store_explicit(&slot->value, 0, memory_order_relaxed);
        return &slot->value;
    }
    return value;
}
