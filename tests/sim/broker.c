/* Brokers: the real intake, publisher, batch, apply and sequencer, wired as in broker/broker.c, and
 * a writer that is a thread of its own in broker/writer.c and a coroutine here: at each wait for
 * the database everybody else may go on, and it may be killed. */
#include "sim.h"

#include "broker/batch.h"
#include "broker/intake.h"
#include "common/check.h"
#include "common/mem.h"

#include <string.h>
#include <ucontext.h>

#define BATCH_MAX      8
#define STACK_BYTES    (64 * 1024)
#define HEAD_REPEAT_MS 300

struct writers {
    struct list queue; /* jobs */
};

struct broker {
    bool alive;
    struct loop *loop;
    struct publisher *publisher;
    struct intake *intake;
    struct bus_sock *commands;
    uint64_t owned;

    /* The writer's. */
    struct db *db;
    struct sequencer *sequencer;
    struct apply *apply;
    struct batch_calls calls;
    struct writers writers;
    struct list finished; /* not handed over yet */
    struct list results;
    bool conflict;
    bool waits; /* for jobs */
    uint64_t sleeps_until_ms;
    ucontext_t context;
    ucontext_t back;
};

static struct broker brokers[BROKERS_MAX];
static _Alignas(16) char stacks[BROKERS_MAX][STACK_BYTES];
static int running = -1;             /* whose writer it is that runs now */
static uint64_t leases[SHARD_COUNT]; /* the table: owner's index + 1; 0 for nobody */

static unsigned index_of(const struct broker *broker)
{
    return (unsigned)(broker - brokers);
}

/* ---- the writer -------------------------------------------------------------------------------*/

void sim_writer_yield(int broker)
{
    if (broker < 0)
        return;
    CHECK(running == broker);
    running = -1;
    CHECK(swapcontext(&brokers[broker].context, &brokers[broker].back) == 0);
    running = broker;
}

static void finished(void *context, struct command *command)
{
    struct broker *broker = context;

    list_push_back(&broker->finished, &command->job.node);
}

static void flush(void *context)
{
    struct broker *broker = context;

    list_splice_back(&broker->results, &broker->finished);
}

static bool wait_ms(void *context, uint64_t ms)
{
    struct broker *broker = context;

    broker->sleeps_until_ms = sim.now_ms + ms;
    sim_writer_yield((int)index_of(broker));
    return true;
}

static void conflict(void *context)
{
    struct broker *broker = context;

    broker->conflict = true;
}

struct taken {
    struct command *commands[BATCH_MAX];
    struct head_job *heads[BATCH_MAX];
    uint64_t head_rooms[BATCH_MAX];
    size_t command_count;
    size_t head_count;
};

static void take_job(struct broker *broker, struct taken *taken, struct job *job)
{
    switch (job->kind) {
    case JOB_COMMAND:
        taken->commands[taken->command_count++] = CONTAINER_OF(job, struct command, job);
        break;
    case JOB_HEAD: {
        struct head_job *head = CONTAINER_OF(job, struct head_job, job);

        taken->head_rooms[taken->head_count] = head->room_id;
        taken->heads[taken->head_count++] = head;
        break;
    }
    case JOB_FORGET:
        sequencer_drop_shards(broker->sequencer, CONTAINER_OF(job, struct forget_job, job)->shards);
        job_destroy(&job);
        break;
    }
}

static void take_jobs(struct broker *broker, struct taken *taken)
{
    unsigned batch_max = 1 + sim_below(BATCH_MAX);
    struct list_node *node;

    taken->command_count = taken->head_count = 0;
    broker->waits = true;
    while (list_empty(&broker->writers.queue))
        sim_writer_yield((int)index_of(broker));
    broker->waits = false;
    while (taken->command_count + taken->head_count < batch_max &&
           (node = list_pop_front(&broker->writers.queue)) != NULL)
        take_job(broker, taken, LIST_ITEM(node, struct job, node));
}

static void answer_heads(struct broker *broker, struct taken *taken)
{
    CHECK(batch_load_rooms(broker->apply, &broker->calls, taken->head_rooms, taken->head_count));
    for (size_t i = 0; i < taken->head_count; i++) {
        struct sequencer_room *room = sequencer_find(broker->sequencer, taken->head_rooms[i]);

        taken->heads[i]->head = room != NULL ? sequencer_head(room) : 0;
        list_push_back(&broker->finished, &taken->heads[i]->job.node);
    }
}

/* As run() in broker/writer.c. */
static void run(unsigned index)
{
    struct broker *broker = &brokers[index];
    struct taken taken;

    running = (int)index;
    for (;;) {
        take_jobs(broker, &taken);
        CHECK(batch_settle(broker->apply, &broker->calls, taken.commands, taken.command_count) ==
              0);
        flush(broker);
        answer_heads(broker, &taken);
        flush(broker);
        sequencer_trim(broker->sequencer);
    }
}

bool sim_broker_write(unsigned index)
{
    struct broker *broker = &brokers[index];

    if (!broker->alive || broker->sleeps_until_ms > sim.now_ms ||
        (broker->waits && list_empty(&broker->writers.queue)))
        return false;
    CHECK(swapcontext(&broker->back, &broker->context) == 0);
    return true;
}

/* ---- the loop's side --------------------------------------------------------------------------*/

