/*
 * Creating, listing, joining and leaving rooms.
 */
#include "common/event_json.h"
#include "common/limits.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/store_rooms.h"
#include "common/utf8.h"
#include "gateway/bus_link.h"
#include "gateway/routes.h"

#include <string.h>

/* ---- writing a room ---- */

static void begin_room(struct strbuf *out, const struct store_room *room)
{
    json_write_u64(out, "{\"id\":", room->id);
    strbuf_add_str(out, ",\"name\":");
    json_write_string(out, room->name);
    json_write_u64(out, ",\"creator_id\":", room->creator_id);
    json_write_u64(out, ",\"member_count\":", room->member_count);
    json_write_time(out, ",\"created_at\":", room->created_at_us);
    strbuf_add_str(out, ",\"users\":[");
}

static void add_user(struct strbuf *out, bool first, uint64_t user_id, struct span name)
{
    json_write_u64(out, first ? "{\"id\":" : ",{\"id\":", user_id);
    strbuf_add_str(out, ",\"username\":");
    json_write_string(out, name);
    strbuf_add_char(out, '}');
}

/* ---- creating ---- */

static void on_created(void *context, const struct bus_answer *answer)
{
    struct request *request = context;
    const char *name = request->session.username;
    struct store_room room = {.id = answer->room_id,
                              .creator_id = request->session.user_id,
                              .member_count = 1,
                              .created_at_us = answer->created_at_us,
                              .name = answer->text};

    if (answer->err != ERR_NONE) {
        request_reply_error(request, answer->err);
        return;
    }
    begin_room(&request->out, &room);
    add_user(&request->out, true, request->session.user_id,
             (struct span){(const uint8_t *)name, strlen(name)});
    strbuf_add_str(&request->out, "]}");
    request_reply(request);
}

enum err create_room_prepare(struct request *request)
{
    struct span name;

    if (json_get(request->body, "name", &name) != JSON_IS_TEXT)
        return request_invalid(request, "name", "name is required and must be a string.");
    if (name.len == 0 || utf8_length(name.data, name.len) > ROOM_NAME_CHARS_MAX)
        return request_invalid(request, "name", "name must have 1 to 100 characters.");
    return ERR_NONE;
}

static void send_command(struct request *request, enum command_kind kind, struct span text,
                         bus_answer_fn *done)
{
    const char *name = request->session.username;
    struct bus_command command = {.kind = kind,
                                  .room_id = request->room_id,
                                  .sender_id = request->session.user_id,
                                  .sender_name = {(const uint8_t *)name, strlen(name)},
                                  .text = text};

    if (bus_link_full(request->services->link)) {
        metrics_add_by(METRIC_SHED, METRICS_SHED_COMMANDS, 1);
        request_reply_error(request, ERR_OVERLOADED);
        return;
    }
    bus_link_unique_key(request->services->link, command.key);
    bus_link_command(request->services->link, &command, done, request);
}

void create_room_finish(struct request *request)
{
    struct span name;

    json_get(request->body, "name", &name);
    send_command(request, COMMAND_CREATE_ROOM, name, on_created);
}

/* ---- joining and leaving ---- */

static void reply_membership(struct request *request, const struct bus_answer *answer,
                             const char *message)
{
    if (answer->err != ERR_NONE) {
        request_reply_error(request, answer->err);
        return;
    }
    strbuf_printf(&request->out,
                  "{\"room_id\":%llu,\"room_name\":", (unsigned long long)request->room_id);
    json_write_string(&request->out, answer->text);
    strbuf_add_char(&request->out, '}');
    request_reply_success(request, message);
}

static void on_joined(void *context, const struct bus_answer *answer)
{
    reply_membership(context, answer, "Joined the room successfully");
}

static void on_left(void *context, const struct bus_answer *answer)
{
    reply_membership(context, answer, "Left the room successfully");
}

void join_finish(struct request *request)
{
    send_command(request, COMMAND_JOIN, (struct span){NULL, 0}, on_joined);
}

void leave_finish(struct request *request)
{
    send_command(request, COMMAND_LEAVE, (struct span){NULL, 0}, on_left);
}

/* ---- listing ---- */

struct listing {
    struct request *request;
    struct strbuf heads; /* each room as far as its users, the texts one after the other */
    struct room_head {
        uint64_t id;
        size_t begin;
        size_t len;
    } rooms[PAGE_LIMIT_MAX + 1];
    size_t count;
    size_t at;    /* the room that is being written */
    bool in_room; /* its users are being written */
    bool first_user;
    uint64_t limit;
    uint64_t after;
};

enum err list_rooms_prepare(struct request *request)
{
    struct listing *listing = mem_alloc(sizeof(*listing));

    request->state = listing;
    listing->request = request;
    return request_page(request, &listing->limit, &listing->after);
}

static void on_room(void *context, const struct store_room *room)
{
    struct listing *listing = context;
    struct room_head *head = &listing->rooms[listing->count++];

    head->id = room->id;
    head->begin = listing->heads.len;
    begin_room(&listing->heads, room);
    head->len = listing->heads.len - head->begin;
}

static void close_room(struct listing *listing)
{
    if (listing->in_room)
        strbuf_add_str(&listing->request->out, "]}");
    listing->in_room = false;
}

static void open_room(struct listing *listing)
{
    const struct room_head *head = &listing->rooms[listing->at];
    struct strbuf *out = &listing->request->out;

    close_room(listing);
    if (listing->at++ > 0)
        strbuf_add_char(out, ',');
    strbuf_add(out, listing->heads.data + head->begin, head->len);
    listing->in_room = true;
    listing->first_user = true;
}

