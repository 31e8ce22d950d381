/*
 * The original's rooms. Each is written as a log: it is made, its members join, then the messages
 * in the order of their time. Rooms, members and messages all come in the order of the rooms' ids,
 * so one walk over each is enough.
 */
#include "common/clock.h"
#include "common/digest.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "ctl/import_room.h"
#include "ctl/original.h"

#include <stdio.h>
#include <string.h>

#define PROGRESS_MESSAGES 500

struct original_room {
    uint64_t id;
    uint64_t creator_id;
    uint64_t created_at_us;
    struct span name; /* owned */
};

struct rooms {
    struct original_room *list;
    size_t count;
    uint64_t top_id; /* no room here or there has an id above it */
    /* The streams' next rows. */
    bool member_left;
    bool message_left;
    /* Of the room that is being written. */
    uint64_t *members; /* our ids; the creator first */
    size_t member_count;
    size_t member_capacity;
    uint64_t seq;
    uint64_t last_us;
    struct import_room *room;
};

static void make_key(const struct original *original, const char *what, uint64_t id, uint64_t part,
                     uint8_t key[DEDUPE_KEY_BYTES])
{
    uint8_t hash[DIGEST_SHA256_SIZE];
    struct strbuf text = STRBUF_EMPTY;

    strbuf_printf(&text, "%s/%s/%llu/%llu", original->source, what, (unsigned long long)id,
                  (unsigned long long)part);
    digest_sha256(text.data, text.len, hash);
    strbuf_fini(&text);
    memcpy(key, hash, DEDUPE_KEY_BYTES);
}

/* ---- reading ----------------------------------------------------------------------------------*/

static size_t chars_prefix(struct span text, size_t chars)
{
    size_t at = 0;

    while (at < text.len && chars > 0) {
        at++;
        while (at < text.len && (text.data[at] & 0xc0) == 0x80)
            at++;
        chars--;
    }
    return at;
}

static struct span room_name(struct original *original, uint64_t id, struct span name)
{
    size_t len = chars_prefix(name, ROOM_NAME_CHARS_MAX);
    char *copy = len > 0 ? mem_strndup((const char *)name.data, len)
                         : mem_printf("room %llu", (unsigned long long)id);

    if (len == 0 || len < name.len)
        original_tell(original, "room", id, "renamed", copy);
    return (struct span){(const uint8_t *)copy, strlen(copy)};
}

static enum err load_rooms(struct original *original, struct rooms *rooms)
{
    size_t capacity = 0;
    enum err err = db_stream(original->users, original->rooms_sql, NULL, 0);

    while (err == ERR_NONE && db_next(original->users)) {
        if (rooms->count == capacity) {
            capacity = MAX((size_t)256, 2 * capacity);
            rooms->list = mem_realloc(rooms->list, capacity * sizeof(*rooms->list));
        }
        rooms->list[rooms->count++] = (struct original_room){
            .id = db_col_u64(original->users, 0),
            .name = room_name(original, db_col_u64(original->users, 0),
                              db_col_bytes(original->users, 1)),
            .creator_id = db_col_u64(original->users, 2),
            .created_at_us = db_col_u64(original->users, 3),
        };
    }
    if (err == ERR_NONE)
        err = db_stream_err(original->users);
    if (err == ERR_NONE)
        err = db_run(original->db, "SELECT MAX(id) FROM rooms", NULL, 0);
    if (err == ERR_NONE && db_next(original->db))
        rooms->top_id = db_col_u64(original->db, 0);
    for (size_t i = 0; i < rooms->count; i++)
        if (rooms->list[i].id <= JSON_INTEGER_MAX / 2)
            rooms->top_id = MAX(rooms->top_id, rooms->list[i].id);
    return err;
}

/* To the first message of a room with at least this id. */
static void skip_messages(struct original *original, struct rooms *rooms, uint64_t room_id)
{
    while (rooms->message_left && db_col_u64(original->messages, 0) < room_id) {
        original->counts.messages_skipped++;
        rooms->message_left = db_next(original->messages);
    }
}

static void add_member(struct rooms *rooms, uint64_t user_id)
{
    for (size_t i = 0; i < rooms->member_count; i++)
        if (rooms->members[i] == user_id)
            return;
    if (rooms->member_count == rooms->member_capacity) {
        rooms->member_capacity = MAX((size_t)64, 2 * rooms->member_capacity);
        rooms->members =
            mem_realloc(rooms->members, rooms->member_capacity * sizeof(*rooms->members));
    }
    rooms->members[rooms->member_count++] = user_id;
}

