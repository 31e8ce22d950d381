/*
 * hot_paths: what one delivery and one message cost in instructions of ours, for callgrind.
 *
 *   hot_paths SCENARIO      prints "UNITS N": how many deliveries or messages were measured
 *
 * The code is the gateway's and the common floor's own: room logs, cursors, subscriptions, frames,
 * out-queues and real sockets (socket pairs, so that the kernel takes what is sent); the bus is
 * absent, its messages are handed in as bytes. Only measured() is counted (guard.mjs says so to
 * callgrind): preparing and draining the sockets is not.
 */
#include "common/bus_proto.h"
#include "common/check.h"
#include "common/digest.h"
#include "common/event_check.h"
#include "common/event_json.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/mem.h"
#include "gateway/bus_link.h"
#include "gateway/presence_local.h"
#include "gateway/rooms.h"
#include "gateway/sending.h"
#include "gateway/ws_conn.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM      7
#define TEXT_LEN  200
#define ROUNDS    20
#define SEND_ROOM (1024 * 1024) /* of a socket's buffer: the kernel takes a whole turn */

struct member {
    struct ws_conn conn;
    struct subscription sub;
    int peer;
};

static struct {
    struct loop *loop;
    struct bus_link *link;
    struct presence_local *presence;
    struct rooms *rooms;
    struct ws_set *sockets;
    struct member *members;
    size_t member_count;
    uint64_t head;
    uint8_t window_bits; /* of every member: permessage-deflate; 0 without */
    char text[TEXT_LEN + 1];
    uint64_t units;
} bench;

/* ---- members of the room -------------------------------------------------------------------- */

static bool on_full(struct subscription *sub, bool behind)
{
    struct ws_conn *conn = &CONTAINER_OF(sub, struct member, sub)->conn;

    return conn->state != WS_OPEN || ws_conn_full(conn, behind);
}

static void on_deliver(struct subscription *sub, struct frame *frame)
{
    ws_conn_send(&CONTAINER_OF(sub, struct member, sub)->conn, frame);
}

static void on_started(struct subscription *sub ATTR_UNUSED, enum cursor_resume resume ATTR_UNUSED,
                       const struct room_log *log ATTR_UNUSED)
{
}

static void on_caught_up(struct subscription *sub ATTR_UNUSED, uint64_t seq ATTR_UNUSED)
{
}

static void on_ended(struct subscription *sub ATTR_UNUSED, enum rooms_end why ATTR_UNUSED)
{
    UNREACHABLE();
}

static void on_message(struct ws_conn *conn ATTR_UNUSED, bool text ATTR_UNUSED,
                       const uint8_t *data ATTR_UNUSED, size_t len ATTR_UNUSED)
{
}

static void on_conn(struct ws_conn *conn ATTR_UNUSED)
{
}

static void on_violation(struct ws_conn *conn ATTR_UNUSED, uint16_t code ATTR_UNUSED,
                         const char *reason ATTR_UNUSED)
{
}

static const struct subscriber_ops sub_ops = {on_full, on_deliver, on_started, on_caught_up,
                                              on_ended};
static const struct ws_handlers ws_handlers = {on_message, on_conn, on_violation, on_conn, on_conn};

static void add_member(struct member *member)
{
    int pair[2];
    int size = SEND_ROOM;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0);
    member->peer = pair[1];
    ws_conn_open(&member->conn, bench.sockets, pair[0], NULL, 0);
    ws_conn_deflate(&member->conn, bench.window_bits);
    ws_conn_resume(&member->conn);
    member->sub.ops = &sub_ops;
    member->sub.user_id = (uint64_t)(member - bench.members) + 1;
    member->sub.all_kinds = true;
    member->sub.runs = true;
    member->sub.memory = &member->conn;
    rooms_subscribe(bench.rooms, &member->sub, ROOM);
}

static void drain_members(void)
{
    static uint8_t buffer[256 * 1024];

    for (size_t i = 0; i < bench.member_count; i++)
        while (read(bench.members[i].peer, buffer, sizeof(buffer)) > 0)
            continue;
}

