#include "broker/intake.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/utf8.h"

#include <string.h>

#define BAD_MESSAGE_LOG_MS 10000
#define OVERLOAD_LOG_MS    10000
#define LATE_LOG_MS        10000

struct intake {
    struct intake_options options;
    struct dedupe *dedupe;
    uint64_t owned;
    bool closed;
    struct log_limit bad_message;
    struct log_limit overload;
    struct log_limit late;
};

struct intake *intake_create(const struct intake_options *options)
{
    struct intake *intake = mem_alloc(sizeof(*intake));

    intake->options = *options;
    intake->dedupe = dedupe_create(options->dedupe_window);
    return intake;
}

void intake_destroy(struct intake **intake)
{
    if (*intake == NULL)
        return;
    dedupe_destroy(&(*intake)->dedupe);
    mem_free(*intake);
    *intake = NULL;
}

void intake_set_owned(struct intake *intake, uint64_t owned)
{
    intake->owned = owned;
}

void intake_close(struct intake *intake)
{
    intake->closed = true;
}

size_t intake_pending(const struct intake *intake)
{
    return dedupe_pending_count(intake->dedupe);
}

/* Messages of a shard that was given away are still under way for a moment. */
static bool owns(const struct intake *intake, uint64_t shard)
{
    return shard < SHARD_COUNT && (intake->owned >> shard & 1) != 0;
}

