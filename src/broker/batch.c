#include "broker/batch.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <string.h>

#define PAUSE_MS_MIN 100
#define PAUSE_MS_MAX 1000
/* Deadlocks and conflicts are repeated at once this often; then something is odd, and we wait. */
#define RETRIES_AT_ONCE 3

struct settling {
    struct apply *apply;
    const struct batch_calls *calls;
    bool look_up; /* some of the commands may be in the log: ask before writing */
    unsigned failures;
    uint64_t pause_ms;
};

static void finish(struct settling *s, struct command *command)
{
    s->calls->finished(s->calls->context, command);
}

static void finish_with(struct settling *s, struct command *command, enum err err)
{
    command_reset_outcome(command);
    command->err = err;
    command->stale_head = command->uncertain;
    finish(s, command);
}

/* Answers those whose time is up, and closes the gaps; returns how many are left. */
static size_t expire(struct settling *s, struct command **commands, size_t count)
{
    uint64_t now_ms = clock_mono_ms();
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct command *command = commands[i];

        if (now_ms < command->deadline_ms)
            commands[kept++] = command;
        else if (command->uncertain)
            finish_with(s, command, ERR_OUTCOME_UNKNOWN);
        else
            finish_with(s, command, command->delayed ? ERR_DATABASE_UNAVAILABLE : ERR_OVERLOADED);
    }
    return kept;
}

/* Answers those that the log has; the others stay, in *count. */
static enum err settle_written(struct settling *s, struct command **commands, size_t *count)
{
    bool *found = mem_alloc_array(*count, sizeof(*found));
    enum err err = apply_find_written(s->apply, commands, *count, found);
    size_t kept = 0;

    for (size_t i = 0; err == ERR_NONE && i < *count; i++) {
        if (found[i])
            finish(s, commands[i]);
        else
            commands[kept++] = commands[i];
    }
    if (err == ERR_NONE)
        *count = kept;
    mem_free(found);
    return err;
}

/* What we remember of these rooms may be wrong: the log knows. */
static void drop_rooms(struct settling *s, struct command **commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sequencer_drop(apply_sequencer(s->apply), commands[i]->room_id);
}

static void mark_uncertain(struct command **commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (commands[i]->event_count > 0)
            commands[i]->uncertain = true;
}

static bool pause(struct settling *s, struct command **commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        commands[i]->delayed = true;
    s->calls->flush(s->calls->context);
    s->pause_ms = MIN(MAX(2 * s->pause_ms, PAUSE_MS_MIN), PAUSE_MS_MAX);
    return s->calls->pause(s->calls->context, s->pause_ms);
}

/* One attempt; the commands that it answered are gone from the array. */
static enum err attempt(struct settling *s, struct command **commands, size_t *count)
{
    enum err err = ERR_NONE;
    uint64_t began_us;

    if (s->look_up)
        err = settle_written(s, commands, count);
    if (err != ERR_NONE || *count == 0)
        return err;
    s->look_up = false;
    began_us = clock_mono_us();
    err = apply_batch(s->apply, commands, *count);
    metrics_observe_us(METRIC_BROKER_COMMIT, clock_mono_us() - began_us);
    metrics_observe_size(METRIC_BROKER_BATCH, *count);
    metrics_add(err == ERR_NONE ? METRIC_BROKER_BATCHES : METRIC_BROKER_COMMIT_ERRORS, 1);
    if (err != ERR_NONE)
        return err;
    for (size_t i = 0; i < *count; i++)
        finish(s, commands[i]);
    *count = 0;
    return ERR_NONE;
}

/* Whether to go on after a failed attempt; not for ERR_DB_FAILED. */
static bool recover(struct settling *s, enum err err, struct command **commands, size_t count)
{
    switch (err) {
    case ERR_DB_DUPLICATE:
        s->look_up = true;
        drop_rooms(s, commands, count);
        s->calls->conflict(s->calls->context);
        break;
    case ERR_DB_UNCERTAIN:
        log_warn("writer.uncertain", "commands=%zu", count);
        s->look_up = true;
        mark_uncertain(commands, count);
        drop_rooms(s, commands, count);
        break;
    case ERR_DB_RETRY:
        break;
    default:
        return pause(s, commands, count);
    }
    if (++s->failures > RETRIES_AT_ONCE)
        return pause(s, commands, count);
    return true;
}

static size_t settle(struct settling s, struct command **commands, size_t count)
{
    while ((count = expire(&s, commands, count)) > 0) {
        enum err err = attempt(&s, commands, &count);

        if (count == 0)
            break;
        if (err != ERR_DB_FAILED) {
            if (!recover(&s, err, commands, count))
                return count;
        } else if (count == 1) {
            log_error("writer.refused", "room=%llu kind=%d sender=%llu",
                      (unsigned long long)commands[0]->room_id, (int)commands[0]->kind,
                      (unsigned long long)commands[0]->sender_id);
            finish_with(&s, commands[0],
                        commands[0]->uncertain ? ERR_OUTCOME_UNKNOWN : ERR_INTERNAL);
            return 0;
        } else {
            size_t half = count / 2;
            size_t left = settle(s, commands, half);

            /* Given up in the first half: the second was not begun. */
            if (left > 0)
                memmove(commands + left, commands + half, (count - half) * sizeof(*commands));
            else
                memmove(commands, commands + half, (count - half) * sizeof(*commands));
            return left > 0 ? left + count - half : settle(s, commands, count - half);
        }
    }
    return 0;
}

size_t batch_settle(struct apply *apply, const struct batch_calls *calls, struct command **commands,
                    size_t count)
{
    struct settling s = {.apply = apply, .calls = calls};

    return settle(s, commands, count);
}

bool batch_load_rooms(struct apply *apply, const struct batch_calls *calls,
                      const uint64_t *room_ids, size_t count)
{
    struct settling s = {.apply = apply, .calls = calls};

    while (apply_load_rooms(apply, room_ids, count) != ERR_NONE)
        if (!pause(&s, NULL, 0))
            return false;
    return true;
}