/* ---- the worker, without a bus -------------------------------------------------------------- */

static void ignore_digests(void *context ATTR_UNUSED, uint64_t digest[SHARD_COUNT] ATTR_UNUSED)
{
}

static void set_up(size_t members)
{
    static const struct bus_link_handlers handlers = {.fill_digests = ignore_digests};
    struct rooms_options rooms = {262144, 67108864, 500, 0, UINT32_MAX};
    struct ws_options sockets = {&ws_handlers, 3600000, 1048576, BODY_BYTES_MAX, 1};
    struct bus_link_options link = {.brokers = "ipc:///tmp/banter-bench-none",
                                    .timeout_ms = 10000,
                                    .retry_ms = 10000,
                                    .heartbeat_ms = 60000,
                                    .commands_max = 1000000};
    struct bus_head head = {ROOM, 0, 1};

    memset(bench.text, 'x', TEXT_LEN);
    bench.loop = loop_create();
    bench.rooms = rooms_create(bench.loop, NULL, &rooms);
    bench.sockets = ws_set_create(bench.loop, &sockets);
    bench.presence = presence_local_create(bench.loop);
    bench.link = bus_link_create(bench.loop, &link, &handlers, NULL);
    rooms_set_link(bench.rooms, bench.link, bench.presence);
    presence_local_set_link(bench.presence, bench.link);
    bench.members = mem_alloc_array(members + 1, sizeof(struct member));
    bench.member_count = members;
    for (size_t i = 0; i < members; i++)
        add_member(&bench.members[i]);
    rooms_on_head(bench.rooms, &head);
    loop_turn(bench.loop, 0);
    drain_members();
}

/* ---- scenarios ------------------------------------------------------------------------------ */

/* The bus messages of one batch, as the broker writes them. */
static void make_events(struct strbuf *messages, size_t *ends, size_t count)
{
    strbuf_reset(messages);
    for (size_t i = 0; i < count; i++) {
        struct strbuf json = STRBUF_EMPTY;
        struct strbuf one = STRBUF_EMPTY;
        struct log_event event = {.room_id = ROOM,
                                  .seq = ++bench.head,
                                  .kind = EVENT_MESSAGE,
                                  .actor_id = 3,
                                  .created_at_us = 1700000000000000,
                                  .received_at_us = 1700000000000000,
                                  .actor_name = {(const uint8_t *)"alice", 5},
                                  .text = {(const uint8_t *)bench.text, TEXT_LEN}};
        struct bus_message message = {.topic = BUS_TOPIC_ROOM, .topic_id = ROOM, .type = BUS_EVENT};

        event_json_write(&event, &json);
        message.event = (struct bus_event){.room_id = ROOM,
                                           .seq = event.seq,
                                           .kind = event.kind,
                                           .actor_id = event.actor_id,
                                           .created_at_us = event.created_at_us,
                                           .received_at_us = event.received_at_us,
                                           .json = {(const uint8_t *)json.data, json.len}};
        bus_encode(&message, &one);
        strbuf_add(messages, one.data, one.len);
        ends[i] = messages->len;
        strbuf_fini(&json);
        strbuf_fini(&one);
    }
}

__attribute__((noinline)) static void measured(void (*step)(void *), void *context)
{
    step(context);
}

struct batch {
    struct strbuf messages;
    size_t ends[256];
    size_t count;
};

static void take_batch(void *context)
{
    const struct batch *batch = context;
    struct bus_message message;
    size_t from = 0;

    for (size_t i = 0; i < batch->count; from = batch->ends[i++]) {
        CHECK(bus_decode(batch->messages.data + from, batch->ends[i] - from, &message));
        CHECK(event_check(message.event.json)); /* as bus_link.c does */
        rooms_on_event(bench.rooms, &message.event);
    }
    loop_turn(bench.loop, 0);
}

static void fan_out(size_t members, size_t events)
{
    struct batch batch = {.count = events};

    set_up(members);
    for (int round = 0; round < ROUNDS; round++) {
        make_events(&batch.messages, batch.ends, events);
        measured(take_batch, &batch);
        drain_members();
        bench.units += members * events;
    }
    strbuf_fini(&batch.messages);
}

