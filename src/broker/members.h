/*
 * members.h: which pairs of a room and a user are known to be a membership. Pure; one thread's.
 *
 * Only members are known: of anybody else the database is asked each time. What is known is
 * bounded, and what was not asked for lately is forgotten first: pairs are kept in two halves, of
 * which the older one is dropped when the newer one is full, and finding a pair makes it new.
 */
#ifndef BANTER_BROKER_MEMBERS_H
#define BANTER_BROKER_MEMBERS_H

#include "common/base.h"

struct members;

/* max: pairs that are known; at least 2. */
struct members *members_create(size_t max);
void members_destroy(struct members **members);

void members_add(struct members *members, uint64_t room, uint64_t user_id);
void members_remove(struct members *members, uint64_t room, uint64_t user_id);
bool members_has(struct members *members, uint64_t room, uint64_t user_id);

#endif
