/* Clients: they come and go, are slow, resume, and send with client ids. Each knows what it must
 * get next, so every delivery is compared with the log at once. */
#include "sim.h"

#include "common/check.h"
#include "common/mem.h"
#include "gateway/rooms.h"

#include <stdio.h>
#include <string.h>

enum client_state { AWAY, ADMITTED, SUBSCRIBED };

struct client {
    struct subscription sub;
    enum client_state state;
    unsigned worker;
    uint64_t room_id;
    uint64_t next; /* the seq that it must get next; 0 before its first connection */
    unsigned capacity;
    bool was_full;
    bool started;
    bool owed_caught_up;
    const struct room_log *log; /* of its room at its worker, once started */
    uint64_t log_head;          /* as it was seen last */
};

unsigned long long sim_runs;
static struct client clients[CLIENTS_MAX];

static unsigned number(struct subscription *sub)
{
    return (unsigned)(CONTAINER_OF(sub, struct client, sub) - clients);
}

static struct client *of_sub(struct subscription *sub)
{
    return CONTAINER_OF(sub, struct client, sub);
}

/* ---- what a subscription says -----------------------------------------------------------------*/

static bool on_full(struct subscription *sub, bool behind)
{
    (void)behind;
    of_sub(sub)->was_full = of_sub(sub)->capacity == 0;
    return of_sub(sub)->was_full;
}

/* One event, somewhere in the bytes from *from on; moves *from behind its text. */
static void take_event(struct subscription *sub, uint64_t seq, const struct frame *frame,
                       const uint8_t **from)
{
    struct client *client = of_sub(sub);
    const struct sim_row *row = sim_db_row(client->room_id, seq);
    const uint8_t *end = frame->bytes + frame->len;
    const uint8_t *found;
    char text[40];

    sim_trace("c%u gets %llu:%llu", number(sub), (unsigned long long)client->room_id,
              (unsigned long long)seq);
    if (row == NULL)
        sim_fail("c%u gets %llu, which is not committed", number(sub), (unsigned long long)seq);
    if (seq != client->next)
        sim_fail("c%u gets %llu instead of %llu", number(sub), (unsigned long long)seq,
                 (unsigned long long)client->next);
    snprintf(text, sizeof(text), "\"text\":\"%s\"", row->body);
    found = memmem(*from, (size_t)(end - *from), text, strlen(text));
    if (found == NULL)
        sim_fail("c%u gets another text than %s", number(sub), row->body);
    *from = found + strlen(text);
    client->next++;
}

static void on_deliver(struct subscription *sub, struct frame *frame)
{
    struct client *client = of_sub(sub);
    const uint8_t *from = frame->bytes;

    if (!client->started)
        sim_fail("c%u gets an event before it is subscribed", number(sub));
    if (frame->events != 1 && !sub->runs)
        sim_fail("c%u gets a run of %u events and takes none", number(sub), frame->events);
    for (uint64_t seq = frame->seq - frame->events + 1; seq <= frame->seq; seq++)
        take_event(sub, seq, frame, &from);
    sim_runs += frame->events > 1;
    client->capacity--;
}

static void on_started(struct subscription *sub, enum cursor_resume resume,
                       const struct room_log *log)
{
    struct client *client = of_sub(sub);
    enum cursor_resume expected = CURSOR_RESUMED;

    if (sub->has_since && sub->epoch != 0 && sub->epoch != SIM_EPOCH)
        expected = CURSOR_OTHER_EPOCH;
    else if (sub->has_since && sub->since > sub->head)
        expected = CURSOR_BEYOND_HEAD;
    if (client->started)
        sim_fail("c%u is subscribed twice", number(sub));
    if (resume != expected)
        sim_fail("c%u: resuming after %llu gives %d instead of %d (head %llu, epoch %llu)",
                 number(sub), (unsigned long long)sub->since, (int)resume, (int)expected,
                 (unsigned long long)sub->head, (unsigned long long)sub->epoch);
    client->started = true;
    client->log = log;
    client->owed_caught_up = sub->has_since && resume == CURSOR_RESUMED;
    client->next = (client->owed_caught_up ? sub->since : sub->head) + 1;
    sim_trace("c%u is subscribed: next %llu, head %llu at the worker", number(sub),
              (unsigned long long)client->next, (unsigned long long)log->head);
}

