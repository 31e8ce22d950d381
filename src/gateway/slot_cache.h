/*
 * slot_cache.h: a number for each of very many keys, in memory that never grows and that all
 * workers of a gateway share.
 *
 * A new key takes the place of one of a few others: of the one whose number is the least. So who
 * uses it gives greater numbers to what matters longer (a moment in the future, as a rule), and
 * strangers who come with ever new keys push out what matters least. Keys are 64-bit hashes made
 * with slot_cache_key(), so nobody outside can choose which ones meet.
 *
 * There is no lock that a worker could die with. Numbers are changed by compare-and-swap; a key may
 * be pushed out between finding its number and changing it, and then another key has the change:
 * rare, and for limits harmless.
 */
#ifndef BANTER_GATEWAY_SLOT_CACHE_H
#define BANTER_GATEWAY_SLOT_CACHE_H

#include "common/base.h"

#include <stdatomic.h>

struct slot_cache;

/* Room for at least so many keys, 16 bytes each, all unused. To be made before the workers are
 * forked, which then share it; the kernel gives memory to what is touched. */
struct slot_cache *slot_cache_create(size_t slots);
/* Takes it away from this process only; sets *cache to NULL. */
void slot_cache_destroy(struct slot_cache **cache);

/* The same for the same bytes in all processes that were forked after slot_cache_create(). */
uint64_t slot_cache_key(const void *data, size_t len);
/* The key's number, or NULL if it has none. */
_Atomic uint64_t *slot_cache_find(struct slot_cache *cache, uint64_t key);
/* The same, and a key that has none gets one, which is 0. */
_Atomic uint64_t *slot_cache_at(struct slot_cache *cache, uint64_t key);

#endif
