/*
 * client_address.h: whose address a request came from, seen through balancers.
 *
 * Pure, but for one question to the kernel. X-Forwarded-For has no standard; what is done here is
 * what the balancers themselves describe: each hop appends the address that it was connected from,
 * so the line is to be read from its right end, and only as far as those who wrote it are trusted.
 * Forwarded (RFC 7239) is not read: one who is believed in two headers has to keep both of them
 * clean.
 */
#ifndef BANTER_GATEWAY_CLIENT_ADDRESS_H
#define BANTER_GATEWAY_CLIENT_ADDRESS_H

#include "common/networks.h"

struct sockaddr;

/* Small, and passed by value. */
struct client_address {
    struct ip_address ip; /* all zero: not known */
    uint16_t port;        /* 0: not known */
};

/* "[2001:db8::1]:65535" and the NUL. */
#define CLIENT_ADDRESS_TEXT_SIZE (IP_ADDRESS_TEXT_SIZE + 8)

/* Of an IPv4 or IPv6 socket; not known for any other. */
struct client_address client_address_of_socket(const struct sockaddr *socket_address);
/* Who is at the other end of a socket; does not block. */
struct client_address client_address_of_peer(int fd);
/* "192.0.2.1:4711", "[2001:db8::1]:4711", without a port when that is not known; "-" for an address
 * that is not. Returns out. */
char *client_address_format(const struct client_address *address,
                            char out[CLIENT_ADDRESS_TEXT_SIZE]);

/*
 * The client behind peer. lines are the values of all X-Forwarded-For fields of the request, in
 * their order. If peer is in trusted, it is the right-most hop that is not; if all are, the
 * left-most. Behind a hop that cannot be read (unknown, a name, garbage) nothing is believed: it is
 * the last trusted one then. Without trust it is peer, whatever the lines say.
 */
struct client_address client_address_find(const struct networks *trusted,
                                          struct client_address peer, const char *const *lines,
                                          size_t line_count);

#endif
