#include "gateway/tally.h"

#include "common/check.h"
#include "common/map.h"
#include "common/mem.h"

struct tally {
    struct map *counts; /* the count itself, as a pointer: nothing is allocated for it */
    uint32_t max;
};

struct tally *tally_create(uint32_t max)
{
    struct tally *tally = mem_alloc(sizeof(*tally));

    tally->counts = map_create_u64();
    tally->max = max;
    return tally;
}

void tally_destroy(struct tally **tally)
{
    if (*tally == NULL)
        return;
    CHECK(map_count((*tally)->counts) == 0);
    map_destroy(&(*tally)->counts);
    mem_free(*tally);
    *tally = NULL;
}

uint32_t tally_of(const struct tally *tally, uint64_t who)
{
    return (uint32_t)(uintptr_t)map_find_u64(tally->counts, who);
}

static void set(struct tally *tally, uint64_t who, uint32_t count)
{
    if (count > 0)
        map_put_u64(tally->counts, who, (void *)(uintptr_t)count);
    else
        map_remove_u64(tally->counts, who);
}

static bool counts(const struct tally *tally, uint64_t who)
{
    return tally->max != 0 && who != 0;
}

bool tally_has_room(const struct tally *tally, uint64_t who)
{
    return !counts(tally, who) || tally_of(tally, who) < tally->max;
}

bool tally_add(struct tally *tally, uint64_t who)
{
    if (!tally_has_room(tally, who))
        return false;
    if (counts(tally, who))
        set(tally, who, tally_of(tally, who) + 1);
    return true;
}

void tally_remove(struct tally *tally, uint64_t who)
{
    uint32_t count;

    if (!counts(tally, who))
        return;
    count = tally_of(tally, who);
    CHECK(count > 0);
    set(tally, who, count - 1);
}
