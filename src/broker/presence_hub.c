#include "broker/presence_hub.h"

#include "common/check.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"

#include <string.h>

/* A worker has a pair. */
struct hub_link {
    struct list_node of_worker; /* hub_worker.links[shard] */
    struct list_node of_pair;   /* hub_pair.links */
    struct hub_worker *worker;
    struct hub_pair *pair;
    uint64_t generation; /* of the worker's snapshot of the shard that it was last in */
};

struct pair_key {
    uint64_t room_id;
    uint64_t user_id;
};

/* A user who is online in a room, or was a moment ago (lingering). */
struct hub_pair {
    struct list_node lingering; /* presence_hub.lingering, by deadline; linked: no links */
    struct list links;
    struct pair_key key;
    uint64_t linger_until_ms;
};

struct hub_worker {
    uint64_t worker_id;
    uint64_t seen_ms;
    uint64_t generation[SHARD_COUNT]; /* counts snapshots */
    uint32_t pieces[SHARD_COUNT];     /* of the latest one that came, without a gap */
    struct list links[SHARD_COUNT];
    uint64_t digest[SHARD_COUNT];
    uint64_t resync_ms[SHARD_COUNT]; /* when it was last asked; 0: never */
};

struct presence_hub {
    struct presence_hub_calls calls;
    uint64_t worker_timeout_ms;
    struct map *workers;
    struct map *pairs; /* struct hub_pair */
    struct list lingering;
};

struct presence_hub *presence_hub_create(const struct presence_hub_calls *calls,
                                         uint64_t worker_timeout_ms)
{
    struct presence_hub *hub = mem_alloc(sizeof(*hub));

    hub->calls = *calls;
    hub->worker_timeout_ms = worker_timeout_ms;
    hub->workers = MAP_CREATE_INSIDE(struct hub_worker, worker_id);
    hub->pairs = MAP_CREATE_INSIDE(struct hub_pair, key);
    list_init(&hub->lingering);
    return hub;
}

/* ---- pairs and links --------------------------------------------------------------------------*/

static struct hub_pair *find_pair(const struct presence_hub *hub, uint64_t room_id,
                                  uint64_t user_id)
{
    struct pair_key key = {room_id, user_id};

    return map_find(hub->pairs, &key);
}

static struct hub_pair *create_pair(struct presence_hub *hub, uint64_t room_id, uint64_t user_id)
{
    struct hub_pair *pair = mem_alloc(sizeof(*pair));

    pair->key = (struct pair_key){room_id, user_id};
    list_init(&pair->links);
    map_put(hub->pairs, &pair->key, pair);
    return pair;
}

static void destroy_pair(struct presence_hub *hub, struct hub_pair *pair)
{
    CHECK(list_empty(&pair->links));
    map_remove(hub->pairs, &pair->key);
    list_remove(&pair->lingering);
    mem_free(pair);
}

static struct hub_link *find_link(const struct hub_pair *pair, const struct hub_worker *worker)
{
    LIST_FOREACH (node, &pair->links) {
        struct hub_link *link = LIST_ITEM(node, struct hub_link, of_pair);

        if (link->worker == worker)
            return link;
    }
    return NULL;
}

static void add_link(struct hub_worker *worker, struct hub_pair *pair)
{
    struct hub_link *link = mem_alloc(sizeof(*link));
    uint64_t room_id = pair->key.room_id;
    uint32_t shard = bus_shard(room_id);

    link->worker = worker;
    link->pair = pair;
    link->generation = worker->generation[shard];
    list_push_back(&worker->links[shard], &link->of_worker);
    list_push_back(&pair->links, &link->of_pair);
    worker->digest[shard] ^= bus_presence_digest(room_id, pair->key.user_id);
}

/* The pair stays, even without links. */
static struct hub_pair *remove_link(struct hub_link *link)
{
    struct hub_pair *pair = link->pair;
    uint64_t room_id = pair->key.room_id;

    link->worker->digest[bus_shard(room_id)] ^= bus_presence_digest(room_id, pair->key.user_id);
    list_remove(&link->of_worker);
    list_remove(&link->of_pair);
    mem_free(link);
    return pair;
}

