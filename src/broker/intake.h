/*
 * intake.h: what comes in from the workers, and what goes back to them. Main thread.
 *
 * A command that nobody is at work on goes to its writer; a repeat joins the one under way or gets
 * the answer that is remembered (dedupe.h). When a writer is done with a command, its events are
 * published first and then whoever waits is answered: delivered, and answered, implies durable.
 *
 * A command that comes long after its worker gave it up (INTAKE_LATE_MS) is dropped: a client that
 * was told "outcome unknown" then does not see it happen minutes later. The two clocks are of two
 * machines, hence the allowance; a broker that is ahead by more than that and the worker's patience
 * takes no command, and its log says why.
 */
#ifndef BANTER_BROKER_INTAKE_H
#define BANTER_BROKER_INTAKE_H

#include "broker/command.h"
#include "broker/presence_hub.h"
#include "broker/publisher.h"
#include "broker/writer.h"

/* Two machines' clocks are closer to each other than this. */
#define INTAKE_LATE_MS UINT64_C(10000)

struct intake;

/* All stay the caller's and outlive the intake. */
struct intake_options {
    struct publisher *publisher;
    struct presence_hub *presence;
    struct writers *writers;
    size_t queue_max;     /* commands under way; more are refused with ERR_OVERLOADED */
    size_t dedupe_window; /* answers that are remembered */
};

struct intake *intake_create(const struct intake_options *options);
void intake_destroy(struct intake **intake);

/* The shards (bit s) that this broker owns now: what comes for others is left to their owners. */
void intake_set_owned(struct intake *intake, uint64_t owned);
/* From now on nothing is taken: what workers repeat is the next broker's. */
void intake_close(struct intake *intake);

/* A bus message for the SUB; context is the intake. */
void intake_receive(void *context, const uint8_t *data, size_t len);
/* A command of the broker's own; nobody waits for its outcome. */
void intake_submit(struct intake *intake, const struct bus_command *command);
/* What a writer is done with: takes the job. */
void intake_finish(struct intake *intake, struct job *job);

/* Commands that a writer has or that wait for one. */
size_t intake_pending(const struct intake *intake);

#endif
