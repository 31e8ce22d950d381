/* The schedule: who does the next step, what breaks, and how it is all put right again at the
 * end. */
#include "sim.h"

#include "common/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STEPS         250
#define HEAL_MS_MAX   30000
#define HEAL_STEP_MS  50
#define HEAL_WORK_MAX 100000

struct sim sim;

static bool outage;

static const struct sim_faults faults[] = {
    {.name = "delays, slow readers, clients that come and go"},
    {.name = "a bus that cuts", .cut = 400, .move_shard = 50},
    {.name = "a bus that loses and repeats", .lose = 500, .repeat = 500, .cut = 200},
    {.name = "brokers that die, two owners of a shard",
     .cut = 100,
     .kill_broker = 300,
     .move_shard = 500},
    {.name = "a database in trouble",
     .move_shard = 200,
     .db_error = 300,
     .db_uncertain = 2000,
     .db_outage = 150},
    {.name = "all of it",
     .lose = 100,
     .repeat = 100,
     .cut = 150,
     .kill_broker = 150,
     .kill_worker = 150,
     .move_shard = 300,
     .db_error = 200,
     .db_uncertain = 1000,
     .db_outage = 50},
};

const struct sim_faults *sim_faults_of(unsigned index)
{
    return &faults[index];
}

unsigned sim_faults_count(void)
{
    return ARRAY_LEN(faults);
}

/* ---- chance -----------------------------------------------------------------------------------*/