void writers_submit_command(struct writers *writers, struct command *command)
{
    list_push_back(&writers->queue, &command->job.node);
}

static void ask_head(void *context, uint64_t room_id)
{
    struct broker *broker = context;

    list_push_back(&broker->writers.queue, &head_job_create(room_id)->job.node);
}

/* As on_shards_changed() in broker/broker.c. */
static void change_shards(struct broker *broker, uint64_t owned)
{
    uint64_t changed = broker->owned ^ owned;

    if (changed == 0)
        return;
    sim_trace("b%u thinks that it owns %llx", index_of(broker), (unsigned long long)owned);
    broker->owned = owned;
    list_push_back(&broker->writers.queue, &forget_job_create(changed)->job.node);
    intake_set_owned(broker->intake, owned);
    publisher_set_owned(broker->publisher, owned);
    for (uint64_t shard = 0; shard < SHARD_COUNT; shard++) {
        uint8_t topic[BUS_TOPIC_SIZE];

        if ((changed >> shard & 1) == 0)
            continue;
        bus_topic_encode(BUS_TOPIC_SHARD, shard, topic);
        if ((owned >> shard & 1) != 0)
            bus_sock_subscribe(broker->commands, topic, sizeof(topic));
        else
            bus_sock_unsubscribe(broker->commands, topic, sizeof(topic));
    }
}

void sim_leases_read(unsigned index)
{
    uint64_t owned = 0;

    if (!brokers[index].alive)
        return;
    for (uint64_t shard = 1; shard <= sim.rooms; shard++)
        if (leases[shard] == index + 1)
            owned |= UINT64_C(1) << shard;
    change_shards(&brokers[index], owned);
    seams_turn_end(brokers[index].loop);
}

void sim_leases_move(void)
{
    unsigned to = sim_below(sim.brokers);
    uint64_t shard = 1 + sim_below(sim.rooms);

    if (!brokers[to].alive)
        return;
    sim_trace("shard %llu is b%u's", (unsigned long long)shard, to);
    leases[shard] = to + 1;
}

void sim_leases_settle(void)
{
    for (uint64_t shard = 1; shard <= sim.rooms; shard++)
        if (leases[shard] == 0)
            leases[shard] = 1 + sim_below(sim.brokers);
}

bool sim_broker_collect(unsigned index)
{
    struct broker *broker = &brokers[index];
    struct list results;
    struct list_node *node;

    if (!broker->alive || list_empty(&broker->results))
        return false;
    list_init(&results);
    list_splice_back(&results, &broker->results);
    while ((node = list_pop_front(&results)) != NULL)
        intake_finish(broker->intake, LIST_ITEM(node, struct job, node));
    /* The real one looks at its leases a moment later. */
    if (broker->conflict && sim_percent(50))
        sim_leases_read(index);
    broker->conflict = false;
    seams_turn_end(broker->loop);
    return true;
}

/* ---- coming and going -------------------------------------------------------------------------*/

void sim_brokers_reset(void)
{
    memset(brokers, 0, sizeof(brokers));
    memset(leases, 0, sizeof(leases));
    running = -1;
}

bool sim_broker_alive(unsigned index)
{
    return brokers[index].alive;
}

static void start_writer(struct broker *broker)
{
    broker->db = sim_db_create((int)index_of(broker));
    broker->sequencer = sequencer_create(1 + sim_below(ROOMS_MAX));
    broker->apply = apply_create(broker->db, broker->sequencer);
    broker->calls = (struct batch_calls){finished, flush, wait_ms, conflict, broker};
    list_init(&broker->writers.queue);
    list_init(&broker->finished);
    list_init(&broker->results);
    CHECK(getcontext(&broker->context) == 0);
    broker->context.uc_stack.ss_sp = stacks[index_of(broker)];
    broker->context.uc_stack.ss_size = STACK_BYTES;
    broker->context.uc_link = NULL;
    makecontext(&broker->context, (void (*)(void))run, 1, index_of(broker));
    broker->waits = true;
}

void sim_broker_start(unsigned index)
{
    struct broker *broker = &brokers[index];
    struct publisher_options publisher = {SIM_EPOCH, HEAD_REPEAT_MS, ask_head, broker};
    struct intake_options intake = {.queue_max = 2 + sim_below(16), .dedupe_window = sim_below(12)};
    struct bus_context *bus = bus_context_create();

    if (broker->alive)
        return;
    sim_trace("b%u starts", index);
    memset(broker, 0, sizeof(*broker));
    broker->alive = true;
    broker->loop = loop_create();
    start_writer(broker);
    sim_bus_creating(index);
    broker->publisher = publisher_create(bus, broker->loop, &publisher);
    intake.publisher = broker->publisher;
    intake.writers = &broker->writers;
    broker->intake = intake_create(&intake);
    broker->commands =
        bus_sock_create(bus, broker->loop, BUS_BROKER_COMMANDS, intake_receive, broker->intake);
}

void sim_broker_kill(unsigned index)
{
    if (!brokers[index].alive)
        return;
    sim_trace("b%u is killed", index);
    sim_db_abandon(brokers[index].db);
    brokers[index].alive = false;
    sim_bus_kill(false, index);
}

void sim_broker_timers(unsigned index)
{
    if (brokers[index].alive)
        seams_run_timers(brokers[index].loop);
}
