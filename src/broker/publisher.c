#include "broker/publisher.h"

#include "common/clock.h"
#include "common/list.h"
#include "common/map.h"
#include "common/mem.h"

/* A room that somebody subscribes to. */
struct pub_room {
    struct list_node active; /* publisher.active, by last_event_ms; linked: owes one more head */
    uint64_t room_id;
    uint64_t head; /* the last that was published, if known */
    uint64_t last_event_ms;
    bool known;
    bool asked; /* an answer to ask_head is under way */
};

struct publisher {
    struct publisher_options options;
    struct bus_sock *sock;
    struct loop_timer *timer;
    struct map *rooms;
    struct list active;
    uint64_t owned;
    struct strbuf json; /* both are kept for their memory */
    struct strbuf frame;
};

static bool owns(const struct publisher *publisher, uint64_t room_id)
{
    return (publisher->owned >> bus_shard(room_id) & 1) != 0;
}

static void send(struct publisher *publisher, const struct bus_message *message)
{
    strbuf_reset(&publisher->frame);
    bus_encode(message, &publisher->frame);
    bus_sock_send(publisher->sock, publisher->frame.data, publisher->frame.len);
}

static struct span json_span(const struct publisher *publisher)
{
    return (struct span){(const uint8_t *)publisher->json.data, publisher->json.len};
}

/* ---- heads ------------------------------------------------------------------------------------*/

static void send_head(struct publisher *publisher, const struct pub_room *room)
{
    const struct bus_message message = {
        .topic = BUS_TOPIC_ROOM,
        .topic_id = room->room_id,
        .type = BUS_HEAD,
        .head = {room->room_id, room->head, publisher->options.epoch},
    };

    send(publisher, &message);
}

static void ask_head(struct publisher *publisher, struct pub_room *room)
{
    if (room->asked)
        return;
    room->asked = true;
    publisher->options.ask_head(publisher->options.context, room->room_id);
}

static void on_subscribe(struct publisher *publisher, uint64_t room_id)
{
    struct pub_room *room = map_find_u64(publisher->rooms, room_id);

    if (room == NULL) {
        room = mem_alloc(sizeof(*room));
        room->room_id = room_id;
        map_put_u64(publisher->rooms, room_id, room);
    }
    if (!owns(publisher, room_id))
        return;
    /* The barrier at once; and then what the log says, should it have more than was published: a
     * predecessor was still writing, or died between its COMMIT and the publishing. */
    if (room->known)
        send_head(publisher, room);
    ask_head(publisher, room);
}

static void on_unsubscribe(struct publisher *publisher, uint64_t room_id)
{
    struct pub_room *room = map_remove_u64(publisher->rooms, room_id);

    if (room == NULL)
        return;
    list_remove(&room->active);
    mem_free(room);
}

static void on_subscription(void *context, const uint8_t *data, size_t len)
{
    struct publisher *publisher = context;
    enum bus_topic topic;
    uint64_t id;

    if (len < 1 || data[0] > 1 || !bus_topic_decode(data + 1, len - 1, &topic, &id) ||
        topic != BUS_TOPIC_ROOM)
        return;
    if (data[0] == 1)
        on_subscribe(publisher, id);
    else
        on_unsubscribe(publisher, id);
}

void publisher_head(struct publisher *publisher, uint64_t room_id, uint64_t head)
{
    struct pub_room *room = map_find_u64(publisher->rooms, room_id);

    if (room == NULL)
        return;
    room->asked = false;
    if (!owns(publisher, room_id))
        return;
    room->head = MAX(room->head, head);
    room->known = true;
    send_head(publisher, room);
}

void publisher_refresh(struct publisher *publisher, uint64_t room_id)
{
    struct pub_room *room = map_find_u64(publisher->rooms, room_id);

    if (room == NULL || !owns(publisher, room_id))
        return;
    room->known = false;
    ask_head(publisher, room);
}

void publisher_set_owned(struct publisher *publisher, uint64_t owned)
{
    uint64_t changed = owned ^ publisher->owned;
    struct pub_room *room;
    size_t cursor = 0;

    publisher->owned = owned;
    while (changed != 0 && (room = map_iter(publisher->rooms, &cursor)) != NULL) {
        if ((changed >> bus_shard(room->room_id) & 1) == 0)
            continue;
        /* An answer that is still under way was read before the change: it does not count. */
        room->known = false;
        room->asked = false;
        room->head = 0;
        if (owns(publisher, room->room_id))
            ask_head(publisher, room);
    }
}

static void repeat_heads(void *context)
{
    struct publisher *publisher = context;
    uint64_t now_ms = clock_mono_ms();
    struct list_node *node;

    while ((node = list_first(&publisher->active)) != NULL) {
        struct pub_room *room = LIST_ITEM(node, struct pub_room, active);

        if (now_ms - room->last_event_ms < publisher->options.head_repeat_ms)
            break;
        list_remove(node);
        if (room->known && owns(publisher, room->room_id))
            send_head(publisher, room);
    }
}

/* ---- the publisher ----------------------------------------------------------------------------*/

