#include "gateway/rooms.h"

#include "common/check.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "gateway/bus_link.h"
#include "gateway/delivery_count.h"
#include "gateway/linger.h"
#include "gateway/notes.h"
#include "gateway/page_reads.h"
#include "gateway/presence_local.h"

/* Half a minute of pages that lack what the head promised: then the log is broken. */
#define EMPTY_READS_MAX 150
#define ASK_MS          500
#define ASK_ROUND_MS    60000
/* Whoever walks a room's members asks for the memory of the one after so many others: when their
 * turn comes, it is there. */
#define MEMBERS_AHEAD 4
/* After so many members the loop turns once more before other rooms get theirs: about two
 * milliseconds of system calls. Commands that came meanwhile are on their way to the log then,
 * while the rest is delivered; else a busy worker does one after the other, and the burst that it
 * delivers is answered by the next one. */
#define MEMBERS_A_TURN 256

_Static_assert(offsetof(struct subscription, user_id) <= MEM_PREFETCHED,
               "a delivery would wait for memory");

struct member {
    struct subscription *sub;
    const void *memory; /* the subscription's */
};

struct room {
    uint64_t id;
    struct room_log log;
    struct page_source pages;
    struct member *members; /* in one piece: a delivery walks all of them */
    uint32_t member_count;
    uint32_t member_capacity;
    struct list_node dirty_node;
    struct list_node ask_node;  /* all rooms, the one whose head was asked longest ago first */
    struct list_node ring_node; /* rooms with a ring, the one that changed last at the end */
    struct notes notes;
    struct room_linger linger;
};

struct rooms {
    struct loop *loop;
    struct page_reads *pages; /* waiters: subscriptions, by read_node */
    struct bus_link *link;
    struct presence_local *presence;
    struct rooms_options options;
    struct map *by_id;
    struct list dirty;
    struct list rings;
    struct list asks;    /* rooms that are live, by ask_node */
    struct list waiting; /* rooms whose head was not heard yet, by ask_node */
    struct loop_timer *ask_timer;
    struct notes_pace *pace;
    struct lingers *lingers;
    struct byte_count ring_bytes;
    size_t lagging;
    struct delivery_count count;
};

static void pump(struct rooms *rooms, struct subscription *sub);

static void mark_dirty(struct rooms *rooms, struct room *room)
{
    if (!list_node_linked(&room->dirty_node))
        list_push_back(&rooms->dirty, &room->dirty_node);
    loop_no_wait(rooms->loop);
}

/* ---- heads that were lost ---- */

/* Nothing relies on the bus: a room that is not live asks again until it hears its head; and every
 * live one does so once in a while, for the last event of a room that went quiet. */
static void on_ask_timer(void *context)
{
    struct rooms *rooms = context;
    size_t due = map_count(rooms->by_id) * ASK_MS / ASK_ROUND_MS + 1;

    LIST_FOREACH (node, &rooms->waiting) {
        bus_link_ask_head(rooms->link, LIST_ITEM(node, struct room, ask_node)->id);
    }
    while (due-- > 0 && !list_empty(&rooms->asks)) {
        struct list_node *node = list_pop_front(&rooms->asks);

        list_push_back(&rooms->asks, node);
        bus_link_ask_head(rooms->link, LIST_ITEM(node, struct room, ask_node)->id);
    }
}

/* ---- reading the log ---- */

/* What was read just before the ring joins it, as far as the room's share goes: the next subscriber
 * that comes back needs no query. */
static void on_page(void *context, struct page_source *source, const struct log_read *read)
{
    struct rooms *rooms = context;
    struct room *room = CONTAINER_OF(source, struct room, pages);

    for (size_t i = read->count; i > 0; i--) {
        struct frame *frame = read->frames[i - 1];

        if (room->log.ring_bytes.bytes + frame_bytes(frame) > rooms->options.ring_room_bytes)
            break;
        if (frame->seq + 1 == room_log_first(&room->log))
            room_log_prepend(&room->log, frame);
    }
    if (room->log.ring_count > 0 && !list_node_linked(&room->ring_node))
        list_push_back(&rooms->rings, &room->ring_node);
}

