/*
 * played.h: the floors below a worker, played: pool, database, bus, clock, timers,
 * chance and passwords.
 *
 * Everything that they answer is a function of what was asked and of the choice below, so the same
 * requests get the same answers however their bytes were cut. The rest of the worker is real.
 */
#ifndef BANTER_TESTS_FUZZ_PLAYED_H
#define BANTER_TESTS_FUZZ_PLAYED_H

#include "common/base.h"

/* What the input chooses. */
struct played_choice {
    uint8_t seed;
    uint8_t trouble; /* 0: all goes well; of 16 answers of database and broker so many are bad */
};

/* Another story begins: rooms' logs, chance and the waiting messages are as at the start, and so is
 * the time of day. */
void played_begin(struct played_choice choice);

/* Runs one job of a pool, or hands over one message of the bus; false if there is none. */
bool played_step(void);

/* So much time passes at once, as for a process that was stopped: each timer that is due by then
 * runs out once, in the next turn, in the order in which they are due. */
void played_pass(uint64_t ms);

/* Bytes from a broker, to whoever of the worker hears them: of its events, or of its commands'
 * socket, where they are a subscription. */
void played_bus_receive(bool commands, const uint8_t *data, size_t len);

/* While it is mute, the broker keeps the worker's commands, and its questions who is online; then
 * it answers them. Other messages are not answered meanwhile. */
void played_bus_mute(bool mute);
/* The number of what is kept, by its place, which is taken modulo their count; 0 if there is
 * nothing. *worker_id_out is who sent it. */
uint64_t played_bus_kept(size_t place, uint64_t *worker_id_out);

/* ---- between the floors ---- */

bool played_pool_step(void);
bool played_bus_step(void);
void played_bus_reset(void);
void played_timers_run(uint64_t now_us);

/* The same for the same bytes and choice. */
uint64_t played_hash(const void *data, size_t len, uint64_t more);
/* Whether this question gets a bad answer. */
bool played_trouble(uint64_t hash);

/* Rooms 1 to PLAYED_ROOMS are there; of the last in eight nobody is a member. */
#define PLAYED_ROOMS 64
#define PLAYED_EPOCH 7
bool played_room_exists(uint64_t room_id);
bool played_room_has_member(uint64_t room_id);
/* The committed end of its log. */
uint64_t played_head(uint64_t room_id);
uint64_t played_next_seq(uint64_t room_id);
#define PLAYED_USERS 8
/* A name for a user, with letters of several lengths among them. */
#define PLAYED_NAME_SIZE 48
const char *played_user_name(uint64_t user_id, char out[PLAYED_NAME_SIZE]);

#endif
