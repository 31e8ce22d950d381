#include "broker/event_rows.h"

#include "common/mem.h"

#define CAPACITY_FIRST 64

static const char insert_sql[] =
    "INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)";

void event_rows_fini(struct event_rows *rows)
{
    mem_free(rows->room_ids);
    mem_free(rows->seqs);
    mem_free(rows->kinds);
    mem_free(rows->actor_ids);
    mem_free(rows->created_at_us);
    mem_free(rows->keys);
    mem_free(rows->bodies);
    mem_free(rows->no_body);
    *rows = (struct event_rows){0};
}

void event_rows_reset(struct event_rows *rows)
{
    rows->count = 0;
}

static void grow(struct event_rows *rows)
{
    size_t capacity = rows->capacity > 0 ? 2 * rows->capacity : CAPACITY_FIRST;

    rows->room_ids = mem_realloc(rows->room_ids, capacity * sizeof(*rows->room_ids));
    rows->seqs = mem_realloc(rows->seqs, capacity * sizeof(*rows->seqs));
    rows->kinds = mem_realloc(rows->kinds, capacity * sizeof(*rows->kinds));
    rows->actor_ids = mem_realloc(rows->actor_ids, capacity * sizeof(*rows->actor_ids));
    rows->created_at_us = mem_realloc(rows->created_at_us, capacity * sizeof(*rows->created_at_us));
    rows->keys = mem_realloc(rows->keys, capacity * sizeof(*rows->keys));
    rows->bodies = mem_realloc(rows->bodies, capacity * sizeof(*rows->bodies));
    rows->no_body = mem_realloc(rows->no_body, capacity * sizeof(*rows->no_body));
    rows->capacity = capacity;
}

void event_rows_add(struct event_rows *rows, const struct command *command)
{
    for (unsigned i = 0; i < command->event_count; i++) {
        const struct command_event *event = &command->events[i];
        size_t at = rows->count;

        if (at == rows->capacity)
            grow(rows);
        rows->room_ids[at] = command->result_room_id;
        rows->seqs[at] = event->seq;
        rows->kinds[at] = (uint64_t)event->kind;
        rows->actor_ids[at] = event->actor_id;
        rows->created_at_us[at] = command->created_at_us;
        rows->keys[at] = (struct span){event->key, DEDUPE_KEY_BYTES};
        rows->bodies[at] = event->body;
        rows->no_body[at] = event->body.data == NULL;
        rows->count++;
    }
}

static struct db_value body_value(const struct event_rows *rows, size_t at)
{
    return rows->no_body[at] ? db_null() : db_bytes(rows->bodies[at].data, rows->bodies[at].len);
}

enum err event_rows_insert(const struct event_rows *rows, struct db *db)
{
    const struct db_column columns[] = {
        {.type = DB_U64, .numbers = rows->room_ids},
        {.type = DB_U64, .numbers = rows->seqs},
        {.type = DB_U64, .numbers = rows->kinds},
        {.type = DB_U64, .numbers = rows->actor_ids},
        {.type = DB_U64, .numbers = rows->created_at_us},
        {.type = DB_BYTES, .bytes = rows->keys},
        {.type = DB_BYTES, .bytes = rows->bodies, .nulls = rows->no_body},
    };

    if (rows->count > 1)
        return db_bulk(db, insert_sql, columns, ARRAY_LEN(columns), rows->count);
    return DB_RUN(db, insert_sql, db_u64(rows->room_ids[0]), db_u64(rows->seqs[0]),
                  db_u64(rows->kinds[0]), db_u64(rows->actor_ids[0]),
                  db_u64(rows->created_at_us[0]), db_bytes(rows->keys[0].data, rows->keys[0].len),
                  body_value(rows, 0));
}
