/* Workers: the real bus_link and rooms on a loop and a pool of the simulation. */
#include "sim.h"

#include "common/mem.h"
#include "gateway/bus_link.h"
#include "gateway/presence_local.h"
#include "gateway/rooms.h"

#include <string.h>

struct worker {
    bool alive;
    struct loop *loop;
    struct pool *pool;
    struct bus_link *link;
    struct rooms *rooms;
};

static struct worker workers[WORKERS_MAX];

/* ---- from the bus -----------------------------------------------------------------------------*/

static void on_event(void *context, const struct bus_event *event)
{
    struct worker *worker = context;

    rooms_on_event(worker->rooms, event);
}

static void on_head(void *context, const struct bus_head *head)
{
    struct worker *worker = context;

    if (head->head > sim_db_head(head->room_id))
        sim_fail("a head that is not committed: room %llu, %llu above %llu",
                 (unsigned long long)head->room_id, (unsigned long long)head->head,
                 (unsigned long long)sim_db_head(head->room_id));
    rooms_on_head(worker->rooms, head);
}

static void on_ephemeral(void *context, const struct bus_ephemeral *ephemeral)
{
    (void)context;
    (void)ephemeral;
}

static void on_revoke(void *context, const struct bus_revoke *revoke)
{
    (void)context;
    (void)revoke;
}

static void on_shard(void *context, uint32_t shard)
{
    (void)context;
    (void)shard;
}

static void fill_digests(void *context, uint64_t digest[SHARD_COUNT])
{
    (void)context;
    memset(digest, 0, SHARD_COUNT * sizeof(*digest));
}

static bool hears_room(void *context, uint64_t room_id)
{
    const struct worker *worker = context;

    return rooms_hear(worker->rooms, room_id);
}

static void on_room(void *context)
{
    (void)context;
}

/* ---- coming and going -------------------------------------------------------------------------*/

void sim_workers_reset(void)
{
    memset(workers, 0, sizeof(workers));
}

bool sim_worker_alive(unsigned index)
{
    return workers[index].alive;
}

void sim_worker_start(unsigned index)
{
    static const struct bus_link_handlers handlers = {
        .on_event = on_event,
        .on_head = on_head,
        .on_ephemeral = on_ephemeral,
        .on_revoke = on_revoke,
        .on_shard = on_shard,
        .on_presence_resync = on_shard,
        .fill_digests = fill_digests,
        .hears_room = hears_room,
        .on_room = on_room,
    };
    const struct bus_link_options link = {
        .brokers = "",
        .timeout_ms = 1500,
        .retry_ms = 100,
        .heartbeat_ms = UINT32_MAX,
        .commands_max = 3 + sim_below(20),
    };
    const struct rooms_options rooms = {
        .ring_room_bytes = sim_percent(30) ? sim_below(1000) : 100000,
        .ring_total_bytes = sim_percent(20) ? sim_below(2000) : 100000,
        .page_events = 1 + sim_below(6),
        .linger_ms = sim_percent(50) ? sim_below(10) : 0,
        .linger_members = 1 + sim_below(3),
    };
    struct worker *worker = &workers[index];

    if (worker->alive)
        return;
    sim_trace("w%u starts: ring %zu of %zu bytes, pages of %llu", index, rooms.ring_room_bytes,
              rooms.ring_total_bytes, (unsigned long long)rooms.page_events);
    worker->alive = true;
    worker->loop = loop_create();
    worker->pool = sim_pool_create(worker->loop);
    worker->rooms = rooms_create(worker->loop, worker->pool, &rooms);
    sim_bus_creating(index);
    worker->link = bus_link_create(worker->loop, &link, &handlers, worker);
    rooms_set_link(worker->rooms, worker->link, NULL);
}

void sim_worker_kill(unsigned index)
{
    if (!workers[index].alive)
        return;
    sim_trace("w%u is killed", index);
    workers[index].alive = false;
    sim_bus_kill(true, index);
    sim_clients_lost(index);
}

int sim_worker_any(void)
{
    unsigned from = sim_below(sim.workers);

    for (unsigned i = 0; i < sim.workers; i++)
        if (workers[(from + i) % sim.workers].alive)
            return (int)((from + i) % sim.workers);
    return -1;
}

/* ---- steps ------------------------------------------------------------------------------------*/

void sim_worker_timers(unsigned index)
{
    if (workers[index].alive)
        seams_run_timers(workers[index].loop);
}

bool sim_worker_read(unsigned index, bool finish)
{
    return workers[index].alive && sim_pool_step(workers[index].pool, finish);
}

void sim_worker_subscribe(unsigned index, struct subscription *sub, uint64_t room_id)
{
    rooms_subscribe(workers[index].rooms, sub, room_id);
    seams_turn_end(workers[index].loop);
}

void sim_worker_unsubscribe(unsigned index, struct subscription *sub)
{
    rooms_unsubscribe(workers[index].rooms, sub);
    seams_turn_end(workers[index].loop);
}

void sim_worker_pump(unsigned index, struct subscription *sub)
{
    rooms_pump(workers[index].rooms, sub);
    seams_turn_end(workers[index].loop);
}

bool sim_worker_send(unsigned index, const struct bus_command *command, bus_answer_fn *done,
                     void *context)
{
    if (bus_link_full(workers[index].link))
        return false;
    bus_link_command(workers[index].link, command, done, context);
    return true;
}

void sim_worker_touched(const struct loop *loop)
{
    for (unsigned i = 0; i < sim.workers; i++)
        if (workers[i].alive && workers[i].loop == loop)
            sim_clients_check(i);
}

/* ---- presence is not played -------------------------------------------------------------------*/

void presence_local_add(struct presence_local *presence, uint64_t room_id, uint64_t user_id)
{
    (void)presence;
    (void)room_id;
    (void)user_id;
}

void presence_local_remove(struct presence_local *presence, uint64_t room_id, uint64_t user_id)
{
    (void)presence;
    (void)room_id;
    (void)user_id;
}