struct publisher *publisher_create(struct bus_context *context, struct loop *loop,
                                   const struct publisher_options *options)
{
    struct publisher *publisher = mem_alloc(sizeof(*publisher));

    publisher->options = *options;
    publisher->rooms = MAP_CREATE_INSIDE(struct pub_room, room_id);
    list_init(&publisher->active);
    strbuf_init(&publisher->json);
    strbuf_init(&publisher->frame);
    publisher->sock = bus_sock_create(context, loop, BUS_BROKER_EVENTS, on_subscription, publisher);
    publisher->timer = loop_timer_create(loop, repeat_heads, publisher);
    loop_timer_start_periodic(publisher->timer, MAX(options->head_repeat_ms / 4, 10));
    return publisher;
}

static void drop_rooms(struct publisher *publisher)
{
    struct pub_room *room;
    size_t cursor = 0;

    while ((room = map_iter(publisher->rooms, &cursor)) != NULL)
        mem_free(room);
    map_destroy(&publisher->rooms);
    list_init(&publisher->active);
}

/* Nobody subscribes to anything yet. */
static void on_reopened(void *context)
{
    struct publisher *publisher = context;

    drop_rooms(publisher);
    publisher->rooms = MAP_CREATE_INSIDE(struct pub_room, room_id);
}

void publisher_reopen(struct publisher *publisher)
{
    bus_sock_reopen(publisher->sock, on_reopened, publisher);
}

void publisher_destroy(struct publisher **publisher)
{
    if (*publisher == NULL)
        return;
    loop_timer_destroy(&(*publisher)->timer);
    bus_sock_destroy(&(*publisher)->sock);
    drop_rooms(*publisher);
    strbuf_fini(&(*publisher)->json);
    strbuf_fini(&(*publisher)->frame);
    mem_free(*publisher);
    *publisher = NULL;
}

bool publisher_bind(struct publisher *publisher, const char *address, const char **error_out)
{
    return bus_sock_attach(publisher->sock, address, error_out);
}

bool publisher_event(struct publisher *publisher, const struct log_event *event,
                     const struct waiter *answered)
{
    struct pub_room *room = map_find_u64(publisher->rooms, event->room_id);
    struct waiter waiter = answered != NULL ? *answered : (struct waiter){0, 0};

    /* Nobody listens. Who subscribes at this moment gets a head that includes the event. */
    if (room == NULL)
        return false;
    strbuf_reset(&publisher->json);
    event_json_write(event, &publisher->json);
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_ROOM,
                        .topic_id = event->room_id,
                        .type = BUS_EVENT,
                        .event = {event->room_id, event->seq, event->kind, event->actor_id,
                                  event->created_at_us, json_span(publisher), event->received_at_us,
                                  waiter.worker_id, waiter.command_id},
                    });
    room->head = MAX(room->head, event->seq);
    room->last_event_ms = clock_mono_ms();
    list_remove(&room->active);
    list_push_back(&publisher->active, &room->active);
    return true;
}

void publisher_answer(struct publisher *publisher, uint64_t worker_id,
                      const struct bus_answer *answer)
{
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_WORKER,
                        .topic_id = worker_id,
                        .type = BUS_ANSWER,
                        .answer = *answer,
                    });
}

void publisher_revoke(struct publisher *publisher, const struct bus_revoke *revoke)
{
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_ALL,
                        .type = BUS_REVOKE,
                        .revoke = *revoke,
                    });
}

void publisher_activity(struct publisher *publisher, uint64_t room_id, uint64_t user_id,
                        bool joined)
{
    char iso[CLOCK_ISO_SIZE];

    strbuf_reset(&publisher->json);
    strbuf_printf(&publisher->json,
                  "{\"type\":\"user_activity\",\"room_id\":%llu,\"user_id\":%llu,"
                  "\"action\":\"%s\",\"timestamp\":\"%s\"}",
                  (unsigned long long)room_id, (unsigned long long)user_id,
                  joined ? "joined" : "left", clock_format_iso(clock_wall_us(), iso));
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_ROOM,
                        .topic_id = room_id,
                        .type = BUS_EPHEMERAL,
                        .ephemeral = {room_id, EPHEMERAL_PRESENCE, user_id, json_span(publisher)},
                    });
}

void publisher_typing(struct publisher *publisher, const struct bus_typing *typing)
{
    strbuf_reset(&publisher->json);
    strbuf_printf(&publisher->json,
                  "{\"type\":\"typing\",\"room_id\":%llu,\"user_id\":%llu,"
                  "\"username\":",
                  (unsigned long long)typing->room_id, (unsigned long long)typing->user_id);
    json_write_string(&publisher->json, typing->username);
    strbuf_add_char(&publisher->json, '}');
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_ROOM,
                        .topic_id = typing->room_id,
                        .type = BUS_EPHEMERAL,
                        .ephemeral = {typing->room_id, EPHEMERAL_TYPING, typing->user_id,
                                      json_span(publisher)},
                    });
}

void publisher_presence_list(struct publisher *publisher, uint64_t worker_id,
                             const struct bus_presence_list *list)
{
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_WORKER,
                        .topic_id = worker_id,
                        .type = BUS_PRESENCE_LIST,
                        .presence_list = *list,
                    });
}

void publisher_resync(struct publisher *publisher, uint64_t worker_id, uint32_t shard)
{
    send(publisher, &(struct bus_message){
                        .topic = BUS_TOPIC_WORKER,
                        .topic_id = worker_id,
                        .type = BUS_PRESENCE_RESYNC,
                        .presence_resync = {shard},
                    });
}
