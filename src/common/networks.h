/*
 * networks.h: IP addresses in one form, and lists of networks in CIDR notation (RFC 4632, 3.1;
 * RFC 4291, 2.3).
 *
 * Pure. An IPv4 address is kept as its IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), so that it is
 * the same whichever kind of socket it came through, and one comparison serves both families.
 */
#ifndef BANTER_COMMON_NETWORKS_H
#define BANTER_COMMON_NETWORKS_H

#include "common/base.h"

#define IP_ADDRESS_BYTES 16
/* The longest text, "ffff:…:255.255.255.255" included, and the NUL (INET6_ADDRSTRLEN). */
#define IP_ADDRESS_TEXT_SIZE 46

struct ip_address {
    uint8_t bytes[IP_ADDRESS_BYTES]; /* network byte order; all zero: not known */
};

/* From the four bytes of an IPv4 address, in network byte order. */
struct ip_address ip_address_v4(const uint8_t bytes[4]);
/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; no port, no brackets, no zone. */
bool ip_address_parse(struct span text, struct ip_address *out) ATTR_MUSTCHECK;
/* IPv4 as such, never mapped. Returns out. */
char *ip_address_format(const struct ip_address *address, char out[IP_ADDRESS_TEXT_SIZE]);
bool ip_address_known(const struct ip_address *address);

struct network {
    struct ip_address first;
    unsigned bits; /* how many of its 128 bits an address of the network has, too */
};

struct networks {
    struct network *items;
    size_t count;
};

/*
 * Reads networks with commas between, and blanks beside them: "10.0.0.0/8, ::1". An address alone
 * is a network of one; an empty text is an empty list. If it is none, a sentence without its end is
 * in error, and *out is empty. networks_fini() frees what is in *out.
 */
bool networks_parse(const char *text, struct networks *out, char *error,
                    size_t error_size) ATTR_MUSTCHECK;
void networks_fini(struct networks *networks);
bool networks_contain(const struct networks *networks, const struct ip_address *address);

#endif
