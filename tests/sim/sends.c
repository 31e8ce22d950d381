/* What clients send: each message has a key of its own and is sent again, through any worker, until
 * it is settled. Whatever a client was told must be true of the log. */
#include "sim.h"

#include "common/check.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

/* A client asks again after this time, even if its worker still tries. */
#define PATIENCE_MS 700

struct send {
    uint64_t room_id;
    uint64_t sender_id;
    uint8_t key[DEDUPE_KEY_BYTES];
    char text[16];
    unsigned under_way[WORKERS_MAX];
    uint64_t last_try_ms;
    uint64_t seq;   /* as it was acknowledged; 0: not yet */
    bool bad;       /* the database will never take it */
    bool may_be;    /* an attempt had no answer, or was told that nobody knows */
    bool denied;    /* every attempt was told that it did not happen; nobody tries again */
    bool was_first; /* acknowledged as no duplicate */
};

static struct send sends[SENDS_MAX];
static unsigned count;

struct attempt {
    struct send *send;
    unsigned worker;
};

static unsigned number(const struct send *send)
{
    return (unsigned)(send - sends);
}

void sim_sends_reset(void)
{
    count = 0;
}

static unsigned attempts_of(const struct send *send)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < sim.workers; i++)
        sum += send->under_way[i];
    return sum;
}

static void acknowledged(struct send *send, const struct bus_answer *answer)
{
    const struct sim_row *row = sim_db_row(send->room_id, answer->seq);

    if (row == NULL || memcmp(row->key, send->key, sizeof(send->key)) != 0)
        sim_fail("m%u is acknowledged as %llu:%llu, where it is not", number(send),
                 (unsigned long long)send->room_id, (unsigned long long)answer->seq);
    if (answer->room_id != send->room_id || answer->created_at_us != row->created_at_us)
        sim_fail("m%u is acknowledged with another room or time", number(send));
    if (send->seq != 0 && send->seq != answer->seq)
        sim_fail("m%u is acknowledged as %llu and as %llu", number(send),
                 (unsigned long long)send->seq, (unsigned long long)answer->seq);
    /* A COMMIT without an answer is taken for the broker's own when its key is found. */
    if (!answer->duplicate && send->was_first && sim.faults->db_uncertain == 0)
        sim_fail("m%u is acknowledged twice as the first", number(send));
    send->was_first |= !answer->duplicate;
    send->seq = answer->seq;
}

static void on_answer(void *context, const struct bus_answer *answer)
{
    struct attempt *attempt = context;
    struct send *send = attempt->send;

    send->under_way[attempt->worker]--;
    sim_trace("m%u: err=%d seq=%llu", number(send), (int)answer->err,
              (unsigned long long)answer->seq);
    if (answer->err == ERR_NONE)
        acknowledged(send, answer);
    else if (answer->err == ERR_OUTCOME_UNKNOWN)
        send->may_be = true;
    else if (answer->err == ERR_INTERNAL && !send->bad)
        sim_fail("m%u pays for another one", number(send));
    else if (attempts_of(send) == 0 && !send->may_be && send->seq == 0)
        send->denied = send->bad || sim_percent(50);
    mem_free(attempt);
}

static void try_to_send(struct send *send)
{
    struct bus_command command = {
        .kind = COMMAND_MESSAGE,
        .room_id = send->room_id,
        .sender_id = send->sender_id,
        .sender_name = {(const uint8_t *)"u", 1},
        .text = {(const uint8_t *)send->text, strlen(send->text)},
    };
    int worker = sim_worker_any();
    struct attempt *attempt;

    if (worker < 0)
        return;
    memcpy(command.key, send->key, sizeof(command.key));
    attempt = mem_alloc(sizeof(*attempt));
    *attempt = (struct attempt){send, (unsigned)worker};
    send->last_try_ms = sim.now_ms;
    send->under_way[worker]++;
    sim_trace("m%u goes to w%d: room %llu %s", number(send), worker,
              (unsigned long long)send->room_id, send->text);
    if (sim_worker_send((unsigned)worker, &command, on_answer, attempt))
        return;
    send->under_way[worker]--;
    mem_free(attempt);
}

static bool settled(const struct send *send)
{
    return send->seq != 0 || send->denied;
}

void sim_sends_step(unsigned client, uint64_t room_id)
{
    struct send *send = count > 0 ? &sends[sim_below(count)] : NULL;

    if (send != NULL && !settled(send) &&
        (attempts_of(send) == 0 || sim.now_ms >= send->last_try_ms + PATIENCE_MS ||
         sim_percent(3))) {
        try_to_send(send);
        return;
    }
    if (count == SENDS_MAX)
        return;
    send = &sends[count];
    memset(send, 0, sizeof(*send));
    send->room_id = room_id;
    send->sender_id = client + 1;
    send->bad = sim.faults->db_error > 0 && sim_percent(3);
    snprintf(send->text, sizeof(send->text), "%cm%u", send->bad ? '!' : ' ', count);
    /* Keys are a room's own: two rooms may have the same one. */
    send->key[0] = (uint8_t)(count / 2 + 1);
    send->key[15] = count % 2 == 1 && sends[count - 1].room_id == room_id;
    count++;
    try_to_send(send);
}

void sim_sends_lost(unsigned worker)
{
    for (unsigned i = 0; i < count; i++) {
        if (sends[i].under_way[worker] > 0)
            sends[i].may_be = true;
        sends[i].under_way[worker] = 0;
    }
}

void sim_sends_heal(void)
{
    for (unsigned i = 0; i < count; i++)
        if (!settled(&sends[i]) && attempts_of(&sends[i]) == 0 && !sends[i].bad)
            try_to_send(&sends[i]);
}

const char *sim_sends_missing(void)
{
    static char text[64];

    for (unsigned i = 0; i < count; i++)
        if ((!settled(&sends[i]) && !sends[i].bad) || attempts_of(&sends[i]) > 0) {
            snprintf(text, sizeof(text), "m%u is not settled", i);
            return text;
        }
    return NULL;
}

void sim_sends_check(void)
{
    uint64_t rows = 0;
    uint64_t sent = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct send *send = &sends[i];
        uint64_t seq = sim_db_find(send->room_id, send->key);

        /* A command that reaches two owners of its shard, or one twice by the bus's doing, may be
         * turned away here and written there; its worker knows of one copy only. */
        if (send->denied && seq != 0 && sim.brokers == 1 && sim.faults->repeat == 0)
            sim_fail("m%u did not happen, its sender was told; it is %llu:%llu", i,
                     (unsigned long long)send->room_id, (unsigned long long)seq);
        if (send->seq != 0 && seq != send->seq)
            sim_fail("m%u was acknowledged as %llu and is %llu", i, (unsigned long long)send->seq,
                     (unsigned long long)seq);
        sent += seq != 0;
    }
    for (uint64_t room_id = 1; room_id <= sim.rooms; room_id++)
        rows += sim_db_head(room_id);
    if (rows != sent)
        sim_fail("the logs have %llu events, but %llu were sent", (unsigned long long)rows,
                 (unsigned long long)sent);
}