static void leave_now(struct presence_hub *hub, struct hub_pair *pair)
{
    uint64_t room_id = pair->key.room_id;
    uint64_t user_id = pair->key.user_id;

    destroy_pair(hub, pair);
    hub->calls.announce(hub->calls.context, room_id, user_id, false);
}

static void leave_soon(struct presence_hub *hub, struct hub_pair *pair, uint64_t now_ms)
{
    /* The time is the same for all, so the list stays in the order of the deadlines. */
    pair->linger_until_ms = now_ms + PRESENCE_LINGER_MS;
    list_push_back(&hub->lingering, &pair->lingering);
}

/* ---- workers ----------------------------------------------------------------------------------*/

static struct hub_worker *ensure_worker(struct presence_hub *hub, uint64_t worker_id)
{
    struct hub_worker *worker = map_find_u64(hub->workers, worker_id);

    if (worker != NULL)
        return worker;
    worker = mem_alloc(sizeof(*worker));
    worker->worker_id = worker_id;
    for (size_t i = 0; i < SHARD_COUNT; i++)
        list_init(&worker->links[i]);
    map_put_u64(hub->workers, worker_id, worker);
    return worker;
}

/* Its users may come back through another worker. */
static void remove_worker(struct presence_hub *hub, struct hub_worker *worker, uint64_t now_ms)
{
    for (size_t i = 0; i < SHARD_COUNT; i++)
        LIST_FOREACH_SAFE (node, &worker->links[i]) {
            struct hub_pair *pair = remove_link(LIST_ITEM(node, struct hub_link, of_worker));

            if (list_empty(&pair->links))
                leave_soon(hub, pair, now_ms);
        }
    map_remove_u64(hub->workers, worker->worker_id);
    mem_free(worker);
}

static void go_up(struct presence_hub *hub, struct hub_worker *worker,
                  const struct bus_presence_entry *entry, bool announce)
{
    struct hub_pair *pair = find_pair(hub, entry->room_id, entry->user_id);
    struct hub_link *link;

    if (pair == NULL) {
        pair = create_pair(hub, entry->room_id, entry->user_id);
        if (announce)
            hub->calls.announce(hub->calls.context, entry->room_id, entry->user_id, true);
    }
    list_remove(&pair->lingering);
    link = find_link(pair, worker);
    if (link == NULL)
        add_link(worker, pair);
    else
        link->generation = worker->generation[bus_shard(entry->room_id)];
}

static void go_down(struct presence_hub *hub, struct hub_worker *worker,
                    const struct bus_presence_entry *entry)
{
    struct hub_pair *pair = find_pair(hub, entry->room_id, entry->user_id);
    struct hub_link *link = pair != NULL ? find_link(pair, worker) : NULL;

    if (link == NULL)
        return;
    remove_link(link);
    if (list_empty(&pair->links))
        leave_now(hub, pair);
}

/* Whether the piece is the next one of a snapshot that is whole so far. */
static bool begin_piece(struct hub_worker *worker, uint32_t shard,
                        const struct bus_presence *presence)
{
    if (presence->piece == 0) {
        worker->generation[shard]++;
        worker->pieces[shard] = 0;
    } else if (presence->piece != worker->pieces[shard]) {
        worker->pieces[shard] = 0; /* no piece but a first one follows on this */
        return false;
    }
    worker->pieces[shard]++;
    return true;
}

/* What the worker had in the shard and the snapshot did not name is gone. */
static void sweep_shard(struct presence_hub *hub, struct hub_worker *worker, uint32_t shard)
{
    LIST_FOREACH_SAFE (node, &worker->links[shard]) {
        struct hub_link *link = LIST_ITEM(node, struct hub_link, of_worker);

        if (link->generation != worker->generation[shard]) {
            struct hub_pair *pair = remove_link(link);

            if (list_empty(&pair->links))
                leave_now(hub, pair);
        }
    }
}

