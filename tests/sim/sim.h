/*
 * sim.h: the whole chat in one thread, with time, network and database played by a random number
 * generator: the same seed always gives the same story.
 *
 * What is real: on the gateway's side bus_link, rooms, room_log, cursor, frame and log_reader; on
 * the broker's side intake, dedupe, publisher, batch, apply and sequencer; and the bus's encoding.
 * What is played are the floors below them, exchanged when the program is linked: memory, clock,
 * loop and pool (seams.c), bus_sock (bus.c), db and store_log (db.c), writer threads (broker.c);
 * and above them the clients (clients.c).
 *
 * Every deviation from what Banter promises calls sim_fail().
 */
#ifndef BANTER_TESTS_SIM_H
#define BANTER_TESTS_SIM_H

#include "broker/command.h"
#include "common/bus_proto.h"
#include "common/loop.h"

#define BROKERS_MAX 3
#define WORKERS_MAX 4
#define CLIENTS_MAX 8
#define ROOMS_MAX   3 /* ids 1..ROOMS_MAX; each has a shard of its own */
#define SENDS_MAX   48
#define ROWS_MAX    256 /* of a room's log */
#define SIM_EPOCH   77

/* How likely each trouble is, in 10,000 at each opportunity. */
struct sim_faults {
    const char *name;
    unsigned lose;        /* a message vanishes between two that live */
    unsigned repeat;      /* a message arrives twice, the second time later */
    unsigned cut;         /* a connection breaks */
    unsigned kill_broker; /* kill -9 */
    unsigned kill_worker;
    unsigned
        move_shard; /* another broker gets a shard; both may think for a while that it is theirs */
    unsigned db_error;     /* a statement fails and changes nothing */
    unsigned db_uncertain; /* a COMMIT gets no answer */
    unsigned db_outage;    /* the database is away for a while */
};

struct sim {
    uint64_t seed;
    uint64_t random[2];
    uint64_t now_ms;
    uint32_t step;
    bool trace;
    bool healing; /* from here on nothing goes wrong any more */
    const struct sim_faults *faults;
    unsigned brokers;
    unsigned workers;
    unsigned rooms;
    unsigned clients;
};

extern struct sim sim;

/* ---- world.c: the schedule --------------------------------------------------------------------*/

/* A number below bound, which is not 0. */
uint32_t sim_below(uint32_t bound);
/* True in so many of 10,000 cases; never while healing. */
bool sim_trouble(unsigned likely);
bool sim_percent(unsigned percent);
/* A line of the story, when it is told. */
void sim_trace(const char *format, ...) ATTR_PRINTF(1, 2);
/* A promise is broken: says which, and how to see it again. */
ATTR_NORETURN void sim_fail(const char *format, ...) ATTR_PRINTF(1, 2);
/* Plays one schedule from its beginning to the end. */
void sim_play(uint64_t seed, bool trace);
/* Those that play lists: index is from 0 to below count. */
const struct sim_faults *sim_faults_of(unsigned index);
unsigned sim_faults_count(void);

/* Runs (gateway/frame.h) that clients got, over all schedules. */
extern unsigned long long sim_runs;

/* ---- seams.c ----------------------------------------------------------------------------------*/

/* Forgets every allocation of the schedule before. */
void seams_reset(void);
/* End of a turn of this loop. */
void seams_turn_end(struct loop *loop);
/* Calls the timers of the loop that are due. */
void seams_run_timers(struct loop *loop);

struct pool *sim_pool_create(struct loop *loop);
/* Starts or finishes one job of the pool; false if there was none. */
bool sim_pool_step(struct pool *pool, bool finish);

/* ---- bus.c ------------------------------------------------------------------------------------*/

struct bus_context {
    unsigned index; /* of the worker or broker */
};

