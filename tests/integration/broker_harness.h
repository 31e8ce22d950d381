/*
 * broker_harness.h: a real banter-broker, and a worker's end of the bus to talk to it, for tests.
 *
 * The client repeats each command until it is answered, as a worker does, and records all that it
 * hears. Everything runs on the test's thread: pump_until() turns the loop.
 */
#ifndef BANTER_TESTS_BROKER_HARNESS_H
#define BANTER_TESTS_BROKER_HARNESS_H

#include "common/bus_proto.h"
#include "common/bus_sock.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/loop.h"
#include "common/map.h"
#include "database.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS UINT64_C(20000)
#define REPEAT_MS   300

/* ---- the broker -------------------------------------------------------------------------------*/

struct broker_process {
    pid_t pid;
    char *address;
};

static inline struct broker_process broker_start(const char *address, const char *database_url,
                                                 const char *lease_ms)
{
    struct broker_process broker = {.address = mem_strdup(address)};
    char *program = mem_printf("%s/banter-broker", getenv("BANTER_BIN_DIR"));

    broker.pid = fork();
    CHECK(broker.pid >= 0);
    if (broker.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that aborts leaves nothing behind */
        setenv("BANTER_DATABASE_URL", database_url, 1);
        setenv("BANTER_BROKER_LISTEN", address, 1);
        setenv("BANTER_LEASE_MS", lease_ms, 1);
        setenv("BANTER_HEAD_REPEAT_MS", "300", 1);
        setenv("BANTER_WORKER_TIMEOUT_MS", "1000", 1);
        setenv("BANTER_ADMIN_LISTEN", "", 1);
        if (getenv("BANTER_LOG_LEVEL") == NULL)
            setenv("BANTER_LOG_LEVEL", "warn", 1);
        execl(program, program, (char *)NULL);
        _exit(127);
    }
    mem_free(program);
    return broker;
}

