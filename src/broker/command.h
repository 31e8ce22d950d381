/*
 * command.h: what travels between the broker's main thread and its writers, and back.
 *
 * A job has one owner at a time: the main thread makes it, the queue hands it to the writer, the
 * results hand it back, the main thread frees it. Only struct dedupe_pending stays with the main
 * thread all along.
 */
#ifndef BANTER_BROKER_COMMAND_H
#define BANTER_BROKER_COMMAND_H

#include "broker/dedupe.h"
#include "common/bus_proto.h"
#include "common/list.h"

enum job_kind {
    JOB_COMMAND, /* struct command */
    JOB_HEAD,    /* struct head_job */
    JOB_FORGET,  /* struct forget_job; ends at the writer */
};

struct job {
    struct list_node node;
    enum job_kind kind;
};

/* "What is the last seq of this room?" The answer is in line with the events of the writer. */
struct head_job {
    struct job job;
    uint64_t room_id;
    uint64_t head; /* set by the writer; 0 for an empty log and for no room */
};

/* "Another broker may have written to these shards: do not rely on what you remember of them." */
struct forget_job {
    struct job job;
    uint64_t shards; /* bit s: shard s */
};

/* The most rows that one command writes: EXPEL leaves, and passes the room on or removes it. */
#define COMMAND_EVENTS_MAX 2

/* A row of the log that the command makes. */
struct command_event {
    enum event_kind kind;
    uint64_t seq;
    uint64_t actor_id;
    uint8_t key[DEDUPE_KEY_BYTES];
    struct span body; /* points into the command; data NULL for SQL NULL */
    char *actor_name; /* owned; NULL: none, or the command's sender if named_sender */
    bool named_sender;
};

struct command {
    struct job job;

    /* What is asked for: constant. The spans point into the command's own memory. */
    enum command_kind kind;
    uint64_t room_id;
    uint64_t sender_id;
    struct span sender_name;
    struct span text;
    uint64_t deadline_ms;    /* monotonic: nothing is begun later */
    uint64_t queued_us;      /* monotonic: when it was given to its writer */
    uint64_t received_at_us; /* by its worker's clock */
    bool hears_room;         /* its worker takes the event as the answer */
    struct dedupe_pending pending;

    /* The writer's. */
    bool uncertain; /* a COMMIT that may have held it got no answer */
    bool delayed;   /* the database was away when it should have been written */

    /* The outcome: written by the writer, read by the main thread. */
    enum err err;
    bool duplicate;
    bool stale_head; /* rows may be there that were never published: read the head again */
    uint64_t result_room_id;
    uint64_t seq;
    uint64_t created_at_us;
    char *room_name; /* owned; what JOIN, LEAVE and CREATE_ROOM are answered with */
    struct command_event events[COMMAND_EVENTS_MAX];
    unsigned event_count;
};

/* A copy of a decoded command that came at now_ms. waiter.worker_id 0: nobody waits for it. */
struct command *command_create(const struct bus_command *from, uint64_t now_ms);
void command_destroy(struct command **command);

/* Takes back what an attempt set: the next one starts afresh. Keeps uncertain and delayed. */
void command_reset_outcome(struct command *command);
/* Adds a row; seq is given, and the key is derived from the command's for any but the first. */
struct command_event *command_add_event(struct command *command, enum event_kind kind,
                                        uint64_t seq);
void command_set_room_name(struct command *command, struct span name);
/* The name that the event shows; data NULL for none. */
struct span command_event_name(const struct command *command, const struct command_event *event);

struct head_job *head_job_create(uint64_t room_id);
struct forget_job *forget_job_create(uint64_t shards);
/* Frees a job of any kind; sets *job to NULL. */
void job_destroy(struct job **job);

#endif
