/*
 * farewell.h: an answer that waits until the workers have been told what has just ended in the
 * database. What the brokers answer does not matter, as it holds already: workers that were not
 * told notice by themselves (sessions.h), and a broker sweeps memberships that were left over.
 */
#ifndef BANTER_GATEWAY_FAREWELL_H
#define BANTER_GATEWAY_FAREWELL_H

#include "gateway/request.h"

/* Takes request->state, which must be free. message, static, goes with the answer; its data is what
 * is in request->out. */
void farewell_begin(struct request *request, const char *message);
/* The sessions of these token hashes have ended (DIGEST_SHA256_SIZE bytes each, copied). */
void farewell_revoke(struct request *request, const uint8_t *token_hashes, size_t count);
/* Every session of the user has. */
void farewell_revoke_all(struct request *request);
/* The user's account is gone: out of the room. */
void farewell_expel(struct request *request, uint64_t room_id);
/* Answers once all of them are through. */
void farewell_end(struct request *request);

/* The workers are told of sessions that ended (as above), and nobody waits for it. */
void farewell_mention(const struct services *services, uint64_t user_id,
                      const uint8_t *token_hashes, size_t count);

#endif
