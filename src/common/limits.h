/*
 * limits.h: the bounds that are not settings, each with its reason.
 *
 * What an operator may want to change is in settings.def; what the protocol, the schema or the
 * arithmetic fixes is here.
 */
#ifndef BANTER_COMMON_LIMITS_H
#define BANTER_COMMON_LIMITS_H

#include "common/base.h"

/* Names and texts, in Unicode characters; the columns in db/ are as wide. */
#define USERNAME_CHARS_MAX  64
#define EMAIL_CHARS_MAX     254 /* RFC 5321, 4.5.3.1.3, less the angle brackets */
#define ROOM_NAME_CHARS_MAX 100
#define MESSAGE_CHARS_MAX   4000
#define CLIENT_ID_CHARS_MAX 64
#define PASSWORD_BYTES_MIN  8 /* NIST SP 800-63B, 5.1.1.2; of new ones */
#define PASSWORD_BYTES_MAX  1024

/* UTF-8 takes at most four bytes for a character (RFC 3629). */
#define UTF8_BYTES_PER_CHAR_MAX 4
#define USERNAME_BYTES_MAX      (USERNAME_CHARS_MAX * UTF8_BYTES_PER_CHAR_MAX)
#define MESSAGE_BYTES_MAX       (MESSAGE_CHARS_MAX * UTF8_BYTES_PER_CHAR_MAX)

/*
 * A request body or WebSocket message: a text of the greatest length with every character written
 * as an escaped surrogate pair (12 bytes), and room for the other fields.
 */
#define BODY_BYTES_MAX (64 * 1024)
_Static_assert(BODY_BYTES_MAX >= MESSAGE_CHARS_MAX * 12 + 4096, "a full text must fit");

#define JSON_DEPTH_MAX 16

/* HTTP request head: what browsers and balancers send stays under 8 KiB; evhttp has no own bound.
 */
#define HTTP_REQUEST_LINE_BYTES_MAX 4096
#define HTTP_HEAD_BYTES_MAX         16384
#define HTTP_HEADER_COUNT_MAX       64

/* A message may come in this many fragments: ordinary clients send one. */
#define WS_FRAGMENTS_MAX 128

/* Rooms that one socket may hear: finding one is a walk over them. */
#define ROOMS_PER_SOCKET_MAX 500
/* Subscriptions of one socket that may be checked at a time: the pool is everybody's. */
#define ADMISSIONS_PER_SOCKET_MAX 8
/* Handshakes and subscriptions of a worker that wait to be checked: they are some 600 bytes each,
 * and a database answers thousands a second. */
#define ADMISSIONS_WAITING_MAX 16384
/* Sends of one socket that were not answered: more than any window needs, and few enough that one
 * client cannot fill the link. */
#define SENDS_IN_FLIGHT_PER_SOCKET_MAX 256

/* An IPv6 client is a /64 (RFC 6177). A site may have a /48, which is 65,536 of them: all of them
 * together get this many shares of one. */
#define SITE_SHARES 8

/* Buckets of rates, and delayed logins, that a gateway remembers; 16 bytes each, and strangers push
 * out whom they concern least (slot_cache.h). */
#define RATE_BUCKETS_MAX 65536
#define LOGIN_DELAYS_MAX 65536

/* Refused frames in a row after which a socket is not read until its user has a token again, and
 * the longest such pause: its pongs wait, too. */
#define REFUSALS_BEFORE_HOLD 8
#define HOLD_MS_MAX          1000

/* While a worker's memory is full, who has more than this to read, of events or of an answer, or to
 * finish of a message, must go. */
#define LAGGARD_BYTES (16 * 1024)

/* Pages of logs that a worker reads at a time for sockets that catch up: one for each of as many
 * DB_THREADS as there may be, and few beside DB_QUEUE, where everybody's requests wait. */
#define PAGE_READS_MAX 64

/* Pages of lists and of history. */
#define PAGE_LIMIT_DEFAULT   100
#define PAGE_LIMIT_MAX       500
#define ROOM_EMBED_USERS_MAX 100

/* Session tokens: 256 random bits, 64 hexadecimal digits on the wire; SHA-256 of them is stored. */
#define TOKEN_BYTES      32
#define TOKEN_TEXT_BYTES (2 * TOKEN_BYTES)

/* A ticket for a WebSocket looks like a token; it is used within this time or not at all. */
#define WS_TICKET_TTL_S 30
/* Sockets of a worker that were opened without a token and have not said one yet: strangers, as far
 * as anybody knows. */
#define SOCKETS_WITHOUT_TOKEN_MAX 4096
/* Of them of one client address; a whole site has half of the places. And when all are taken, who
 * waits longest has to go: an honest client says its token within a round trip. */
#define SOCKETS_WITHOUT_TOKEN_PER_ADDRESS_MAX (SOCKETS_WITHOUT_TOKEN_MAX / SITE_SHARES / 2)

/* Rooms are spread over this many shards; a broker owns some. Fixed: it is part of the bus. */
#define SHARD_COUNT 64

/* A command's dedupe key; unique in its room for ever. */
#define DEDUPE_KEY_BYTES 16

/* Bus messages: the largest is an event with a full text, each byte of it escaped in JSON. */
#define BUS_MESSAGE_BYTES_MAX (256 * 1024)
_Static_assert(BUS_MESSAGE_BYTES_MAX >= MESSAGE_BYTES_MAX * 6 + 4096, "a full event must fit");

/* Ids and numbers in JSON stay exact in JavaScript (RFC 8259, section 6). */
#define JSON_INTEGER_MAX ((UINT64_C(1) << 53) - 1)

#endif