/* The exit status, or -signal. */
static inline int broker_stop(struct broker_process *broker, int signal_number)
{
    int status = 0;

    CHECK(kill(broker->pid, signal_number) == 0);
    CHECK(waitpid(broker->pid, &status, 0) == broker->pid);
    mem_free(broker->address);
    broker->address = NULL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- a worker's end ---------------------------------------------------------------------------*/

struct sent {
    struct bus_command command;
    uint64_t topic_id;
    char *text;
    uint64_t sent_ms;
    unsigned answers;
    struct bus_answer answer; /* the first one; its text is in name */
    char name[128];
};

/* What was heard of a room. */
struct heard {
    uint64_t room_id;
    uint64_t last_seq;
    uint64_t last_created_us;
    unsigned events;
    unsigned gaps; /* events whose seq was not the one after the last, except for the first */
    unsigned heads;
    uint64_t head;
    uint64_t head_before_event; /* the first head that came, and what had been heard by then */
    unsigned joined;
    unsigned left;
    enum event_kind last_kind;
    uint64_t last_actor;
    char last_json[512];
};

struct client {
    struct loop *loop;
    struct bus_context *context;
    struct bus_sock *commands;
    struct bus_sock *events;
    uint64_t worker_id;
    uint64_t next_id;
    uint32_t ttl_ms;   /* of the commands that are sent from now on */
    struct map *sent;  /* command_id -> struct sent */
    struct map *rooms; /* room_id -> struct heard */
    size_t unanswered;
    unsigned revokes;
    unsigned resyncs;
    uint64_t last_resync_shard;
    uint32_t listed; /* users in the last PRESENCE_LIST */
    bool has_list;
};

static inline struct heard *client_room(struct client *client, uint64_t room_id)
{
    struct heard *heard = map_find_u64(client->rooms, room_id);

    if (heard == NULL) {
        heard = mem_alloc(sizeof(*heard));
        heard->room_id = room_id;
        map_put_u64(client->rooms, room_id, heard);
    }
    return heard;
}

static inline void client_on_event(struct client *client, const struct bus_event *event)
{
    struct heard *heard = client_room(client, event->room_id);

    if (event->seq <= heard->last_seq)
        return; /* a repeat is harmless: receivers know what they have */
    if (heard->last_seq != 0 && event->seq != heard->last_seq + 1)
        heard->gaps++;
    heard->last_seq = event->seq;
    heard->last_created_us = event->created_at_us;
    heard->events++;
    heard->last_kind = event->kind;
    heard->last_actor = event->actor_id;
    snprintf(heard->last_json, sizeof(heard->last_json), "%.*s", (int)event->json.len,
             (const char *)event->json.data);
}

static inline void client_on_answer(struct client *client, const struct bus_answer *answer)
{
    struct sent *sent = map_find_u64(client->sent, answer->command_id);

    CHECK(sent != NULL);
    if (sent->answers++ > 0)
        return;
    sent->answer = *answer;
    snprintf(sent->name, sizeof(sent->name), "%.*s", (int)answer->text.len,
             (const char *)answer->text.data);
    client->unanswered--;
}

static inline void client_on_ephemeral(struct client *client, const struct bus_ephemeral *note)
{
    struct heard *heard = client_room(client, note->room_id);
    char json[256];

    snprintf(json, sizeof(json), "%.*s", (int)note->json.len, (const char *)note->json.data);
    if (strstr(json, "\"action\":\"joined\"") != NULL)
        heard->joined++;
    else if (strstr(json, "\"action\":\"left\"") != NULL)
        heard->left++;
}

static inline void client_on_head(struct client *client, const struct bus_head *head)
{
    struct heard *heard = client_room(client, head->room_id);

    if (heard->heads++ == 0)
        heard->head_before_event = heard->events;
    heard->head = head->head;
}

static inline void client_receive(void *context, const uint8_t *data, size_t len)
{
    struct client *client = context;
    struct bus_message message;

    CHECK(bus_decode(data, len, &message));
    switch (message.type) {
    case BUS_EVENT:
        client_on_event(client, &message.event);
        break;
    case BUS_HEAD:
        client_on_head(client, &message.head);
        break;
    case BUS_ANSWER:
        client_on_answer(client, &message.answer);
        break;
    case BUS_EPHEMERAL:
        client_on_ephemeral(client, &message.ephemeral);
        break;
    case BUS_REVOKE:
        client->revokes++;
        break;
    case BUS_PRESENCE_RESYNC:
        client->resyncs++;
        client->last_resync_shard = message.presence_resync.shard;
        break;
    case BUS_PRESENCE_LIST:
        client->has_list = true;
        client->listed = message.presence_list.count;
        break;
    default:
        CHECK(false);
    }
}

static inline void client_hear_subscription(void *context, const uint8_t *data, size_t len)
{
    (void)context;
    (void)data;
    (void)len;
}

static inline void client_subscribe(struct client *client, enum bus_topic topic, uint64_t id)
{
    uint8_t bytes[BUS_TOPIC_SIZE];

    bus_topic_encode(topic, id, bytes);
    bus_sock_subscribe(client->events, bytes, sizeof(bytes));
}

static inline void client_unsubscribe(struct client *client, enum bus_topic topic, uint64_t id)
{
    uint8_t bytes[BUS_TOPIC_SIZE];

    bus_topic_encode(topic, id, bytes);
    bus_sock_unsubscribe(client->events, bytes, sizeof(bytes));
}

static inline void client_connect(struct client *client, const char *address)
{
    const char *error;

    CHECK(bus_sock_attach(client->events, address, &error));
    CHECK(bus_sock_attach(client->commands, address, &error));
}

static inline struct client *client_create(const char *address)
{
    struct client *client = mem_alloc(sizeof(*client));

    client->loop = loop_create();
    client->context = bus_context_create();
    client->commands = bus_sock_create(client->context, client->loop, BUS_WORKER_COMMANDS,
                                       client_hear_subscription, client);
    client->events =
        bus_sock_create(client->context, client->loop, BUS_WORKER_EVENTS, client_receive, client);
    client->sent = map_create_u64();
    client->rooms = map_create_u64();
    client->next_id = 1;
    client->ttl_ms = 10000;
    digest_random(&client->worker_id, sizeof(client->worker_id));
    client_subscribe(client, BUS_TOPIC_WORKER, client->worker_id);
    client_subscribe(client, BUS_TOPIC_ALL, 0);
    client_connect(client, address);
    return client;
}

static inline void client_destroy(struct client **client)
{
    struct sent *sent;
    void *heard;
    size_t cursor = 0;

    while ((sent = map_iter((*client)->sent, &cursor)) != NULL) {
        mem_free(sent->text);
        mem_free(sent);
    }
    for (cursor = 0; (heard = map_iter((*client)->rooms, &cursor)) != NULL;)
        mem_free(heard);
    map_destroy(&(*client)->sent);
    map_destroy(&(*client)->rooms);
    bus_sock_destroy(&(*client)->commands);
    bus_sock_destroy(&(*client)->events);
    bus_context_destroy(&(*client)->context);
    loop_destroy(&(*client)->loop);
    mem_free(*client);
    *client = NULL;
}

static inline void client_publish(struct client *client, const struct bus_message *message)
{
    struct strbuf buf = STRBUF_EMPTY;

    bus_encode(message, &buf);
    bus_sock_send(client->commands, buf.data, buf.len);
    strbuf_fini(&buf);
}

static inline void client_transmit(struct client *client, struct sent *sent)
{
    sent->sent_ms = clock_mono_ms();
    sent->command.expires_at_us = clock_wall_us() + sent->command.ttl_ms * UINT64_C(1000);
    client_publish(client, &(struct bus_message){.topic = BUS_TOPIC_SHARD,
                                                 .topic_id = sent->topic_id,
                                                 .type = BUS_COMMAND,
                                                 .command = sent->command});
}

/* Sends a command; the key is of text, sender and client_id alone, so that the same ones repeat. */
static inline struct sent *client_send(struct client *client, enum command_kind kind,
                                       uint64_t room_id, uint64_t sender_id, const char *text,
                                       uint64_t key)
{
    struct sent *sent = mem_alloc(sizeof(*sent));
    struct {
        uint64_t kind, room_id, sender_id, key;
    } input = {kind, room_id, sender_id, key};
    uint8_t digest[DIGEST_SHA256_SIZE];

    digest_sha256(&input, sizeof(input), digest);
    sent->text = mem_strdup(text);
    sent->topic_id = room_id != 0 ? bus_shard(room_id) : key % SHARD_COUNT;
    sent->command = (struct bus_command){
        .worker_id = client->worker_id,
        .command_id = client->next_id++,
        .ttl_ms = client->ttl_ms,
        .kind = kind,
        .room_id = room_id,
        .sender_id = sender_id,
        .sender_name = {(const uint8_t *)"somebody", 8},
        .text = {(const uint8_t *)sent->text, strlen(text)},
    };
    memcpy(sent->command.key, digest, DEDUPE_KEY_BYTES);
    map_put_u64(client->sent, sent->command.command_id, sent);
    client->unanswered++;
    client_transmit(client, sent);
    return sent;
}

static inline void client_repeat(struct client *client)
{
    uint64_t now_ms = clock_mono_ms();
    struct sent *sent;
    size_t cursor = 0;

    while ((sent = map_iter(client->sent, &cursor)) != NULL)
        if (sent->answers == 0 && now_ms - sent->sent_ms >= REPEAT_MS)
            client_transmit(client, sent);
}

/* Turns the loop until the condition holds; aborts the test's program if it never does. */
#define pump_until(client, condition)                                                              \
    do {                                                                                           \
        uint64_t until_ms_ = clock_mono_ms() + PATIENCE_MS;                                        \
        while (!(condition)) {                                                                     \
            CHECK(clock_mono_ms() < until_ms_);                                                    \
            loop_turn((client)->loop, 20);                                                         \
            client_repeat(client);                                                                 \
        }                                                                                          \
    } while (0)

static inline void pump_ms(struct client *client, uint64_t ms)
{
    uint64_t until_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < until_ms)
        loop_turn(client->loop, 10);
}

/* Sends and waits for the answer. */
static inline struct sent *client_ask(struct client *client, enum command_kind kind,
                                      uint64_t room_id, uint64_t sender_id, const char *text,
                                      uint64_t key)
{
    struct sent *sent = client_send(client, kind, room_id, sender_id, text, key);

    pump_until(client, sent->answers > 0);
    return sent;
}

#endif