/* The creator first, who is a member whatever the table says; then the others as they joined. */
static void read_members(struct original *original, struct rooms *rooms,
                         const struct original_room *from)
{
    struct db *db = original->members;
    uint64_t creator = original_user(original, from->creator_id);

    rooms->member_count = 0;
    if (creator != 0)
        add_member(rooms, creator);
    for (; rooms->member_left && db_col_u64(db, 0) <= from->id; rooms->member_left = db_next(db)) {
        uint64_t user = original_user(original, db_col_u64(db, 1));

        if (db_col_u64(db, 0) == from->id && user != 0)
            add_member(rooms, user);
        else
            original->counts.members_skipped++;
    }
}

/* ---- writing ----------------------------------------------------------------------------------*/

static enum err add_event(struct original *original, struct rooms *rooms, enum event_kind kind,
                          uint64_t actor_id, struct span body, const char *what, uint64_t id,
                          uint64_t part)
{
    struct room_file_event event = {
        .seq = ++rooms->seq, .kind = kind, .created_at_us = rooms->last_us, .body = body};

    make_key(original, what, id, part, event.key);
    return import_room_add(rooms->room, &event, actor_id);
}

static enum err write_beginning(struct original *original, struct rooms *rooms,
                                const struct original_room *from)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; i < rooms->member_count && err == ERR_NONE; i++) {
        err = add_event(original, rooms, i == 0 ? EVENT_ROOM_CREATED : EVENT_MEMBER_JOINED,
                        rooms->members[i], i == 0 ? from->name : (struct span){NULL, 0}, "member",
                        from->id, i);
        import_room_add_member(rooms->room, rooms->members[i], rooms->seq, 0);
    }
    return err;
}

/* One that is longer than ours may be becomes several. */
static enum err write_message(struct original *original, struct rooms *rooms)
{
    struct db *db = original->messages;
    struct span text = db_col_bytes(db, 3);
    uint64_t id = db_col_u64(db, 1);
    uint64_t part = 0;
    uint64_t sender;
    enum err err;

    if (text.data == NULL) {
        original->counts.messages_skipped++;
        return ERR_NONE;
    }
    err = original_sender(original, db_col_u64(db, 2), &sender);
    rooms->last_us = MAX(rooms->last_us, db_col_u64(db, 4));
    while (err == ERR_NONE) {
        size_t len = chars_prefix(text, MESSAGE_CHARS_MAX);

        err = add_event(original, rooms, EVENT_MESSAGE, sender, (struct span){text.data, len},
                        "message", id, part);
        if (len == text.len)
            break;
        text = (struct span){text.data + len, text.len - len};
        original->counts.messages_split += part++ == 0;
    }
    original->counts.messages_new++;
    return err;
}

static enum err write_messages(struct original *original, struct rooms *rooms, uint64_t room_id)
{
    enum err err = ERR_NONE;

    while (err == ERR_NONE && rooms->message_left && db_col_u64(original->messages, 0) == room_id) {
        err = write_message(original, rooms);
        if (original->counts.messages_new % PROGRESS_MESSAGES == 0)
            progress_update(&original->progress,
                            original->counts.messages_new + original->counts.messages_skipped);
        if (err == ERR_NONE)
            rooms->message_left = db_next(original->messages);
    }
    /* A stream that broke looks like the end of the room. */
    return err == ERR_NONE ? db_stream_err(original->messages) : err;
}

/* A room is as old as it says, or as its first message if that is older, or as now. */
static uint64_t time_of(struct original *original, const struct rooms *rooms,
                        const struct original_room *from)
{
    uint64_t first = rooms->message_left && db_col_u64(original->messages, 0) == from->id
                         ? db_col_u64(original->messages, 4)
                         : 0;

    if (first != 0 && (from->created_at_us == 0 || first < from->created_at_us))
        return first;
    return from->created_at_us != 0 ? from->created_at_us : clock_wall_us();
}

static enum err fill_room(struct original *original, struct rooms *rooms,
                          const struct original_room *from)
{
    enum err err = write_beginning(original, rooms, from);

    if (err == ERR_NONE)
        err = write_messages(original, rooms, from->id);
    if (err == ERR_NONE)
        err = import_room_finish(rooms->room);
    if (err == ERR_NONE) {
        original->counts.rooms_new++;
        original->counts.members_new += rooms->member_count;
    }
    return err;
}

