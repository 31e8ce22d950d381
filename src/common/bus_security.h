/*
 * bus_security.h: whether the bus is encrypted, with which keys, and whom it trusts: from the
 * settings, checked.
 *
 * Without BUS_KEY the bus is plain, and then tcp is allowed on loopback only, unless BUS_PLAIN_TCP
 * says otherwise. With it every connection is CurveZMQ (RFC 26), ipc too: a broker proves that it
 * has the brokers' key, and a peer has to be on the broker's list. All brokers share one key pair,
 * since an address moves from one to the next and gateways check the key, not the host.
 */
#ifndef BANTER_COMMON_BUS_SECURITY_H
#define BANTER_COMMON_BUS_SECURITY_H

#include "common/bus_keys.h"

struct settings;

enum bus_side { BUS_SIDE_BROKER, BUS_SIDE_PEER /* gateways and banterctl */ };

struct bus_security {
    bool curve; /* false: the rest is empty */
    enum bus_side side;
    struct bus_key_pair pair;
    char broker_key[BUS_KEY_SIZE]; /* peers: whom they expect */
    const char *allowed_path;      /* brokers: the list; borrowed of the settings */
};

/* Reads the key files and checks what belongs together. False, and a sentence that names the
 * setting in error. Blocks for the files. Wipe it when the sockets are open. */
bool bus_security_load(const struct settings *settings, enum bus_side side,
                       struct bus_security *security_out, char *error,
                       size_t error_size) ATTR_MUSTCHECK;
void bus_security_wipe(struct bus_security *security);

/* Whether the address of a bus (bus_sock.h) can be reached from this host only: ipc, or tcp on
 * 127.0.0.0/8, [::1] or localhost. Another name is not looked up: it is not loopback. */
bool bus_address_is_local(const char *address);

#endif
