#include "gateway/presence_local.h"

#include "common/bus_proto.h"
#include "common/check.h"
#include "common/map.h"
#include "common/mem.h"
#include "gateway/bus_link.h"

#include <string.h>

struct pair_key {
    uint64_t room_id;
    uint64_t user_id;
};

struct pair {
    struct pair_key key;
    uint32_t sockets; /* 0: gone while draining */
};

struct presence_local {
    struct loop *loop;
    struct bus_link *link;
    struct map *pairs; /* struct pair */
    uint64_t digest[SHARD_COUNT];
    struct strbuf news[SHARD_COUNT]; /* what changed in this turn */
    bool any_news;
    bool draining;
};

static void note(struct presence_local *presence, const struct pair *pair, bool up)
{
    uint32_t shard = bus_shard(pair->key.room_id);
    struct bus_presence_entry entry = {pair->key.room_id, pair->key.user_id, up};

    presence->digest[shard] ^= bus_presence_digest(pair->key.room_id, pair->key.user_id);
    bus_presence_add(&presence->news[shard], &entry);
    presence->any_news = true;
    loop_no_wait(presence->loop);
}

void presence_local_add(struct presence_local *presence, uint64_t room_id, uint64_t user_id)
{
    const struct pair_key key = {room_id, user_id};
    struct pair *pair = map_find(presence->pairs, &key);

    if (pair != NULL) {
        pair->sockets++;
        return;
    }
    pair = mem_alloc(sizeof(*pair));
    *pair = (struct pair){key, 1};
    map_put(presence->pairs, &pair->key, pair);
    note(presence, pair, true);
}

void presence_local_remove(struct presence_local *presence, uint64_t room_id, uint64_t user_id)
{
    const struct pair_key key = {room_id, user_id};
    struct pair *pair = map_find(presence->pairs, &key);

    CHECK(pair != NULL);
    /* A pair that stays is in the digests and snapshots too, or the broker would find it gone. */
    if (--pair->sockets > 0 || presence->draining)
        return;
    map_remove(presence->pairs, &key);
    note(presence, pair, false);
    mem_free(pair);
}

static void on_turn_end(void *context)
{
    struct presence_local *presence = context;

    if (!presence->any_news || presence->link == NULL)
        return;
    presence->any_news = false;
    for (uint32_t shard = 0; shard < SHARD_COUNT; shard++) {
        struct strbuf *news = &presence->news[shard];

        if (news->len == 0)
            continue;
        if (news->len <= (size_t)BUS_PRESENCE_ENTRIES_MAX * BUS_PRESENCE_ENTRY_SIZE)
            bus_link_report_presence(presence->link, shard, news);
        /* else the digests differ, and the broker asks for a snapshot */
        strbuf_reset(news);
    }
}

struct presence_local *presence_local_create(struct loop *loop)
{
    struct presence_local *presence = mem_alloc(sizeof(*presence));

    presence->loop = loop;
    presence->pairs = MAP_CREATE_INSIDE(struct pair, key);
    loop_on_turn_end(loop, on_turn_end, presence);
    return presence;
}

void presence_local_set_link(struct presence_local *presence, struct bus_link *link)
{
    presence->link = link;
}

void presence_local_set_draining(struct presence_local *presence)
{
    presence->draining = true;
}

void presence_local_destroy(struct presence_local **presence)
{
    struct presence_local *gone = *presence;
    size_t cursor = 0;
    struct pair *pair;

    if (gone == NULL)
        return;
    while ((pair = map_iter(gone->pairs, &cursor)) != NULL)
        mem_free(pair);
    map_destroy(&gone->pairs);
    for (size_t i = 0; i < SHARD_COUNT; i++)
        strbuf_fini(&gone->news[i]);
    mem_free(gone);
    *presence = NULL;
}

void presence_local_send_shard(struct presence_local *presence, uint32_t shard)
{
    struct strbuf entries = STRBUF_EMPTY;
    uint32_t piece = 0;
    size_t cursor = 0;
    struct pair *pair;

    /* In pieces that fit a message; the last one may be empty. */
    while ((pair = map_iter(presence->pairs, &cursor)) != NULL) {
        struct bus_presence_entry entry = {pair->key.room_id, pair->key.user_id, true};

        if (bus_shard(pair->key.room_id) != shard)
            continue;
        bus_presence_add(&entries, &entry);
        if (entries.len == (size_t)BUS_PRESENCE_ENTRIES_MAX * BUS_PRESENCE_ENTRY_SIZE) {
            bus_link_report_snapshot(presence->link, shard, piece++, false, &entries);
            strbuf_reset(&entries);
        }
    }
    bus_link_report_snapshot(presence->link, shard, piece, true, &entries);
    strbuf_fini(&entries);
    strbuf_reset(&presence->news[shard]); /* it is in the snapshot */
}

void presence_local_digests(const struct presence_local *presence, uint64_t digest[SHARD_COUNT])
{
    memcpy(digest, presence->digest, sizeof(presence->digest));
}