/* What import_room_begin() found instead of nothing. */
static enum err pass_over(struct original *original, const struct original_room *from,
                          enum import_found found)
{
    if (found == IMPORT_DONE) {
        original->counts.rooms_before++;
        return ERR_NONE;
    }
    if (found == IMPORT_RUNNING)
        return ERR_DB_RETRY;
    original->counts.rooms_skipped++;
    original_tell(original, "room", from->id, "skipped",
                  "it was imported, and is being removed; run the import again in two minutes to "
                  "have it back");
    return ERR_NONE;
}

static enum err copy_room(struct original *original, struct rooms *rooms,
                          const struct original_room *from)
{
    struct import_room_spec spec = {
        .wanted_id = from->id, .second_id = rooms->top_id + 1, .name = from->name};
    enum import_found found;
    uint64_t id = 0;
    char number[32];
    enum err err;

    if (rooms->member_count == 0) {
        original->counts.rooms_skipped++;
        original_tell(original, "room", from->id, "skipped", "it has no member");
        return ERR_NONE;
    }
    rooms->seq = 0;
    rooms->last_us = spec.created_at_us = time_of(original, rooms, from);
    spec.creator_id = rooms->members[0];
    make_key(original, "room", from->id, 0, spec.key);
    err = import_room_begin(original->db, &spec, &found, &id, &rooms->room);
    if (err != ERR_NONE)
        return err;
    rooms->top_id = MAX(rooms->top_id, id);
    if (found != IMPORT_NEW)
        return pass_over(original, from, found);
    err = fill_room(original, rooms, from);
    import_room_destroy(&rooms->room);
    if (err == ERR_NONE && id != from->id) {
        original->counts.room_ids_changed++;
        snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
        original_tell(original, "room", from->id, "has another id", number);
    }
    return err;
}

/* The server must not lose patience with a stream that waits for another one. */
static enum err open_stream(struct db *db, const char *sql, bool *left)
{
    enum err err = db_run(db, "SET SESSION net_write_timeout = 86400", NULL, 0);

    if (err == ERR_NONE)
        err = db_stream(db, sql, NULL, 0);
    if (err == ERR_NONE) {
        *left = db_next(db);
        err = db_stream_err(db);
    }
    return err;
}

static enum err copy_rooms(struct original *original, struct rooms *rooms)
{
    enum err err = open_stream(original->messages, original->messages_sql, &rooms->message_left);

    if (err == ERR_NONE)
        err = open_stream(original->members, original->members_sql, &rooms->member_left);
    for (size_t i = 0; i < rooms->count && err == ERR_NONE; i++) {
        skip_messages(original, rooms, rooms->list[i].id);
        read_members(original, rooms, &rooms->list[i]);
        err = db_stream_err(original->members);
        if (err == ERR_NONE)
            err = db_stream_err(original->messages);
        if (err == ERR_NONE)
            err = copy_room(original, rooms, &rooms->list[i]);
    }
    if (err != ERR_NONE)
        return err;
    skip_messages(original, rooms, UINT64_MAX);
    return db_stream_err(original->messages);
}

/* What a real run would do about the ids. */
static enum err try_rooms(struct original *original, struct rooms *rooms)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; i < rooms->count && err == ERR_NONE; i++) {
        uint8_t key[DEDUPE_KEY_BYTES];
        bool before;

        make_key(original, "room", rooms->list[i].id, 0, key);
        err = DB_RUN(original->db, "SELECT id FROM rooms WHERE create_key = ?",
                     db_bytes(key, sizeof(key)));
        before = err == ERR_NONE && db_next(original->db);
        if (err == ERR_NONE && !before)
            err = DB_RUN(original->db, "SELECT id FROM rooms WHERE id = ?",
                         db_u64(rooms->list[i].id));
        if (err != ERR_NONE)
            break;
        original->counts.rooms_before += before;
        original->counts.rooms_new += !before;
        original->counts.room_ids_changed += !before && db_next(original->db);
    }
    return err;
}

enum err original_import_rooms(struct original *original)
{
    struct rooms rooms = {0};
    enum err err = load_rooms(original, &rooms);

    progress_start(&original->progress, "rooms", "messages", original->counts.messages,
                   original->ctl->json || original->ctl->quiet);
    if (err == ERR_NONE)
        err = original->dry_run ? try_rooms(original, &rooms) : copy_rooms(original, &rooms);
    progress_end(&original->progress);
    for (size_t i = 0; i < rooms.count; i++)
        mem_free((void *)(uintptr_t)rooms.list[i].name.data);
    mem_free(rooms.list);
    mem_free(rooms.members);
    return err;
}