static void on_caught_up(struct subscription *sub, uint64_t seq)
{
    struct client *client = of_sub(sub);

    if (!client->owed_caught_up)
        sim_fail("c%u has caught up, and nobody asked", number(sub));
    if (seq + 1 != client->next || seq < sub->head)
        sim_fail("c%u has caught up with %llu, next is %llu and the head was %llu", number(sub),
                 (unsigned long long)seq, (unsigned long long)client->next,
                 (unsigned long long)sub->head);
    client->owed_caught_up = false;
}

static void on_ended(struct subscription *sub, enum rooms_end why)
{
    sim_fail("c%u is thrown out: %d", number(sub), (int)why);
}

/* ---- coming and going -------------------------------------------------------------------------*/

void sim_clients_reset(void)
{
    memset(clients, 0, sizeof(clients));
    for (unsigned i = 0; i < sim.clients; i++)
        clients[i].room_id = 1 + sim_below(sim.rooms);
    sim_sends_reset();
}

/* The worker reads the head and admits the client; the subscription comes a moment later. */
static void connect_client(struct client *client, bool resume)
{
    static const struct subscriber_ops ops = {on_full, on_deliver, on_started, on_caught_up,
                                              on_ended};
    int worker = sim_worker_any();

    if (worker < 0)
        return;
    memset(&client->sub, 0, sizeof(client->sub));
    client->sub.ops = &ops;
    client->sub.user_id = number(&client->sub) + 1;
    client->sub.head = sim_db_head(client->room_id);
    client->sub.has_since = client->next > 0 && (resume || sim_percent(80));
    client->sub.all_kinds = sim_percent(80);
    client->sub.runs = sim_percent(80);
    client->sub.since = client->next > 0 ? client->next - 1 : 0;
    if (!resume && sim_percent(8)) {
        client->sub.has_since = true;
        client->sub.since = client->sub.head + sim_below(4);
    } else if (!resume && sim_percent(8)) {
        client->sub.has_since = true;
        client->sub.since = 0;
    }
    if (sim_percent(30))
        client->sub.epoch = resume || sim_percent(80) ? SIM_EPOCH : SIM_EPOCH + 1;
    client->worker = (unsigned)worker;
    client->state = ADMITTED;
    client->started = client->owed_caught_up = client->was_full = false;
    client->log = NULL;
    client->log_head = 0;
    client->capacity = 1 + sim_below(8);
    sim_trace("c%u connects to w%d: room %llu, head %llu, since %lld", number(&client->sub), worker,
              (unsigned long long)client->room_id, (unsigned long long)client->sub.head,
              client->sub.has_since ? (long long)client->sub.since : -1LL);
}

static void subscribe(struct client *client)
{
    client->state = SUBSCRIBED;
    sim_worker_subscribe(client->worker, &client->sub, client->room_id);
}

static void disconnect(struct client *client)
{
    sim_trace("c%u goes", number(&client->sub));
    client->state = AWAY;
    client->log = NULL;
    sim_worker_unsubscribe(client->worker, &client->sub);
}

/* The socket took what was queued: there is room again. */
static void read_some(struct client *client, unsigned capacity)
{
    client->capacity += capacity;
    if (client->was_full) {
        client->was_full = false;
        sim_worker_pump(client->worker, &client->sub);
    }
}

void sim_clients_lost(unsigned worker)
{
    for (unsigned i = 0; i < sim.clients; i++)
        if (clients[i].state != AWAY && clients[i].worker == worker) {
            clients[i].state = AWAY;
            clients[i].log = NULL;
        }
    sim_sends_lost(worker);
}