/* Members come by room, in the order of the rooms; a room may have none. */
static void on_listed_member(void *context, uint64_t room_id, uint64_t user_id, struct span name)
{
    struct listing *listing = context;

    while (listing->at == 0 || listing->rooms[listing->at - 1].id != room_id) {
        if (listing->at == listing->count || listing->rooms[listing->at].id > room_id)
            return; /* a room that was made between the two queries */
        open_room(listing);
    }
    add_user(&listing->request->out, listing->first_user, user_id, name);
    listing->first_user = false;
}

enum err list_rooms_query(struct request *request, struct db *db)
{
    struct listing *listing = request->state;
    enum err err;
    bool more;

    /* One more than asked for tells whether there is a next page. */
    err = store_rooms_list(db, listing->after, listing->limit + 1, on_room, listing);
    if (err == ERR_NONE) {
        more = listing->count > listing->limit;
        listing->count = MIN(listing->count, (size_t)listing->limit);
        strbuf_add_char(&request->out, '[');
        if (listing->count > 0)
            err = store_rooms_members_of_page(db, listing->rooms[0].id,
                                              listing->rooms[listing->count - 1].id,
                                              ROOM_EMBED_USERS_MAX, on_listed_member, listing);
        while (listing->at < listing->count)
            open_room(listing);
        close_room(listing);
        strbuf_add_char(&request->out, ']');
        if (more)
            request->link = mem_printf("</api/chat/rooms?limit=%llu&after=%llu>; rel=\"next\"",
                                       (unsigned long long)listing->limit,
                                       (unsigned long long)listing->rooms[listing->count - 1].id);
    }
    strbuf_fini(&listing->heads);
    return err;
}

static void on_embedded_member(void *context, uint64_t room_id ATTR_UNUSED, uint64_t user_id,
                               struct span name)
{
    struct request *request = context;
    bool first = request->out.data[request->out.len - 1] == '[';

    add_user(&request->out, first, user_id, name);
}

enum err get_room_query(struct request *request, struct db *db)
{
    struct store_room room;
    uint64_t last_seq;
    enum err err = store_room_find(db, request->room_id, &room);

    if (err != ERR_NONE)
        return err;
    begin_room(&request->out, &room);
    err = store_room_members(db, request->room_id, 0, ROOM_EMBED_USERS_MAX, on_embedded_member,
                             request, &last_seq);
    strbuf_add_str(&request->out, "]}");
    return err;
}

/* ---- the users of a room, with who is online ---- */

struct roster {
    uint64_t limit;
    uint64_t after;
    size_t count;
    struct {
        uint64_t id;
        char name[USERNAME_BYTES_MAX];
        uint16_t name_len;
    } users[PAGE_LIMIT_MAX + 1];
};

enum err room_users_prepare(struct request *request)
{
    struct roster *roster = mem_alloc(sizeof(*roster));

    request->state = roster;
    return request_page(request, &roster->limit, &roster->after);
}

static void on_roster_member(void *context, uint64_t room_id ATTR_UNUSED, uint64_t user_id,
                             struct span name)
{
    struct roster *roster = context;
    size_t len = MIN(name.len, (size_t)USERNAME_BYTES_MAX);

    roster->users[roster->count].id = user_id;
    memcpy(roster->users[roster->count].name, name.data, len);
    roster->users[roster->count++].name_len = (uint16_t)len;
}

enum err room_users_query(struct request *request, struct db *db)
{
    struct roster *roster = request->state;
    uint64_t last_seq = 0;
    enum err err = store_room_members(db, request->room_id, roster->after, roster->limit,
                                      on_roster_member, roster, &last_seq);

    if (err == ERR_NONE && roster->count == roster->limit)
        request->link = mem_printf("</api/chat/rooms/%llu/users?limit=%llu&after=%llu>; "
                                   "rel=\"next\"",
                                   (unsigned long long)request->room_id,
                                   (unsigned long long)roster->limit, (unsigned long long)last_seq);
    return err;
}

static void on_presence(void *context, enum err err, const struct bus_presence_list *list)
{
    struct request *request = context;
    struct roster *roster = request->state;
    struct map *online;

    if (err != ERR_NONE) {
        request_reply_error(request, err);
        return;
    }
    online = map_create_u64();
    for (uint32_t i = 0; i < list->count; i++)
        map_put_u64(online, bus_presence_user(list->users, i), request);
    strbuf_add_str(&request->out, "{\"users\":[");
    for (size_t i = 0; i < roster->count; i++) {
        struct span name = {(const uint8_t *)roster->users[i].name, roster->users[i].name_len};

        add_user(&request->out, i == 0, roster->users[i].id, name);
        request->out.len--; /* the "}": one member more */
        strbuf_add_str(&request->out, map_find_u64(online, roster->users[i].id) != NULL
                                          ? ",\"is_online\":true}"
                                          : ",\"is_online\":false}");
    }
    strbuf_add_str(&request->out, "]}");
    map_destroy(&online);
    request_reply_success(request, "Room users retrieved successfully");
}

void room_users_finish(struct request *request)
{
    struct roster *roster = request->state;
    struct strbuf users = STRBUF_EMPTY;

    for (size_t i = 0; i < roster->count; i++)
        bus_presence_add_user(&users, roster->users[i].id);
    bus_link_query_presence(request->services->link, request->room_id, &users, on_presence,
                            request);
    strbuf_fini(&users);
}