/* The same to members who all agreed on compression: each event is compressed once. */
static void deflated_fan_out(size_t members, size_t events)
{
    bench.window_bits = 15;
    fan_out(members, events);
}

/* A message's way up: a masked frame from the socket, JSON, checks, the command on the bus. */
static void on_answer(void *context ATTR_UNUSED, const struct bus_answer *answer ATTR_UNUSED)
{
}

static void send_up(struct ws_conn *conn ATTR_UNUSED, bool text ATTR_UNUSED, const uint8_t *data,
                    size_t len)
{
    struct json_doc *doc = NULL;
    struct outgoing message;

    CHECK(json_parse_object(data, len, &doc) == ERR_NONE);
    CHECK(sending_read(doc, &message) == ERR_NONE);
    sending_publish(bench.link, ROOM, 3, "alice", &message, on_answer, NULL);
    json_doc_destroy(&doc);
}

static enum ws_verdict on_frame(void *context ATTR_UNUSED, enum ws_opcode opcode ATTR_UNUSED,
                                uint8_t *data, size_t len)
{
    send_up(NULL, true, data, len);
    return WS_VERDICT_CONTINUE;
}

struct raw {
    uint8_t bytes[1024];
    size_t len;
};

static void feed(void *context)
{
    static const struct ws_message_sink sink = {on_frame, BODY_BYTES_MAX, 16, NULL};
    struct raw *raw = context;
    struct ws_message message;
    struct ws_violation violation;

    ws_message_init(&message);
    CHECK(ws_message_feed(&message, raw->bytes, raw->len, &sink, NULL, &violation) == WS_FEED_OK);
    ws_message_fini(&message);
}

static void make_frame(struct raw *raw, unsigned number)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    char json[512];
    int len =
        snprintf(json, sizeof(json),
                 "{\"type\":\"message\",\"room_id\":%d,\"text\":\"%s\",\"client_id\":\"c-%08u\"}",
                 ROOM, bench.text, number);

    CHECK(len > 125 && len < (int)sizeof(json));
    raw->bytes[0] = 0x81;
    raw->bytes[1] = 0x80 | 126;
    raw->bytes[2] = (uint8_t)(len >> 8);
    raw->bytes[3] = (uint8_t)len;
    memcpy(raw->bytes + 4, mask, 4);
    for (int i = 0; i < len; i++)
        raw->bytes[8 + i] = (uint8_t)json[i] ^ mask[i & 3];
    raw->len = (size_t)len + 8;
}

static void message_up(void)
{
    struct raw raw;

    set_up(0);
    for (unsigned i = 0; i < 1000; i++) {
        make_frame(&raw, i);
        measured(feed, &raw);
        bench.units++;
    }
}

/* What the broker does with a command's bytes, but for the database. */
static void write_event(void *context)
{
    struct batch *batch = context;

    make_events(&batch->messages, batch->ends, 1);
}

static void event_down(void)
{
    struct batch batch = {.count = 1};

    memset(bench.text, 'x', TEXT_LEN);
    for (int i = 0; i < 1000; i++) {
        measured(write_event, &batch);
        bench.units++;
    }
    strbuf_fini(&batch.messages);
}

int main(int argc, char **argv)
{
    struct rlimit files = {8192, 8192};
    const char *name = argc == 2 ? argv[1] : "";

    setrlimit(RLIMIT_NOFILE, &files);
    if (strcmp(name, "delivery_busy") == 0)
        fan_out(1000, 64);
    else if (strcmp(name, "delivery_single") == 0)
        fan_out(1000, 1);
    else if (strcmp(name, "delivery_deflated") == 0)
        deflated_fan_out(1000, 64);
    else if (strcmp(name, "message_up") == 0)
        message_up();
    else if (strcmp(name, "event_down") == 0)
        event_down();
    else
        return 2;
    printf("UNITS %llu\n", (unsigned long long)bench.units);
    fflush(stdout);
    _exit(0); /* what is left is not what is measured */
}