void sim_clients_step(void)
{
    struct client *client = &clients[sim_below(sim.clients)];
    unsigned what = sim_below(100);

    if (what < 45) {
        sim_sends_step(number(&client->sub), client->room_id);
        return;
    }
    switch (client->state) {
    case AWAY:
        connect_client(client, false);
        break;
    case ADMITTED:
        subscribe(client);
        break;
    case SUBSCRIBED:
        if (what < 55)
            disconnect(client);
        else
            read_some(client, 1 + sim_below(6));
        break;
    }
}

void sim_clients_heal(void)
{
    for (unsigned i = 0; i < sim.clients; i++) {
        struct client *client = &clients[i];

        switch (client->state) {
        case AWAY:
            connect_client(client, true);
            break;
        case ADMITTED:
            subscribe(client);
            break;
        case SUBSCRIBED:
            if (client->capacity < ROWS_MAX)
                read_some(client, 1000);
            break;
        }
    }
    sim_sends_heal();
}

/* ---- invariants -------------------------------------------------------------------------------*/

static void check_log(const struct room_log *log, uint64_t room_id)
{
    uint64_t first = room_log_first(log);
    size_t bytes = 0;

    if (log->head > sim_db_head(room_id))
        sim_fail("a worker's head of room %llu is not committed", (unsigned long long)room_id);
    if (first == 0 || first > log->head + 1)
        sim_fail("the ring of room %llu begins at %llu", (unsigned long long)room_id,
                 (unsigned long long)first);
    for (uint64_t seq = first; seq <= log->head; seq++) {
        const struct frame *frame = room_log_get(log, seq);

        if (frame == NULL || frame->seq != seq || frame->refs == 0)
            sim_fail("the ring of room %llu has something else at %llu",
                     (unsigned long long)room_id, (unsigned long long)seq);
        bytes += frame_bytes(frame);
    }
    if (bytes != log->ring_bytes.bytes)
        sim_fail("the ring of room %llu counts its bytes wrong", (unsigned long long)room_id);
}

void sim_clients_check(unsigned worker)
{
    uint64_t looked_at = 0;

    for (unsigned i = 0; i < sim.clients; i++) {
        struct client *client = &clients[i];

        if (client->state != SUBSCRIBED || client->worker != worker || client->log == NULL)
            continue;
        if ((looked_at >> client->room_id & 1) == 0)
            check_log(client->log, client->room_id);
        looked_at |= UINT64_C(1) << client->room_id;
        if (client->log->head < client->log_head)
            sim_fail("the head of room %llu at w%u went back", (unsigned long long)client->room_id,
                     worker);
        client->log_head = client->log->head;
        if (client->sub.cursor.next != client->next)
            sim_fail("c%u's cursor stands at %llu, its list at %llu", i,
                     (unsigned long long)client->sub.cursor.next, (unsigned long long)client->next);
        /* Nobody is forgotten: who is behind waits for a page, for a retry, for its own socket, or
         * with the room for what is under way. */
        if (client->capacity > 0 && client->next <= client->log->head &&
            !list_node_linked(&client->sub.read_node) && client->log->turn_first == 0)
            sim_fail("c%u is behind at %llu, the head is %llu, and nothing will come", i,
                     (unsigned long long)client->next, (unsigned long long)client->log->head);
    }
}

const char *sim_clients_missing(void)
{
    static char text[100];

    for (unsigned i = 0; i < sim.clients; i++) {
        const struct client *client = &clients[i];
        uint64_t head = sim_db_head(client->room_id);

        if (client->state == SUBSCRIBED && client->started && client->next == head + 1 &&
            !client->owed_caught_up)
            continue;
        snprintf(text, sizeof(text), "c%u at w%u: next is %llu, the log's head %llu%s", i,
                 client->worker, (unsigned long long)client->next, (unsigned long long)head,
                 client->started ? "" : ", not subscribed");
        return text;
    }
    return sim_sends_missing();
}