void sim_bus_reset(void);
/* The next sockets belong to this worker or broker. */
void sim_bus_creating(unsigned index);
/* One message, or one subscription, goes one step further; false if nothing is on its way. */
bool sim_bus_step(void);
/* Connects what is not connected; a random one, or all. */
void sim_bus_connect(bool all);
void sim_bus_cut(void);
/* The process is gone, and with it its ends of its connections. */
void sim_bus_kill(bool worker, unsigned index);

/* ---- db.c -------------------------------------------------------------------------------------*/

struct sim_row {
    uint64_t actor_id;
    uint64_t created_at_us;
    uint8_t key[DEDUPE_KEY_BYTES];
    char body[16];
};

struct db;

void sim_db_reset(void);
/* waits: the broker whose writer the connection is; -1 for none, whose statements do not wait. */
struct db *sim_db_create(int broker);
/* The connection's process died. */
void sim_db_abandon(struct db *db);
/* The committed head of a room, and its rows. */
uint64_t sim_db_head(uint64_t room_id);
const struct sim_row *sim_db_row(uint64_t room_id, uint64_t seq);
/* The seq of the row with this key; 0 if there is none. */
uint64_t sim_db_find(uint64_t room_id, const uint8_t key[DEDUPE_KEY_BYTES]);
/* A COMMIT whose client is gone ends, one way or the other; false if there is none. */
bool sim_db_resolve(void);
void sim_db_outage(bool away);

/* ---- broker.c ---------------------------------------------------------------------------------*/

void sim_brokers_reset(void);
bool sim_broker_alive(unsigned index);
void sim_broker_start(unsigned index);
void sim_broker_kill(unsigned index);
/* The writer goes on to its next wait, or what it has finished is handed over; false if it has
 * nothing to do. */
bool sim_broker_write(unsigned index);
bool sim_broker_collect(unsigned index);
void sim_broker_timers(unsigned index);
/* A shard gets another owner in the table of leases. */
void sim_leases_move(void);
/* Every shard has a living owner. */
void sim_leases_settle(void);
/* The broker reads the table. */
void sim_leases_read(unsigned index);
/* Inside of a writer: anything may happen before this returns. */
void sim_writer_yield(int broker);

/* ---- workers.c --------------------------------------------------------------------------------*/

struct subscription;
struct subscriber_ops;

void sim_workers_reset(void);
bool sim_worker_alive(unsigned index);
void sim_worker_start(unsigned index);
void sim_worker_kill(unsigned index);
void sim_worker_timers(unsigned index);
bool sim_worker_read(unsigned index, bool finish);
/* A living worker, or -1. */
int sim_worker_any(void);
void sim_worker_subscribe(unsigned index, struct subscription *sub, uint64_t room_id);
void sim_worker_unsubscribe(unsigned index, struct subscription *sub);
void sim_worker_pump(unsigned index, struct subscription *sub);
/* False when the worker's bound is reached. */
bool sim_worker_send(unsigned index, const struct bus_command *command,
                     void (*done)(void *context, const struct bus_answer *answer), void *context);
/* Something of this worker changed: its subscribers' logs are looked at after the step. */
void sim_worker_touched(const struct loop *loop);

/* ---- clients.c --------------------------------------------------------------------------------*/

void sim_clients_reset(void);
void sim_clients_step(void);
/* The worker died: its sockets are gone. */
void sim_clients_lost(unsigned worker);
/* The invariants of this worker's subscribers. */
void sim_clients_check(unsigned worker);
/* While healing: connects who is away, reads what waits, repeats what is not settled. */
void sim_clients_heal(void);
/* Whether everybody has everything; NULL, or what is missing. */
const char *sim_clients_missing(void);

/* ---- sends.c ----------------------------------------------------------------------------------*/

void sim_sends_reset(void);
/* A client sends something new, or again. */
void sim_sends_step(unsigned client, uint64_t room_id);
void sim_sends_lost(unsigned worker);
void sim_sends_heal(void);
const char *sim_sends_missing(void);
/* At the end of a schedule: what clients were told, against the log. */
void sim_sends_check(void);

#endif