static uint64_t rotl(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

/* SplitMix64 spreads the seed; xoroshiro128+ goes on from there. */
static void seed_random(uint64_t seed)
{
    for (int i = 0; i < 2; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        sim.random[i] = z ^ (z >> 31);
    }
}

uint32_t sim_below(uint32_t bound)
{
    uint64_t a = sim.random[0];
    uint64_t b = sim.random[1];
    uint64_t sum = a + b;

    b ^= a;
    sim.random[0] = rotl(a, 24) ^ b ^ (b << 16);
    sim.random[1] = rotl(b, 37);
    return (uint32_t)(((sum >> 32) * bound) >> 32);
}

bool sim_percent(unsigned percent)
{
    return sim_below(100) < percent;
}

bool sim_trouble(unsigned likely)
{
    return likely > 0 && !sim.healing && sim_below(10000) < likely;
}

/* ---- the story --------------------------------------------------------------------------------*/

void sim_trace(const char *format, ...)
{
    va_list arguments;

    if (!sim.trace)
        return;
    printf("%5u %6llu ms  ", sim.step, (unsigned long long)(sim.now_ms - 1000));
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* ---- trouble ----------------------------------------------------------------------------------*/

static void break_something(void)
{
    unsigned broker = sim_below(sim.brokers);
    unsigned worker = sim_below(sim.workers);

    if (sim_trouble(sim.faults->cut))
        sim_bus_cut();
    if (sim_trouble(sim.faults->kill_broker))
        sim_broker_kill(broker);
    if (sim_trouble(sim.faults->kill_worker))
        sim_worker_kill(worker);
    if (sim_trouble(sim.faults->move_shard))
        sim_leases_move();
    if (sim_trouble(sim.faults->db_outage)) {
        outage = !outage;
        sim_trace("db: %s", outage ? "away" : "back");
        sim_db_outage(outage);
    }
}

static void mend_something(void)
{
    switch (sim_below(6)) {
    case 0:
        sim_broker_start(sim_below(sim.brokers));
        break;
    case 1:
        sim_worker_start(sim_below(sim.workers));
        break;
    case 2:
        sim_bus_connect(false);
        break;
    case 3:
        sim_leases_read(sim_below(sim.brokers));
        break;
    case 4:
        (void)sim_db_resolve();
        break;
    default:
        if (outage && sim_percent(20))
            sim_db_outage(outage = false);
    }
}

static void pass_time(uint64_t ms)
{
    sim.now_ms += ms;
    for (unsigned i = 0; i < sim.brokers; i++)
        sim_broker_timers(i);
    for (unsigned i = 0; i < sim.workers; i++)
        sim_worker_timers(i);
}

/* ---- steps ------------------------------------------------------------------------------------*/

/* Something that is on its way goes on. */
static bool work(void)
{
    unsigned broker = sim_below(sim.brokers);
    unsigned worker = sim_below(sim.workers);
    unsigned what = sim_below(100);

    if (what < 45)
        return sim_bus_step();
    if (what < 65)
        return sim_broker_write(broker);
    if (what < 75)
        return sim_broker_collect(broker);
    return sim_worker_read(worker, what < 88);
}

static void step(void)
{
    unsigned what = sim_below(100);

    sim.step++;
    break_something();
    if (what < 65) {
        for (int tries = 0; tries < 4 && !work(); tries++)
            continue;
    } else if (what < 85) {
        sim_clients_step();
    } else if (what < 93) {
        pass_time(sim_percent(10) ? 1 + sim_below(800) : 1 + sim_below(60));
    } else {
        mend_something();
    }
}

static void start(void)
{
    sim.now_ms = 1000;
    sim.rooms = 1 + sim_below(ROOMS_MAX);
    sim.brokers = 1 + sim_below(BROKERS_MAX);
    sim.workers = 1 + sim_below(WORKERS_MAX);
    sim.clients = 2 + sim_below(CLIENTS_MAX - 1);
    outage = false;
    seams_reset();
    sim_bus_reset();
    sim_db_reset();
    sim_brokers_reset();
    sim_workers_reset();
    sim_clients_reset();
    for (unsigned i = 0; i < sim.brokers; i++)
        sim_broker_start(i);
    for (unsigned i = 0; i < sim.workers; i++)
        sim_worker_start(i);
    for (unsigned i = 0; i < 3 * sim.rooms; i++)
        sim_leases_move();
    for (unsigned i = 0; i < sim.brokers; i++)
        sim_leases_read(i);
    if (sim_percent(80))
        sim_bus_connect(true);
}

/* Everything that can be done without time passing. */
static void drain(void)
{
    bool any = true;

    for (unsigned budget = HEAL_WORK_MAX; any; budget--) {
        if (budget == 0)
            sim_fail("the work does not end");
        any = sim_bus_step();
        for (unsigned i = 0; i < sim.brokers; i++) {
            any |= sim_broker_write(i);
            any |= sim_broker_collect(i);
        }
        for (unsigned i = 0; i < sim.workers; i++) {
            any |= sim_worker_read(i, false);
            any |= sim_worker_read(i, true);
        }
    }
}

/* From here on nothing breaks: everybody gets everything, without anything new being sent. */
static void heal(void)
{
    uint64_t until_ms = sim.now_ms + HEAL_MS_MAX;
    const char *missing = "";

    sim_trace("healing");
    sim.healing = true;
    sim_db_outage(false);
    while (sim_db_resolve())
        continue;
    for (unsigned i = 0; i < sim.workers; i++)
        sim_worker_start(i);
    for (unsigned i = 0; i < sim.brokers; i++)
        sim_broker_start(i);
    sim_leases_settle();
    for (unsigned i = 0; i < sim.brokers; i++)
        sim_leases_read(i);
    sim_bus_connect(true);
    while (missing != NULL && sim.now_ms < until_ms) {
        sim.step++;
        sim_clients_heal();
        drain();
        missing = sim_clients_missing();
        if (missing != NULL)
            pass_time(HEAL_STEP_MS);
    }
    if (missing != NULL)
        sim_fail("half a minute after the last fault: %s", missing);
}

void sim_play(uint64_t seed, bool trace)
{
    sim = (struct sim){.seed = seed, .trace = trace, .faults = &faults[seed % ARRAY_LEN(faults)]};
    seed_random(seed);
    start();
    for (unsigned i = 0; i < STEPS; i++)
        step();
    heal();
    sim_sends_check();
}
