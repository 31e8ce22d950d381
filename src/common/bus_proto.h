/*
 * bus_proto.h: what gateways and brokers say to each other, as bytes.
 *
 * A bus message is one ZeroMQ frame:
 *
 *   topic    9 bytes   class, then a 64-bit number; ZeroMQ filters on it by prefix, so all have
 *                      one length and no topic is a prefix of another
 *   version  1 byte    BUS_VERSION; anything else is refused
 *   type     1 byte    enum bus_type
 *   fields             as the struct of the type lists them; numbers are big-endian, byte strings
 *                      have their length before them (16 bits, or 32 for text, json and lists)
 *
 * Upward (a worker's PUB to a broker's SUB):
 *   BUS_TOPIC_SHARD  + shard      COMMAND, PRESENCE, PRESENCE_QUERY, TYPING
 *   BUS_TOPIC_PULSE  + 0          HEARTBEAT, to every broker
 * Downward (a broker's XPUB to a worker's SUB):
 *   BUS_TOPIC_ROOM   + room_id    EVENT, HEAD, EPHEMERAL
 *   BUS_TOPIC_WORKER + worker_id  ANSWER, PRESENCE_LIST, PRESENCE_RESYNC
 *   BUS_TOPIC_ALL    + 0          REVOKE, to every worker
 *
 * Decoding is total: any bytes give a message or false, and never read outside of the input. Byte
 * strings in a decoded message point into the input and live as long as it does. Nothing here
 * trusts the other side: a decoded number may still name a room that does not exist.
 */
#ifndef BANTER_COMMON_BUS_PROTO_H
#define BANTER_COMMON_BUS_PROTO_H

#include "common/base.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/strbuf.h"

#define BUS_VERSION    2
#define BUS_TOPIC_SIZE 9

enum bus_topic {
    BUS_TOPIC_SHARD = 'c',
    BUS_TOPIC_PULSE = 'h',
    BUS_TOPIC_ROOM = 'r',
    BUS_TOPIC_WORKER = 'w',
    BUS_TOPIC_ALL = 'a',
};

enum bus_type {
    BUS_COMMAND = 1,
    BUS_PRESENCE,
    BUS_PRESENCE_QUERY,
    BUS_HEARTBEAT,
    BUS_EVENT,
    BUS_HEAD,
    BUS_EPHEMERAL,
    BUS_ANSWER,
    BUS_PRESENCE_LIST,
    BUS_PRESENCE_RESYNC,
    BUS_REVOKE,
    BUS_TYPING,
};

/* What a command asks for. */
enum command_kind {
    COMMAND_MESSAGE = 1, /* text; the sender's membership was checked by the worker */
    COMMAND_CREATE_ROOM, /* text is the room's name, room_id 0; answered with the new room's id */
    COMMAND_JOIN,        /* answered with the room's name in text */
    COMMAND_LEAVE,       /* refused for the creator; answered with the room's name in text */
    COMMAND_EXPEL,  /* the sender's account is gone: leave, and pass the room on if its creator */
    COMMAND_REVOKE, /* room_id 0: tell all workers that sessions ended: those of token_hashes, or
                     * all if there are none */
    COMMAND_REMOVE_ROOM, /* by an operator: sender_id may be 0. The broker asks for no right to it:
                          * whoever may connect to the bus may do anything */
};

/* What a row of the log is. Stored in events.kind: never renumber. */
enum event_kind {
    EVENT_MESSAGE = 1,
    EVENT_ROOM_CREATED = 2,
    EVENT_MEMBER_JOINED = 3,
    EVENT_MEMBER_LEFT = 4,
    EVENT_OWNER_CHANGED = 5, /* actor is the new owner */
    EVENT_ROOM_REMOVED = 6,  /* told live to who still listens; the log goes with the room */
};

/* What an ephemeral message is. */
enum ephemeral_kind {
    EPHEMERAL_PRESENCE = 1, /* user_activity: joined or left */
    EPHEMERAL_TYPING = 2,
};

struct bus_command {
    uint64_t worker_id;
    uint64_t command_id; /* the worker's counter; the answer repeats it */
    /* When the worker gives up: what is left until then, so that a broker whose clock is another
     * one begins nothing later, and by the worker's clock, so that what was long under way (a
     * broker that was stopped, a queue) is not begun at all. */
    uint32_t ttl_ms;
    uint64_t expires_at_us;
    /* When the worker received what the client sent, by the worker's clock; goes on with the event,
     * for the time from receipt to delivery. 0: nobody did. */
    uint64_t received_at_us;
    enum command_kind kind;
    uint64_t room_id;
    uint64_t sender_id;
    uint8_t key[DEDUPE_KEY_BYTES];
    bool hears_room; /* COMMAND_MESSAGE: the worker needs no answer if its event says it all */
    struct span sender_name;
    struct span token_hashes; /* COMMAND_REVOKE: as in bus_revoke */
    struct span text;
};

struct bus_answer {
    uint64_t command_id;
    enum err err;
    bool duplicate; /* the log had it already: seq and created_at_us are the first one's */
    uint64_t room_id;
    uint64_t seq;
    uint64_t created_at_us;
    struct span text; /* the room's name, for CREATE, JOIN and LEAVE */
};

