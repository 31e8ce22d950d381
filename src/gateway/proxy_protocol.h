/*
 * proxy_protocol.h: the header by which a balancer says, before the first byte of its client, whose
 * connection it passes on.
 *
 * Source: HAProxy's specification "The PROXY protocol, versions 1 & 2" (doc/proxy-protocol.txt).
 * Pure and incremental: however the bytes are cut, the result is the same, and no byte behind the
 * header is taken. Total and bounded: any bytes are a header, the beginning of one, or none, and
 * that is known after PROXY_HEADER_BYTES_MAX bytes at the latest.
 *
 * Read is where the connection came from. Where it went to and the TLVs of version 2 are skipped
 * unread, a checksum among them, too.
 */
#ifndef BANTER_GATEWAY_PROXY_PROTOCOL_H
#define BANTER_GATEWAY_PROXY_PROTOCOL_H

#include "gateway/client_address.h"

/* 2.1: the longest line of version 1, with its CRLF. */
#define PROXY_V1_BYTES_MAX 107
/* 2.2: signature, version and command, family, length. What follows may have 65,535 bytes there;
 * addresses need at most 216, and what balancers put into TLVs is less than the rest. */
#define PROXY_V2_HEAD_BYTES    16
#define PROXY_V2_REST_MAX      2048
#define PROXY_HEADER_BYTES_MAX (PROXY_V2_HEAD_BYTES + PROXY_V2_REST_MAX)

enum proxy_result {
    PROXY_MORE, /* good so far */
    PROXY_DONE, /* the header is whole: proxy_parser.source is set */
    PROXY_BAD,  /* it is none, or longer than the bound */
};

struct proxy_parser {
    uint8_t bytes[PROXY_V1_BYTES_MAX]; /* what is looked at again: a line, or head and addresses */
    uint16_t len;
    uint16_t skip;  /* bytes of version 2 that are still to be passed over */
    uint8_t result; /* enum proxy_result */
    /* Of PROXY_DONE. Not known for LOCAL (the balancer's own checks), for UNKNOWN and UNSPEC, and
     * for UNIX sockets: then the connection's own peer is all that there is. */
    struct client_address source;
};

void proxy_parser_init(struct proxy_parser *parser);
/* Takes bytes up to the header's end; *taken says how many. After DONE and BAD it takes none. */
enum proxy_result proxy_parser_feed(struct proxy_parser *parser, const uint8_t *data, size_t len,
                                    size_t *taken);

#endif