void presence_hub_report(struct presence_hub *hub, uint32_t shard,
                         const struct bus_presence *presence, uint64_t now_ms)
{
    struct hub_worker *worker = ensure_worker(hub, presence->worker_id);
    bool whole = false;

    worker->seen_ms = now_ms;
    if (presence->snapshot)
        whole = begin_piece(worker, shard, presence);
    for (uint32_t i = 0; i < presence->count; i++) {
        struct bus_presence_entry entry = bus_presence_entry(presence, i);

        if (bus_shard(entry.room_id) != shard)
            continue;
        if (entry.up)
            go_up(hub, worker, &entry, !presence->snapshot);
        else
            go_down(hub, worker, &entry);
    }
    if (whole && presence->last)
        sweep_shard(hub, worker, shard);
}

void presence_hub_heartbeat(struct presence_hub *hub, const struct bus_heartbeat *heartbeat,
                            uint64_t owned, uint64_t now_ms)
{
    struct hub_worker *worker = map_find_u64(hub->workers, heartbeat->worker_id);

    if (heartbeat->leaving) {
        if (worker != NULL)
            remove_worker(hub, worker, now_ms);
        return;
    }
    worker = ensure_worker(hub, heartbeat->worker_id);
    worker->seen_ms = now_ms;
    for (uint32_t shard = 0; shard < SHARD_COUNT; shard++) {
        if ((owned >> shard & 1) == 0 || worker->digest[shard] == heartbeat->digest[shard])
            continue;
        if (worker->resync_ms[shard] != 0 && now_ms - worker->resync_ms[shard] < PRESENCE_RESYNC_MS)
            continue;
        worker->resync_ms[shard] = now_ms;
        hub->calls.resync(hub->calls.context, worker->worker_id, shard);
    }
}

static struct hub_worker *find_silent(const struct presence_hub *hub, uint64_t now_ms)
{
    struct hub_worker *worker;
    size_t cursor = 0;

    while ((worker = map_iter(hub->workers, &cursor)) != NULL)
        if (now_ms - worker->seen_ms >= hub->worker_timeout_ms)
            return worker;
    return NULL;
}

void presence_hub_tick(struct presence_hub *hub, uint64_t now_ms)
{
    struct hub_worker *silent;
    struct list_node *node;

    while ((silent = find_silent(hub, now_ms)) != NULL)
        remove_worker(hub, silent, now_ms);
    while ((node = list_first(&hub->lingering)) != NULL) {
        struct hub_pair *pair = LIST_ITEM(node, struct hub_pair, lingering);

        if (pair->linger_until_ms > now_ms)
            break;
        leave_now(hub, pair);
    }
}

void presence_hub_forget(struct presence_hub *hub, uint64_t shards)
{
    struct hub_worker *worker;
    size_t cursor = 0;

    while ((worker = map_iter(hub->workers, &cursor)) != NULL)
        for (size_t shard = 0; shard < SHARD_COUNT; shard++) {
            if ((shards >> shard & 1) == 0)
                continue;
            LIST_FOREACH_SAFE (node, &worker->links[shard]) {
                struct hub_pair *pair = remove_link(LIST_ITEM(node, struct hub_link, of_worker));

                if (list_empty(&pair->links))
                    destroy_pair(hub, pair);
            }
        }
    LIST_FOREACH_SAFE (node, &hub->lingering) {
        struct hub_pair *pair = LIST_ITEM(node, struct hub_pair, lingering);

        if ((shards >> bus_shard(pair->key.room_id) & 1) != 0)
            destroy_pair(hub, pair);
    }
}

void presence_hub_destroy(struct presence_hub **hub)
{
    struct hub_worker *worker;
    size_t cursor = 0;

    if (*hub == NULL)
        return;
    presence_hub_forget(*hub, UINT64_MAX);
    while ((worker = map_iter((*hub)->workers, &cursor)) != NULL)
        mem_free(worker);
    map_destroy(&(*hub)->workers);
    map_destroy(&(*hub)->pairs);
    mem_free(*hub);
    *hub = NULL;
}

bool presence_hub_is_online(const struct presence_hub *hub, uint64_t room_id, uint64_t user_id)
{
    return find_pair(hub, room_id, user_id) != NULL;
}

size_t presence_hub_workers(const struct presence_hub *hub)
{
    return map_count(hub->workers);
}

size_t presence_hub_pairs(const struct presence_hub *hub)
{
    return map_count(hub->pairs);
}