struct bus_event {
    uint64_t room_id;
    uint64_t seq;
    enum event_kind kind;
    uint64_t actor_id;       /* the user whom it concerns; 0 for none */
    uint64_t created_at_us;  /* the row's time */
    struct span json;        /* as clients receive it */
    uint64_t received_at_us; /* of its command; 0: of none, or read from the log */
    /* The command that it answers, beside telling everybody: done, with this seq and time. 0: none,
     * or there is an ANSWER. */
    uint64_t worker_id;
    uint64_t command_id;
};

struct bus_head {
    uint64_t room_id;
    uint64_t head;  /* the last committed and published seq; 0 for an empty log */
    uint64_t epoch; /* of the log (meta.epoch): changes when a backup is restored */
};

struct bus_ephemeral {
    uint64_t room_id;
    enum ephemeral_kind kind;
    uint64_t user_id;
    struct span json;
};

/*
 * A worker's report: these users now have (up) or no longer have (!up) a socket in these rooms.
 * snapshot: these are all that the worker has in the shard, in as many pieces as it takes; nothing
 * is announced for what is new in it, and what none of its pieces named is gone after the last one.
 */
struct bus_presence {
    uint64_t worker_id;
    bool snapshot;
    bool last;      /* the snapshot ends here */
    uint32_t piece; /* of the snapshot: 0, 1, 2 …, so that one that was lost is missed */
    uint32_t count;
    struct span
        entries; /* count times: room_id u64, user_id u64, up u8; see bus_presence_entry() */
};

struct bus_presence_entry {
    uint64_t room_id;
    uint64_t user_id;
    bool up;
};

#define BUS_PRESENCE_ENTRY_SIZE  17
#define BUS_PRESENCE_ENTRIES_MAX 10000

/* Which of these users are online in the room? A page of them: a room has no bound. */
struct bus_presence_query {
    uint64_t worker_id;
    uint64_t query_id;
    uint64_t room_id;
    uint32_t count;
    struct span users; /* count times: user_id u64; see bus_presence_user() */
};

/* Those of the query's users that are. */
struct bus_presence_list {
    uint64_t query_id;
    uint64_t room_id;
    uint32_t count;
    struct span users; /* as in the query */
};

#define BUS_PRESENCE_USERS_MAX PAGE_LIMIT_MAX

/*
 * Sent every few seconds to every broker. digest[s] is the XOR, over the (room, user) pairs that
 * the worker has in shard s, of bus_presence_digest(): a broker that counts otherwise asks for a
 * snapshot with PRESENCE_RESYNC.
 */
struct bus_heartbeat {
    uint64_t worker_id;
    bool leaving; /* the worker is about to exit: forget its presence now */
    uint64_t digest[SHARD_COUNT];
};

struct bus_presence_resync {
    uint32_t shard;
};

struct bus_revoke {
    uint64_t user_id;
    /* 32 bytes for each, BUS_REVOKED_MAX at most; none for every session of the user. */
    struct span token_hashes;
};

#define BUS_REVOKED_MAX 1000

/* Upward: a user is writing; the broker tells the room with an EPHEMERAL. */
struct bus_typing {
    uint64_t room_id;
    uint64_t user_id;
    struct span username;
};

struct bus_message {
    enum bus_topic topic;
    uint64_t topic_id;
    enum bus_type type;
    union {
        struct bus_command command;
        struct bus_answer answer;
        struct bus_event event;
        struct bus_head head;
        struct bus_ephemeral ephemeral;
        struct bus_presence presence;
        struct bus_presence_query presence_query;
        struct bus_presence_list presence_list;
        struct bus_heartbeat heartbeat;
        struct bus_presence_resync presence_resync;
        struct bus_revoke revoke;
        struct bus_typing typing;
    };
};

/* Appends the message to buf (which the caller empties first). The message must be well-formed:
 * sizes within their limits, a topic that fits the type. */
void bus_encode(const struct bus_message *message, struct strbuf *buf);
/* Reads one message; false if the bytes are not exactly one well-formed message. Ids of rooms and
 * users, numbers of events and epochs are JSON_INTEGER_MAX at most: clients are told them. */
bool bus_decode(const void *data, size_t len, struct bus_message *message_out) ATTR_MUSTCHECK;

void bus_topic_encode(enum bus_topic topic, uint64_t id, uint8_t out[BUS_TOPIC_SIZE]);
/* Reads a bare topic, as a subscription carries it; false if it is none. */
bool bus_topic_decode(const void *data, size_t len, enum bus_topic *topic_out,
                      uint64_t *id_out) ATTR_MUSTCHECK;

/* The index-th entry of a decoded list; index < count. */
struct bus_presence_entry bus_presence_entry(const struct bus_presence *presence, uint32_t index);
uint64_t bus_presence_user(struct span users, uint32_t index);
/* Appends an entry to the bytes that presence.entries (or users) will point to. */
void bus_presence_add(struct strbuf *entries, const struct bus_presence_entry *entry);
void bus_presence_add_user(struct strbuf *users, uint64_t user_id);
/* The same in every process and build, unlike map_hash(). */
uint64_t bus_presence_digest(uint64_t room_id, uint64_t user_id);

/* The shard of a room. */
static inline uint32_t bus_shard(uint64_t room_id)
{
    return (uint32_t)(room_id % SHARD_COUNT);
}

#endif
