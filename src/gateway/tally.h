/*
 * tally.h: how many things somebody holds now, and a bound on it: sockets of a user, connections of
 * an address.
 *
 * Pure. It is as large as what it counts: one entry for each number that holds something.
 */
#ifndef BANTER_GATEWAY_TALLY_H
#define BANTER_GATEWAY_TALLY_H

#include "common/base.h"

struct tally;

/* max 0: nothing is counted, and nothing refused. */
struct tally *tally_create(uint32_t max);
/* Nothing may be held any more; sets *tally to NULL. */
void tally_destroy(struct tally **tally);
/* One more of who; false if he has max already. Number 0 is nobody: never counted or refused. */
bool tally_add(struct tally *tally, uint64_t who) ATTR_MUSTCHECK;
/* Whether one more would not be refused. */
bool tally_has_room(const struct tally *tally, uint64_t who);
/* One less, after an add that was not refused. */
void tally_remove(struct tally *tally, uint64_t who);
/* What who holds. */
uint32_t tally_of(const struct tally *tally, uint64_t who);

#endif