static void end(struct subscription *sub, enum rooms_end why)
{
    if (sub->ended)
        return;
    sub->ended = true;
    sub->ops->ended(sub, why);
}

/* Whether the user is no member any more after this event. */
static bool is_end_of(const struct subscription *sub, const struct frame *frame)
{
    return frame->seq > sub->head &&
           (frame->event_kind == EVENT_ROOM_REMOVED ||
            (frame->event_kind == EVENT_MEMBER_LEFT && frame->actor_id == sub->user_id));
}

/* Hands an event or a run over, or skips one that this subscriber does not want. */
static void deliver(struct rooms *rooms, struct subscription *sub, struct frame *frame)
{
    cursor_advance(&sub->cursor, frame);
    if (sub->all_kinds || frame->event_kind == EVENT_MESSAGE) {
        rooms->count.deliveries += frame->events;
        sub->ops->deliver(sub, frame);
    }
    if (is_end_of(sub, frame))
        end(sub, frame->event_kind == EVENT_ROOM_REMOVED ? ROOMS_END_ROOM_GONE : ROOMS_END_REMOVED);
}

static void on_page_served(void *context, struct list_node *waiter, const struct log_read *read)
{
    struct rooms *rooms = context;
    struct subscription *sub = LIST_ITEM(waiter, struct subscription, read_node);

    if (read->count == 0 || read->frames[0]->seq > sub->cursor.next) {
        /* The head says that there is more. A replica may lag; a log with a hole is broken. */
        if (++sub->empty_reads < EMPTY_READS_MAX)
            page_reads_later(rooms->pages, waiter);
        else
            end(sub, ROOMS_END_UNREADABLE);
        return;
    }
    sub->empty_reads = 0;
    for (size_t i = 0; i < read->count && !sub->ended && !sub->ops->full(sub, true); i++)
        if (read->frames[i]->seq == sub->cursor.next)
            deliver(rooms, sub, read->frames[i]);
    pump(rooms, sub);
}

static void on_page_again(void *context, struct list_node *waiter)
{
    pump(context, LIST_ITEM(waiter, struct subscription, read_node));
}

static const struct page_reads_ops page_ops = {on_page, on_page_served, on_page_again};

/* ---- delivering ---- */

static enum room_log_result take_head(struct rooms *rooms, struct room *room, uint64_t head,
                                      uint64_t epoch)
{
    enum room_log_result result = room_log_on_head(&room->log, head, epoch);

    if (room->log.ring_count == 0)
        list_remove(&room->ring_node);
    if (result == ROOM_LOG_GAP)
        metrics_add(METRIC_BUS_GAPS, 1);
    if (result != ROOM_LOG_OLD)
        mark_dirty(rooms, room);
    return result;
}

static void start(struct rooms *rooms, struct subscription *sub)
{
    struct room_log *log = &sub->room->log;
    enum cursor_resume resume = CURSOR_RESUMED;

    if (sub->has_since)
        resume = cursor_start_since(&sub->cursor, log, sub->head, sub->since, sub->epoch);
    else
        cursor_start_live(&sub->cursor, sub->head);
    /* The database has more than the bus has brought, and it might not bring it: a broker may have
     * died after its commit. */
    if (sub->head > log->head)
        take_head(rooms, sub->room, sub->head, log->epoch);
    sub->started = true;
    sub->ops->started(sub, resume, log);
    /* Only now: the room's topic is ours, so that the joined note comes back here, too. */
    presence_local_add(rooms->presence, sub->room->id, sub->user_id);
}

static void set_lagging(struct rooms *rooms, struct subscription *sub, bool lagging)
{
    if (sub->lagging == lagging)
        return;
    if (lagging)
        metrics_add(METRIC_CURSOR_FALLBACKS, 1);
    rooms->lagging = lagging ? rooms->lagging + 1 : rooms->lagging - 1;
    metrics_set(METRIC_CURSORS_LAGGING, rooms->lagging);
    sub->lagging = lagging;
}

