// needs: broker/intake broker/dedupe broker/presence_hub broker/publisher broker/command common/bus_proto common/wire common/strbuf common/digest common/utf8 common/metrics common/errors common/log common/clock common/map common/mem common/check common/event_json
// covers: broker/intake broker/publisher broker/dedupe broker/presence_hub
/*
 * broker_bus: any bytes as what workers say to a broker: its intake, its memory of repeats, its
 * picture of who is online, and its publisher are real; the writers and the bus's sockets are
 * played here. Whatever comes, what the broker says is a message; only who asked is answered; and
 * no command is left over.
 *
 * The first byte chooses what writers do. Then each message has its length in two bytes; with the
 * highest bit it is a subscription that the XPUB hears, with the next one no message but so much
 * time that passes. A message comes whole or not at all, so there is nothing to cut.
 */
#include "broker/intake.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"

#include <string.h>

#define MESSAGES_MAX 64
#define ASKED_MAX    128
#define ROOMS        64
#define START_US     UINT64_C(1767323045000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct intake *intake;
static struct publisher *publisher;
static struct presence_hub *hub;
static uint8_t choice;
static uint64_t now_us;
static struct list writing = {{&writing.head, &writing.head}};
static uint64_t heads[ROOMS];

/* Who asked for what: an answer to anybody else is one too many. */
static struct {
    uint64_t worker_id;
    uint64_t command_id;
} asked[ASKED_MAX];
static size_t asked_count;

/* ---- played: clock, log, timers, sockets ---- */

uint64_t __wrap_clock_mono_ms(void);
uint64_t __wrap_clock_mono_us(void);
uint64_t __wrap_clock_wall_us(void);
void __wrap_log_write(enum log_level level, const char *event, const char *format, ...)
    ATTR_PRINTF(3, 4);

uint64_t __wrap_clock_mono_ms(void)
{
    return now_us / 1000;
}

uint64_t __wrap_clock_mono_us(void)
{
    return now_us;
}

uint64_t __wrap_clock_wall_us(void)
{
    return START_US + now_us;
}

void __wrap_log_write(enum log_level level ATTR_UNUSED, const char *event ATTR_UNUSED,
                      const char *format ATTR_UNUSED, ...)
{
}

struct loop_timer {
    void (*fn)(void *context);
    void *context;
};

static struct loop_timer timer;

struct loop_timer *loop_timer_create(struct loop *loop ATTR_UNUSED, void (*fn)(void *context),
                                     void *context)
{
    timer = (struct loop_timer){fn, context};
    return &timer;
}

void loop_timer_start_periodic(struct loop_timer *started ATTR_UNUSED,
                               uint64_t interval_ms ATTR_UNUSED)
{
}

void loop_timer_destroy(struct loop_timer **gone)
{
    *gone = NULL;
}

struct bus_sock {
    bus_receive_fn *receive;
    void *context;
};

static struct bus_sock events;

struct bus_sock *bus_sock_create(struct bus_context *context ATTR_UNUSED,
                                 struct loop *loop ATTR_UNUSED, enum bus_role role,
                                 bus_receive_fn *receive, void *receive_context)
{
    CHECK(role == BUS_BROKER_EVENTS);
    events = (struct bus_sock){receive, receive_context};
    return &events;
}

void bus_sock_destroy(struct bus_sock **sock)
{
    *sock = NULL;
}

bool bus_sock_attach(struct bus_sock *sock ATTR_UNUSED, const char *address ATTR_UNUSED,
                     const char **error_out ATTR_UNUSED)
{
    return true;
}

void bus_sock_reopen(struct bus_sock *sock ATTR_UNUSED, void (*reopened)(void *context),
                     void *context)
{
    reopened(context);
}

static void expect_asked(uint64_t worker_id, uint64_t command_id)
{
    for (size_t i = 0; i < asked_count; i++)
        if (asked[i].worker_id == worker_id && asked[i].command_id == command_id)
            return;
    CHECK(asked_count == ASKED_MAX);
}

void bus_sock_send(struct bus_sock *sock ATTR_UNUSED, const void *data, size_t len)
{
    struct bus_message message;

    CHECK(bus_decode(data, len, &message));
    CHECK(message.topic != BUS_TOPIC_SHARD && message.topic != BUS_TOPIC_PULSE);
    if (message.type == BUS_ANSWER)
        expect_asked(message.topic_id, message.answer.command_id);
    else if (message.type == BUS_EVENT && message.event.worker_id != 0)
        expect_asked(message.event.worker_id, message.event.command_id);
}

/* ---- played: writers, who write when it is their turn ---- */

void writers_submit_command(struct writers *writers ATTR_UNUSED, struct command *command)
{
    list_node_init(&command->job.node);
    list_push_back(&writing, &command->job.node);
}

static uint64_t head_asked[MESSAGES_MAX];
static size_t head_asked_count;

static void ask_head(void *context ATTR_UNUSED, uint64_t room_id)
{
    if (head_asked_count < MESSAGES_MAX)
        head_asked[head_asked_count++] = room_id;
}

