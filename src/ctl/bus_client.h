/*
 * bus_client.h: commands to the brokers, as a gateway's worker gives them, under a worker id of its
 * own. Blocks.
 */
#ifndef BANTER_CTL_BUS_CLIENT_H
#define BANTER_CTL_BUS_CLIENT_H

#include "common/bus_proto.h"
#include "ctl/ctl.h"

/* How long a broker may take, the time to find it included. */
#define BUS_CLIENT_TIMEOUT_MS 5000

struct bus_client;

/* NULL and a sentence on stderr if the settings of the bus do not fit. Connects by itself. */
struct bus_client *bus_client_create(const struct settings *settings) ATTR_MUSTCHECK;
/* Sets *client to NULL; NULL is allowed. */
void bus_client_destroy(struct bus_client **client);

/*
 * Publishes a command until it is answered: the broker's error or ERR_NONE; or
 * ERR_BROKER_UNAVAILABLE when no broker looked after the room all the time (it did not happen), or
 * ERR_OUTCOME_UNKNOWN when none answered. worker, numbers, key and times are filled in here.
 */
enum err bus_client_command(struct bus_client *client,
                            const struct bus_command *command) ATTR_MUSTCHECK;

/* How many shards have a broker that can be reached: all of them as soon as they are heard, or what
 * was heard in the time. */
size_t bus_client_shards(struct bus_client *client, uint64_t timeout_ms);

/* Has every worker look at a user's sockets: those of one session, or of all with token_hash NULL.
 * Says on stderr what it means when no broker answers; CTL_DONE or CTL_UNREACHABLE. */
enum ctl_status bus_client_revoke(struct ctl *ctl, uint64_t user_id,
                                  const uint8_t *token_hash) ATTR_MUSTCHECK;

#endif