/* All that this turn has brought in one piece, if that is what is next and the subscriber takes it;
 * else the one event. */
static struct frame *next_run(struct subscription *sub, struct frame *event)
{
    struct frame *run = NULL;

    if (sub->runs && sub->cursor.caught_up == 0)
        run = room_log_run(&sub->room->log, event->seq);
    return run != NULL ? run : event;
}

/* Gives the subscriber what it has next, until it is live, is full, or needs the database. */
static void pump(struct rooms *rooms, struct subscription *sub)
{
    struct frame *frame;

    if (sub->ended || list_node_linked(&sub->read_node) || !sub->room->log.live)
        return;
    if (!sub->started)
        start(rooms, sub);
    while (!sub->ended) {
        enum cursor_step step = cursor_step(&sub->cursor, &sub->room->log, &frame);

        if (step == CURSOR_LIVE) {
            set_lagging(rooms, sub, false);
            return;
        }
        if (sub->ops->full(sub, sub->lagging || sub->cursor.caught_up != 0)) {
            set_lagging(rooms, sub, true);
            return;
        }
        if (step == CURSOR_READ_LOG) {
            page_reads_want(rooms->pages, &sub->room->pages, sub->cursor.next - 1, sub->user_id,
                            &sub->read_node);
            return;
        }
        if (step == CURSOR_CAUGHT_UP) {
            sub->ops->caught_up(sub, sub->cursor.next - 1);
            cursor_told(&sub->cursor);
        } else {
            deliver(rooms, sub, next_run(sub, frame));
        }
    }
}

/* For who walks all of them and touches each. */
static struct subscription *next_member(const struct room *room, uint32_t index)
{
    if (index + MEMBERS_AHEAD < room->member_count) {
        mem_prefetch(room->members[index + MEMBERS_AHEAD].sub);
        mem_prefetch(room->members[index + MEMBERS_AHEAD].memory);
    }
    return room->members[index].sub;
}

static void deliver_note(struct rooms *rooms, struct room *room, struct frame *note)
{
    for (uint32_t i = 0; i < room->member_count; i++) {
        struct subscription *sub = next_member(room, i);

        if (!sub->started || sub->ended || sub->leaving ||
            (!sub->all_kinds && note->ephemeral_kind != EPHEMERAL_PRESENCE))
            continue;
        /* Losing one is harmless: it is the first thing that a slow reader does without. */
        if (sub->lagging || sub->ops->full(sub, true))
            rooms->count.shed++;
        else
            sub->ops->deliver(sub, note);
    }
}

static void deliver_notes(struct rooms *rooms, struct room *room)
{
    if (!notes_may_leave(rooms->pace, &room->notes))
        return;
    for (uint32_t i = 0; i < room->notes.count; i++)
        deliver_note(rooms, room, room->notes.frames[i]);
    notes_clear(&room->notes);
}

static void on_notes_due(void *context, struct notes *notes)
{
    mark_dirty(context, CONTAINER_OF(notes, struct room, notes));
}

static void trim_ring(struct room *room, size_t max_bytes)
{
    room_log_trim(&room->log, max_bytes);
    if (room->log.ring_count == 0)
        list_remove(&room->ring_node);
}

static void on_linger_over(void *context, struct room_linger *linger)
{
    mark_dirty(context, CONTAINER_OF(linger, struct room, linger));
}

/* Whether the room waits for more; if not, and it is a big one, this turn's flush is noted. */
static bool lingers(struct rooms *rooms, struct room *room)
{
    if (room->member_count < rooms->options.linger_members || room->log.turn_first == 0)
        return false;
    if (linger_wait(rooms->lingers, &room->linger, bus_link_in_flight(rooms->link) > 0))
        return true;
    linger_flush(rooms->lingers, &room->linger);
    return false;
}

static void flush(struct rooms *rooms, struct room *room)
{
    for (uint32_t i = 0; i < room->member_count; i++)
        pump(rooms, next_member(room, i));
    room_log_turn_end(&room->log);
    deliver_notes(rooms, room);
    trim_ring(room, rooms->options.ring_room_bytes);
}