static void write_command(struct command *command)
{
    static const enum event_kind kinds[] = {
        EVENT_MESSAGE,     EVENT_MESSAGE,     EVENT_ROOM_CREATED, EVENT_MEMBER_JOINED,
        EVENT_MEMBER_LEFT, EVENT_MEMBER_LEFT, EVENT_MESSAGE,      EVENT_ROOM_REMOVED};
    unsigned outcome = (choice ^ command->pending.key[0]) % 8;
    uint64_t seq;
    struct command_event *event;

    command_reset_outcome(command);
    if (outcome < 2) {
        command->err = outcome == 0 ? ERR_NOT_A_MEMBER : ERR_DATABASE_UNAVAILABLE;
        return;
    }
    if (command->kind == COMMAND_CREATE_ROOM)
        command->result_room_id = 1 + command->pending.key[1];
    seq = ++heads[command->result_room_id % ROOMS];
    command->seq = seq;
    command->created_at_us = START_US + now_us;
    command->stale_head = outcome == 2;
    if (outcome == 3) {
        command->duplicate = true;
        return;
    }
    event = command_add_event(command, kinds[command->kind % ARRAY_LEN(kinds)], seq);
    event->actor_id = command->sender_id;
    event->body = command->text;
    event->named_sender = true;
    command_set_room_name(command, command->text);
}

static void write_all(void)
{
    struct list_node *node;

    while (head_asked_count > 0) {
        uint64_t room_id = head_asked[--head_asked_count];

        publisher_head(publisher, room_id, heads[room_id % ROOMS]);
    }
    while ((node = list_pop_front(&writing)) != NULL) {
        struct job *job = LIST_ITEM(node, struct job, node);

        CHECK(job->kind == JOB_COMMAND);
        write_command(CONTAINER_OF(job, struct command, job));
        intake_finish(intake, job);
    }
}

/* ---- the story ---- */

static void announce(void *context ATTR_UNUSED, uint64_t room_id, uint64_t user_id, bool joined)
{
    publisher_activity(publisher, room_id, user_id, joined);
}

static void resync(void *context ATTR_UNUSED, uint64_t worker_id, uint32_t shard)
{
    publisher_resync(publisher, worker_id, shard);
}

static void pass_time(size_t ms)
{
    now_us += (uint64_t)ms * 1000;
    presence_hub_tick(hub, now_us / 1000);
    timer.fn(timer.context);
    write_all();
}

/* Times that a worker's clock would say now, so that not every command is late. */
static void receive_message(const uint8_t *data, size_t len)
{
    struct strbuf bytes = STRBUF_EMPTY;
    struct bus_message message;

    if (bus_decode(data, len, &message) && message.type == BUS_COMMAND) {
        if (message.command.expires_at_us < START_US)
            message.command.expires_at_us += START_US + now_us;
        if (asked_count < ASKED_MAX) {
            asked[asked_count].worker_id = message.command.worker_id;
            asked[asked_count++].command_id = message.command.command_id;
        }
        bus_encode(&message, &bytes);
        intake_receive(intake, (const uint8_t *)bytes.data, bytes.len);
    } else {
        intake_receive(intake, data, len);
    }
    strbuf_fini(&bytes);
}

static void receive(uint8_t flags, const uint8_t *data, size_t len)
{
    uint8_t *copy = mem_dup(data, len); /* so that every overrun is seen */

    if ((flags & 0x80) != 0)
        events.receive(events.context, copy, len);
    else
        receive_message(copy, len);
    mem_free(copy);
    if ((choice & 0x80) == 0)
        write_all();
}

static void set_up(void)
{
    const struct presence_hub_calls calls = {announce, resync, NULL};
    const struct publisher_options says = {7, 2000, ask_head, NULL};
    struct intake_options options = {.queue_max = 16, .dedupe_window = 16};

    now_us = 1000000;
    asked_count = 0;
    head_asked_count = 0;
    memset(heads, 0, sizeof(heads));
    hub = presence_hub_create(&calls, 8000);
    publisher = publisher_create(NULL, NULL, &says);
    options.presence = hub;
    options.publisher = publisher;
    intake = intake_create(&options);
    intake_set_owned(intake, ~(UINT64_C(1) << 9)); /* one is somebody else's */
    publisher_set_owned(publisher, ~(UINT64_C(1) << 9));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    choice = data[0];
    data++;
    size--;
    set_up();
    for (size_t count = 0; size >= 2 && count < MESSAGES_MAX; count++) {
        size_t len = (size_t)(data[0] & 0x3f) << 8 | data[1];
        uint8_t flags = data[0];

        data += 2;
        size -= 2;
        if ((flags & 0xc0) == 0x40) {
            pass_time(len);
            continue;
        }
        len = MIN(len, size);
        receive(flags, data, len);
        data += len;
        size -= len;
    }
    write_all();
    CHECK(intake_pending(intake) == 0);
    intake_destroy(&intake);
    publisher_destroy(&publisher);
    presence_hub_destroy(&hub);
    return 0;
}
