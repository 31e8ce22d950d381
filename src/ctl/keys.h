/*
 * keys.h: banterctl keys: the key files of a bus (bus_keys.h) in a folder.
 *
 *   broker.key NAME.key     the pairs, mode 0600: BANTER_BUS_KEY of the brokers, and of a gateway
 *   broker.pub NAME.pub     a public key and a newline: BANTER_BUS_BROKER_KEY_FILE
 *   gateways.allow          the public keys of all but the broker: BANTER_BUS_GATEWAY_KEYS
 *
 * Nothing is overwritten: what is there stays, what is missing is made, so it can be run again, to
 * add a name or after it was cut short.
 */
#ifndef BANTER_CTL_KEYS_H
#define BANTER_CTL_KEYS_H

#include "common/base.h"

/* Makes the broker's key and those of the names; prints to stdout what is where and what to set.
 * False: a sentence is on stderr. */
bool keys_make(const char *dir, char *const *names, size_t count, bool json) ATTR_MUSTCHECK;

#endif
