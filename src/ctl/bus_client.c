#include "ctl/bus_client.h"

#include "common/bus_security.h"
#include "common/bus_sock.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define REPEAT_MS 200
#define TURN_MS   50

struct bus_client {
    struct loop *loop;
    struct bus_context *zmq;
    struct bus_sock *commands;
    struct bus_sock *events;
    uint64_t worker_id;
    uint64_t command_id;
    bool owned[SHARD_COUNT]; /* a broker looks after it */
    bool answered;
    enum err answer;
};

/* What brokers subscribe to at our XPUB: the shards that they own. */
static void on_subscription(void *context, const uint8_t *data, size_t len)
{
    struct bus_client *client = context;
    enum bus_topic topic;
    uint64_t id;

    if (len == 1 + BUS_TOPIC_SIZE && bus_topic_decode(data + 1, len - 1, &topic, &id) &&
        topic == BUS_TOPIC_SHARD && id < SHARD_COUNT)
        client->owned[id] = data[0] == 1;
}

static void on_event(void *context, const uint8_t *data, size_t len)
{
    struct bus_client *client = context;
    struct bus_message message;

    if (bus_decode(data, len, &message) && message.type == BUS_ANSWER &&
        message.topic_id == client->worker_id && message.answer.command_id == client->command_id) {
        client->answered = true;
        client->answer = message.answer.err;
    }
}

static bool attach(struct bus_client *client, const char *brokers)
{
    char *addresses = mem_strdup(brokers);
    char *rest = NULL;
    bool good = true;

    for (char *one = strtok_r(addresses, ",", &rest); one != NULL && good;
         one = strtok_r(NULL, ",", &rest)) {
        const char *error = NULL;

        good = bus_sock_attach(client->commands, one, &error) &&
               bus_sock_attach(client->events, one, &error);
        if (!good)
            ctl_complain("%s: %s", one, error);
    }
    mem_free(addresses);
    return good;
}

struct bus_client *bus_client_create(const struct settings *settings)
{
    struct bus_client *client;
    struct bus_security security;
    uint8_t topic[BUS_TOPIC_SIZE];
    char error[512];

    if (!bus_security_load(settings, BUS_SIDE_PEER, &security, error, sizeof(error))) {
        ctl_complain("%s", error);
        return NULL;
    }
    client = mem_alloc(sizeof(*client));
    digest_random(&client->worker_id, sizeof(client->worker_id));
    client->worker_id |= 1; /* 0 is nobody */
    client->loop = loop_create();
    client->zmq = bus_context_create();
    bus_context_secure(client->zmq, &security);
    bus_security_wipe(&security);
    client->commands =
        bus_sock_create(client->zmq, client->loop, BUS_WORKER_COMMANDS, on_subscription, client);
    client->events =
        bus_sock_create(client->zmq, client->loop, BUS_WORKER_EVENTS, on_event, client);
    bus_topic_encode(BUS_TOPIC_WORKER, client->worker_id, topic);
    bus_sock_subscribe(client->events, topic, sizeof(topic));
    if (!attach(client, settings->brokers))
        bus_client_destroy(&client);
    return client;
}

void bus_client_destroy(struct bus_client **client)
{
    if (*client == NULL)
        return;
    bus_sock_destroy(&(*client)->commands);
    bus_sock_destroy(&(*client)->events);
    bus_context_destroy(&(*client)->zmq);
    loop_destroy(&(*client)->loop);
    mem_free(*client);
    *client = NULL;
}

size_t bus_client_shards(struct bus_client *client, uint64_t timeout_ms)
{
    uint64_t deadline = clock_mono_ms() + timeout_ms;
    size_t count = 0;

    while (count < SHARD_COUNT && clock_mono_ms() < deadline) {
        loop_turn(client->loop, TURN_MS);
        count = 0;
        for (size_t i = 0; i < SHARD_COUNT; i++)
            count += client->owned[i];
    }
    return count;
}

static void publish(struct bus_client *client, const struct bus_message *message)
{
    struct strbuf bytes = STRBUF_EMPTY;

    bus_encode(message, &bytes);
    bus_sock_send(client->commands, bytes.data, bytes.len);
    strbuf_fini(&bytes);
}

enum err bus_client_command(struct bus_client *client, const struct bus_command *command)
{
    struct bus_message message = {.topic = BUS_TOPIC_SHARD, .type = BUS_COMMAND};
    uint64_t deadline = clock_mono_ms() + BUS_CLIENT_TIMEOUT_MS;
    uint64_t repeat_at = 0;
    bool published = false;

    message.command = *command;
    message.command.worker_id = client->worker_id;
    message.command.command_id = ++client->command_id;
    message.command.received_at_us = clock_wall_us();
    digest_random(message.command.key, sizeof(message.command.key));
    message.topic_id = command->kind == COMMAND_REVOKE ? command->sender_id % SHARD_COUNT
                                                       : bus_shard(command->room_id);
    client->answered = false;
    /* The broker's answer may be lost while it does not know yet who listens: it is asked again. */
    for (uint64_t now = 0; !client->answered && now < deadline; now = clock_mono_ms()) {
        if (client->owned[message.topic_id] && now >= repeat_at) {
            message.command.ttl_ms = BUS_CLIENT_TIMEOUT_MS;
            message.command.expires_at_us =
                clock_wall_us() + BUS_CLIENT_TIMEOUT_MS * UINT64_C(1000);
            publish(client, &message);
            published = true;
            repeat_at = clock_mono_ms() + REPEAT_MS;
        }
        loop_turn(client->loop, TURN_MS);
    }
    if (client->answered)
        return client->answer;
    return published ? ERR_OUTCOME_UNKNOWN : ERR_BROKER_UNAVAILABLE;
}

enum ctl_status bus_client_revoke(struct ctl *ctl, uint64_t user_id, const uint8_t *token_hash)
{
    struct bus_command command = {.kind = COMMAND_REVOKE, .sender_id = user_id};
    struct bus_client *client = bus_client_create(&ctl->settings);
    enum err err;

    if (token_hash != NULL)
        command.token_hashes = (struct span){token_hash, DIGEST_SHA256_SIZE};
    err = client != NULL ? bus_client_command(client, &command) : ERR_BROKER_UNAVAILABLE;
    bus_client_destroy(&client);
    if (err == ERR_NONE)
        return CTL_DONE;
    return ctl_fail(CTL_UNREACHABLE,
                    "it is done in the database, but no broker told the gateways: open sockets "
                    "end when their session is looked up again, within %llu s "
                    "(BANTER_SESSION_CHECK_MS of the gateways).",
                    (unsigned long long)(ctl->settings.session_check_ms + 999) / 1000);
}