static void flush_some(struct rooms *rooms)
{
    uint32_t members = 0;
    struct list_node *node;

    while (members < MEMBERS_A_TURN && (node = list_pop_front(&rooms->dirty)) != NULL) {
        struct room *room = LIST_ITEM(node, struct room, dirty_node);

        if (lingers(rooms, room))
            continue;
        members += room->member_count;
        flush(rooms, room);
    }
    if (!list_empty(&rooms->dirty))
        loop_no_wait(rooms->loop);
}

static void on_turn_end(void *context)
{
    struct rooms *rooms = context;

    flush_some(rooms);
    delivery_count_flush(&rooms->count);
    while (rooms->ring_bytes.bytes > rooms->options.ring_total_bytes)
        trim_ring(LIST_ITEM(list_first(&rooms->rings), struct room, ring_node), 0);
    metrics_set(METRIC_RING_BYTES, rooms->ring_bytes.bytes);
}

/* ---- from the bus ---- */

bool rooms_hear(const struct rooms *rooms, uint64_t room_id)
{
    const struct room *room = map_find_u64(rooms->by_id, room_id);

    return room != NULL && room->log.live;
}

/* Who is catching up gets to their end later, and what was written before it; but notes are of
 * now. */
static void note_leaving(struct room *room, const struct frame *frame)
{
    if (frame->event_kind != EVENT_MEMBER_LEFT && frame->event_kind != EVENT_ROOM_REMOVED)
        return;
    for (uint32_t i = 0; i < room->member_count; i++)
        if (is_end_of(room->members[i].sub, frame))
            room->members[i].sub->leaving = true;
}

void rooms_on_event(struct rooms *rooms, const struct bus_event *event)
{
    struct room *room = map_find_u64(rooms->by_id, event->room_id);
    enum room_log_result result;
    struct frame *frame;

    if (room == NULL)
        return;
    frame = frame_create_event(event);
    result = room_log_on_event(&room->log, frame);
    if (result == ROOM_LOG_GAP)
        metrics_add(METRIC_BUS_GAPS, 1);
    else if (result == ROOM_LOG_ADVANCED)
        delivery_count_received(&rooms->count, event->received_at_us);
    list_remove(&room->ring_node);
    if (room->log.ring_count > 0)
        list_push_back(&rooms->rings, &room->ring_node);
    note_leaving(room, frame);
    frame_unref(frame);
    mark_dirty(rooms, room);
}

void rooms_on_head(struct rooms *rooms, const struct bus_head *head)
{
    struct room *room = map_find_u64(rooms->by_id, head->room_id);
    enum room_log_result result;
    bool was_live = room != NULL && room->log.live;

    if (room == NULL)
        return;
    result = take_head(rooms, room, head->head, head->epoch);
    if (result == ROOM_LOG_RESET)
        for (uint32_t i = 0; i < room->member_count; i++)
            end(room->members[i].sub, ROOMS_END_LOG_RESET);
    if (was_live)
        return;
    list_remove(&room->ask_node);
    list_push_back(&rooms->asks, &room->ask_node);
    mark_dirty(rooms, room);
}

void rooms_on_ephemeral(struct rooms *rooms, const struct bus_ephemeral *ephemeral)
{
    struct room *room = map_find_u64(rooms->by_id, ephemeral->room_id);

    if (room != NULL && notes_add(&room->notes, ephemeral))
        mark_dirty(rooms, room);
    else if (room != NULL)
        rooms->count.shed++;
}

/* ---- subscribing ---- */

static struct room *ensure_room(struct rooms *rooms, uint64_t room_id)
{
    struct room *room = map_find_u64(rooms->by_id, room_id);

    if (room != NULL)
        return room;
    room = mem_alloc(sizeof(*room));
    room->id = room_id;
    room_log_init(&room->log, &rooms->ring_bytes);
    page_source_init(&room->pages, room_id);
    map_put_u64(rooms->by_id, room_id, room);
    list_push_back(&rooms->waiting, &room->ask_node);
    bus_link_subscribe(rooms->link, room_id);
    metrics_set(METRIC_ROOMS_HOSTED, map_count(rooms->by_id));
    return room;
}