static struct span text_span(const char *text)
{
    return (struct span){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

/* ---- commands in ------------------------------------------------------------------------------*/

static void refuse(struct intake *intake, const struct bus_command *command, enum err err)
{
    const struct bus_answer answer = {
        .command_id = command->command_id, .err = err, .room_id = command->room_id};

    metrics_add_by2(METRIC_BROKER_RESULTS, command->kind, err, 1);
    if (command->worker_id != 0)
        publisher_answer(intake->options.publisher, command->worker_id, &answer);
}

static void answer_known(struct intake *intake, const struct bus_command *command,
                         const struct dedupe_answer *known)
{
    const struct bus_answer answer = {
        .command_id = command->command_id,
        .duplicate = known->duplicate,
        .room_id = known->room_id,
        .seq = known->seq,
        .created_at_us = known->created_at_us,
        .text = text_span(known->text),
    };

    metrics_add(METRIC_BROKER_DUPLICATES, 1);
    metrics_add_by2(METRIC_BROKER_RESULTS, command->kind, ERR_NONE, 1);
    if (command->worker_id != 0)
        publisher_answer(intake->options.publisher, command->worker_id, &answer);
}

/* Nothing to write: every worker is told, and looks at its sockets. */
static void revoke(struct intake *intake, const struct bus_command *command)
{
    const struct bus_revoke note = {command->sender_id, command->token_hashes};

    publisher_revoke(intake->options.publisher, &note);
    refuse(intake, command, ERR_NONE);
}

/* What the database would refuse, or what would break the JSON of the event. */
static bool usable(const struct bus_command *command)
{
    bool in_room = command->kind != COMMAND_CREATE_ROOM && command->kind != COMMAND_REVOKE;

    if (in_room != (command->room_id != 0) ||
        (command->sender_id == 0 && command->kind != COMMAND_REMOVE_ROOM))
        return false;
    if (command->kind == COMMAND_CREATE_ROOM &&
        utf8_length(command->text.data, command->text.len) > ROOM_NAME_CHARS_MAX)
        return false;
    return utf8_valid(command->sender_name.data, command->sender_name.len) &&
           utf8_valid(command->text.data, command->text.len);
}

static void overloaded(struct intake *intake, const struct bus_command *command)
{
    uint64_t suppressed;

    metrics_add(METRIC_BROKER_OVERLOADS, 1);
    metrics_add_by(METRIC_SHED, METRICS_SHED_BROKER_QUEUE, 1);
    if (log_allowed(&intake->overload, OVERLOAD_LOG_MS, &suppressed))
        log_warn("intake.overloaded", "pending=%zu suppressed=%llu", intake_pending(intake),
                 (unsigned long long)suppressed);
    refuse(intake, command, ERR_OVERLOADED);
}

void intake_submit(struct intake *intake, const struct bus_command *from)
{
    struct dedupe_answer known;
    struct command *command;

    switch (dedupe_check(intake->dedupe, from->room_id, from->key,
                         (struct waiter){from->worker_id, from->command_id}, &known)) {
    case DEDUPE_ATTACHED:
        return;
    case DEDUPE_ANSWERED:
        answer_known(intake, from, &known);
        return;
    case DEDUPE_NEW:
        break;
    }
    if (intake_pending(intake) >= intake->options.queue_max) {
        overloaded(intake, from);
        return;
    }
    command = command_create(from, clock_mono_ms());
    command->queued_us = clock_mono_us();
    dedupe_begin(intake->dedupe, &command->pending);
    writers_submit_command(intake->options.writers, command);
    metrics_set(METRIC_BROKER_QUEUE, intake_pending(intake));
}

/* Nobody waits for an answer to it any more. */
static bool is_late(struct intake *intake, const struct bus_command *command)
{
    uint64_t now_us = clock_wall_us();
    uint64_t suppressed;

    if (now_us < INTAKE_LATE_MS * 1000 || now_us - INTAKE_LATE_MS * 1000 <= command->expires_at_us)
        return false;
    metrics_add_by(METRIC_SHED, METRICS_SHED_BROKER_LATE, 1);
    if (log_allowed(&intake->late, LATE_LOG_MS, &suppressed))
        log_warn("intake.late", "worker=%llx late_ms=%llu suppressed=%llu",
                 (unsigned long long)command->worker_id,
                 (unsigned long long)(now_us - command->expires_at_us) / 1000,
                 (unsigned long long)suppressed);
    return true;
}

static void on_command(struct intake *intake, const struct bus_command *command, uint64_t shard)
{
    metrics_add(METRIC_BROKER_COMMANDS, 1);
    /* Its worker repeats it to the owner. */
    if (!owns(intake, command->room_id != 0 ? bus_shard(command->room_id) : shard))
        return;
    if (is_late(intake, command))
        return;
    if (!usable(command))
        refuse(intake, command, ERR_VALIDATION);
    else if (command->kind == COMMAND_REVOKE)
        revoke(intake, command);
    else
        intake_submit(intake, command);
}

/* ---- other messages ---------------------------------------------------------------------------*/

/* Only the owner hears who comes and goes, and answers who is there; its digests find what others
 * were told meanwhile. */
static void on_presence(struct intake *intake, uint64_t shard, const struct bus_presence *presence)
{
    if (owns(intake, shard))
        presence_hub_report(intake->options.presence, (uint32_t)shard, presence, clock_mono_ms());
}

static void on_presence_query(struct intake *intake, const struct bus_presence_query *query)
{
    struct strbuf users = STRBUF_EMPTY;
    struct bus_presence_list list = {.query_id = query->query_id, .room_id = query->room_id};

    if (!owns(intake, bus_shard(query->room_id)))
        return;
    for (uint32_t i = 0; i < query->count; i++) {
        uint64_t user_id = bus_presence_user(query->users, i);

        if (presence_hub_is_online(intake->options.presence, query->room_id, user_id))
            bus_presence_add_user(&users, user_id);
    }
    list.users = (struct span){(const uint8_t *)users.data, users.len};
    publisher_presence_list(intake->options.publisher, query->worker_id, &list);
    strbuf_fini(&users);
}

/* What a worker says ends up in clients' frames: it must be text. */
static void on_typing(struct intake *intake, const struct bus_typing *typing)
{
    if (owns(intake, bus_shard(typing->room_id)) &&
        utf8_valid(typing->username.data, typing->username.len))
        publisher_typing(intake->options.publisher, typing);
}

static void on_bad_message(struct intake *intake, size_t len)
{
    uint64_t suppressed;

    metrics_add(METRIC_BUS_BAD_MESSAGES, 1);
    if (log_allowed(&intake->bad_message, BAD_MESSAGE_LOG_MS, &suppressed))
        log_warn("intake.bad_message", "bytes=%zu suppressed=%llu", len,
                 (unsigned long long)suppressed);
}

void intake_receive(void *context, const uint8_t *data, size_t len)
{
    struct intake *intake = context;
    struct bus_message message;

    if (intake->closed)
        return;
    if (!bus_decode(data, len, &message)) {
        on_bad_message(intake, len);
        return;
    }
    switch (message.type) {
    case BUS_COMMAND:
        on_command(intake, &message.command, message.topic_id);
        break;
    case BUS_PRESENCE:
        on_presence(intake, message.topic_id, &message.presence);
        break;
    case BUS_PRESENCE_QUERY:
        on_presence_query(intake, &message.presence_query);
        break;
    case BUS_HEARTBEAT:
        presence_hub_heartbeat(intake->options.presence, &message.heartbeat, intake->owned,
                               clock_mono_ms());
        break;
    case BUS_TYPING:
        on_typing(intake, &message.typing);
        break;
    default:
        on_bad_message(intake, len); /* what only brokers say */
    }
}

/* ---- outcomes ---------------------------------------------------------------------------------*/

/* Whether the events answered the first waiter, too. That saves a message on the bus for each that
 * a client sends; where the event is lost, the worker repeats the command and gets an answer. */
static bool publish_events(struct intake *intake, const struct command *command)
{
    bool answers = command->hears_room && command->kind == COMMAND_MESSAGE &&
                   command->event_count == 1 && command->pending.first.worker_id != 0;
    bool heard = false;

    for (unsigned i = 0; i < command->event_count; i++) {
        const struct command_event *event = &command->events[i];
        const struct log_event out = {
            .room_id = command->result_room_id,
            .seq = event->seq,
            .kind = event->kind,
            .actor_id = event->actor_id,
            .created_at_us = command->created_at_us,
            .actor_name = command_event_name(command, event),
            .text = event->body,
            .received_at_us = command->received_at_us,
        };

        heard = publisher_event(intake->options.publisher, &out,
                                answers ? &command->pending.first : NULL);
    }
    metrics_add(METRIC_BROKER_EVENTS, command->event_count);
    return answers && heard;
}

static void answer_waiters(struct intake *intake, const struct command *command, bool first_knows)
{
    const struct dedupe_pending *pending = &command->pending;
    struct bus_answer answer = {
        .command_id = pending->first.command_id,
        .err = command->err,
        .duplicate = command->duplicate,
        .room_id = command->result_room_id,
        .seq = command->seq,
        .created_at_us = command->created_at_us,
        .text = text_span(command->room_name),
    };

    if (pending->first.worker_id != 0 && !first_knows)
        publisher_answer(intake->options.publisher, pending->first.worker_id, &answer);
    for (unsigned i = 0; i < pending->more_count; i++) {
        answer.command_id = pending->more[i].command_id;
        answer.duplicate = command->err == ERR_NONE;
        publisher_answer(intake->options.publisher, pending->more[i].worker_id, &answer);
    }
}

static void finish_command(struct intake *intake, struct command *command)
{
    const struct dedupe_answer answer = {
        .room_id = command->result_room_id,
        .seq = command->seq,
        .created_at_us = command->created_at_us,
        .duplicate = command->duplicate,
        .text = command->room_name,
    };

    bool first_knows = false;

    metrics_add_by2(METRIC_BROKER_RESULTS, command->kind, command->err, 1);
    if (command->err == ERR_NONE)
        first_knows = publish_events(intake, command);
    if (command->stale_head)
        publisher_refresh(intake->options.publisher, command->room_id);
    if (command->duplicate)
        metrics_add(METRIC_BROKER_DUPLICATES, 1);
    answer_waiters(intake, command, first_knows);
    dedupe_end(intake->dedupe, &command->pending, command->err == ERR_NONE ? &answer : NULL);
    command_destroy(&command);
    metrics_set(METRIC_BROKER_QUEUE, intake_pending(intake));
}

void intake_finish(struct intake *intake, struct job *job)
{
    switch (job->kind) {
    case JOB_COMMAND:
        finish_command(intake, CONTAINER_OF(job, struct command, job));
        return;
    case JOB_HEAD: {
        struct head_job *head = CONTAINER_OF(job, struct head_job, job);

        publisher_head(intake->options.publisher, head->room_id, head->head);
        mem_free(head);
        return;
    }
    case JOB_FORGET:
        break;
    }
    UNREACHABLE();
}
