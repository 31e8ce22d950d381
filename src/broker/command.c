#include "broker/command.h"

#include "common/digest.h"
#include "common/mem.h"

#include <string.h>

struct command *command_create(const struct bus_command *from, uint64_t now_ms)
{
    size_t size = sizeof(struct command) + from->sender_name.len + from->text.len;
    struct command *command = mem_alloc(size);
    uint8_t *bytes = (uint8_t *)(command + 1);

    command->job.kind = JOB_COMMAND;
    command->kind = from->kind;
    command->room_id = from->room_id;
    command->sender_id = from->sender_id;
    if (from->sender_name.len > 0) {
        memcpy(bytes, from->sender_name.data, from->sender_name.len);
        command->sender_name = (struct span){bytes, from->sender_name.len};
        bytes += from->sender_name.len;
    }
    if (from->text.len > 0)
        memcpy(bytes, from->text.data, from->text.len);
    command->text = (struct span){bytes, from->text.len};
    command->deadline_ms = now_ms + from->ttl_ms;
    command->received_at_us = from->received_at_us;
    command->hears_room = from->hears_room;
    command->pending.room_id = from->room_id;
    memcpy(command->pending.key, from->key, sizeof(from->key));
    command->pending.first = (struct waiter){from->worker_id, from->command_id};
    return command;
}

void command_destroy(struct command **command)
{
    if (*command == NULL)
        return;
    command_reset_outcome(*command);
    dedupe_pending_fini(&(*command)->pending);
    mem_free(*command);
    *command = NULL;
}

void command_reset_outcome(struct command *command)
{
    for (unsigned i = 0; i < command->event_count; i++)
        mem_free(command->events[i].actor_name);
    memset(command->events, 0, sizeof(command->events));
    command->event_count = 0;
    mem_free(command->room_name);
    command->room_name = NULL;
    command->err = ERR_NONE;
    command->duplicate = false;
    command->result_room_id = command->room_id;
    command->seq = 0;
    command->created_at_us = 0;
}

/* The key of a command's further rows: they are found with the first and never collide with it. */
static void derive_key(const uint8_t key[DEDUPE_KEY_BYTES], unsigned index,
                       uint8_t out[DEDUPE_KEY_BYTES])
{
    uint8_t input[DEDUPE_KEY_BYTES + 1];
    uint8_t digest[DIGEST_SHA256_SIZE];

    memcpy(input, key, DEDUPE_KEY_BYTES);
    input[DEDUPE_KEY_BYTES] = (uint8_t)index;
    digest_sha256(input, sizeof(input), digest);
    memcpy(out, digest, DEDUPE_KEY_BYTES);
}

struct command_event *command_add_event(struct command *command, enum event_kind kind, uint64_t seq)
{
    struct command_event *event;

    CHECK(command->event_count < COMMAND_EVENTS_MAX);
    event = &command->events[command->event_count];
    event->kind = kind;
    event->seq = seq;
    event->actor_id = command->sender_id;
    if (command->event_count == 0)
        memcpy(event->key, command->pending.key, DEDUPE_KEY_BYTES);
    else
        derive_key(command->pending.key, command->event_count, event->key);
    command->event_count++;
    return event;
}

void command_set_room_name(struct command *command, struct span name)
{
    mem_free(command->room_name);
    command->room_name = mem_strndup((const char *)name.data, name.len);
}

struct span command_event_name(const struct command *command, const struct command_event *event)
{
    if (event->named_sender)
        return command->sender_name;
    if (event->actor_name == NULL)
        return (struct span){NULL, 0};
    return (struct span){(const uint8_t *)event->actor_name, strlen(event->actor_name)};
}

struct head_job *head_job_create(uint64_t room_id)
{
    struct head_job *head = mem_alloc(sizeof(*head));

    head->job.kind = JOB_HEAD;
    head->room_id = room_id;
    return head;
}

struct forget_job *forget_job_create(uint64_t shards)
{
    struct forget_job *forget = mem_alloc(sizeof(*forget));

    forget->job.kind = JOB_FORGET;
    forget->shards = shards;
    return forget;
}

void job_destroy(struct job **job)
{
    if (*job == NULL)
        return;
    if ((*job)->kind == JOB_COMMAND) {
        struct command *command = CONTAINER_OF(*job, struct command, job);

        command_destroy(&command);
    } else {
        /* The job is the first member of the others. */
        mem_free(*job);
    }
    *job = NULL;
}