static void drop_room(struct rooms *rooms, struct room *room)
{
    bus_link_unsubscribe(rooms->link, room->id);
    map_remove_u64(rooms->by_id, room->id);
    metrics_set(METRIC_ROOMS_HOSTED, map_count(rooms->by_id));
    page_source_drop(&room->pages);
    linger_drop(&room->linger);
    notes_clear(&room->notes);
    trim_ring(room, 0);
    list_remove(&room->dirty_node);
    list_remove(&room->ask_node);
    room_log_fini(&room->log);
    mem_free(room->members);
    mem_free(room);
}

void rooms_subscribe(struct rooms *rooms, struct subscription *sub, uint64_t room_id)
{
    struct room *room = ensure_room(rooms, room_id);

    CHECK(sub->room == NULL);
    if (room->member_count == room->member_capacity) {
        room->member_capacity = MAX(room->member_capacity * 2, (uint32_t)4);
        room->members = mem_realloc(room->members, room->member_capacity * sizeof(struct member));
    }
    sub->room = room;
    sub->index = room->member_count;
    sub->started = sub->ended = sub->lagging = sub->leaving = false;
    sub->empty_reads = 0;
    list_node_init(&sub->read_node);
    room->members[room->member_count++] = (struct member){sub, sub->memory};
    if (room->log.live)
        mark_dirty(rooms, room);
}

void rooms_unsubscribe(struct rooms *rooms, struct subscription *sub)
{
    struct room *room = sub->room;

    if (room == NULL)
        return;
    if (sub->started)
        presence_local_remove(rooms->presence, room->id, sub->user_id);
    set_lagging(rooms, sub, false);
    list_remove(&sub->read_node);
    room->members[sub->index] = room->members[--room->member_count];
    room->members[sub->index].sub->index = sub->index;
    sub->room = NULL;
    if (room->member_count == 0)
        drop_room(rooms, room);
}

void rooms_pump(struct rooms *rooms, struct subscription *sub)
{
    if (sub->room != NULL)
        pump(rooms, sub);
}

struct rooms *rooms_create(struct loop *loop, struct pool *db, const struct rooms_options *options)
{
    struct rooms *rooms = mem_alloc(sizeof(*rooms));

    rooms->loop = loop;
    rooms->options = *options;
    rooms->by_id = MAP_CREATE_INSIDE(struct room, id);
    list_init(&rooms->dirty);
    list_init(&rooms->rings);
    rooms->pages = page_reads_create(loop, db, options->page_events, &page_ops, rooms);
    list_init(&rooms->asks);
    list_init(&rooms->waiting);
    rooms->ask_timer = loop_timer_create(loop, on_ask_timer, rooms);
    loop_timer_start_periodic(rooms->ask_timer, ASK_MS);
    rooms->pace = notes_pace_create(loop, on_notes_due, rooms);
    rooms->lingers = lingers_create(loop, options->linger_ms, on_linger_over, rooms);
    loop_on_turn_end(loop, on_turn_end, rooms);
    return rooms;
}

void rooms_bound_rings(struct rooms *rooms, size_t total_bytes)
{
    rooms->options.ring_total_bytes = total_bytes;
}

void rooms_set_link(struct rooms *rooms, struct bus_link *link, struct presence_local *presence)
{
    rooms->link = link;
    rooms->presence = presence;
}

void rooms_destroy(struct rooms **rooms)
{
    if (*rooms == NULL)
        return;
    CHECK(map_count((*rooms)->by_id) == 0);
    loop_timer_destroy(&(*rooms)->ask_timer);
    page_reads_destroy(&(*rooms)->pages);
    notes_pace_destroy(&(*rooms)->pace);
    lingers_destroy(&(*rooms)->lingers);
    delivery_count_fini(&(*rooms)->count);
    map_destroy(&(*rooms)->by_id);
    mem_free(*rooms);
    *rooms = NULL;
}
