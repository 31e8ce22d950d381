#include "ctl/top_rooms.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/store_admin.h"
#include "ctl/table.h"

#include <stdlib.h>

#define PAGE_ROOMS 5000
/* The part of the time that reading may take: one in so many. */
#define PAUSE_TIMES 10

struct head {
    uint64_t room_id;
    uint64_t head;
    uint64_t grown;
};

/* By room id, as they are read. */
struct heads {
    struct head *items;
    size_t count;
    size_t capacity;
    uint64_t taken_us;
};

struct top_rooms {
    struct db *db;
    struct heads now;
    struct heads before;
    uint64_t next_us;
    double seconds; /* between the two; 0: there are no two yet */
};

struct top_rooms *top_rooms_create(struct db *db)
{
    struct top_rooms *rooms = mem_alloc(sizeof(*rooms));

    rooms->db = db;
    return rooms;
}

void top_rooms_destroy(struct top_rooms **rooms)
{
    if (*rooms == NULL)
        return;
    mem_free((*rooms)->now.items);
    mem_free((*rooms)->before.items);
    mem_free(*rooms);
    *rooms = NULL;
}

static void add_head(void *context, uint64_t room_id, uint64_t head)
{
    struct heads *heads = context;

    if (heads->count == heads->capacity) {
        heads->capacity = MAX(2 * heads->capacity, (size_t)256);
        heads->items = mem_realloc(heads->items, heads->capacity * sizeof(*heads->items));
    }
    heads->items[heads->count++] = (struct head){room_id, head, 0};
}

static bool read_heads(struct top_rooms *rooms, struct heads *heads)
{
    uint64_t after = 0;
    size_t before;

    heads->count = 0;
    heads->taken_us = clock_mono_us();
    do {
        before = heads->count;
        if (store_admin_heads(rooms->db, after, PAGE_ROOMS, add_head, heads) != ERR_NONE)
            return false;
        if (heads->count > 0)
            after = heads->items[heads->count - 1].room_id;
    } while (heads->count - before == PAGE_ROOMS);
    return true;
}

/* A room that was not there before has grown by all that it has. */
static void compare(struct heads *now, const struct heads *before)
{
    size_t old = 0;

    for (size_t i = 0; i < now->count; i++) {
        struct head *head = &now->items[i];

        while (old < before->count && before->items[old].room_id < head->room_id)
            old++;
        head->grown = head->head;
        if (old < before->count && before->items[old].room_id == head->room_id)
            head->grown = head->head - MIN(before->items[old].head, head->head);
    }
}

void top_rooms_refresh(struct top_rooms *rooms)
{
    uint64_t begin = clock_mono_us();
    struct heads old = rooms->before;

    if (begin < rooms->next_us)
        return;
    rooms->before = rooms->now;
    rooms->now = old;
    if (!read_heads(rooms, &rooms->now)) {
        rooms->now.count = 0;
        rooms->now.taken_us = 0;
    }
    rooms->seconds = 0;
    if (rooms->before.taken_us != 0 && rooms->now.taken_us != 0) {
        compare(&rooms->now, &rooms->before);
        rooms->seconds = (double)(rooms->now.taken_us - rooms->before.taken_us) / 1e6;
    }
    rooms->next_us = clock_mono_us() + (clock_mono_us() - begin) * PAUSE_TIMES;
}

static int by_growth(const void *a, const void *b)
{
    const struct head *one = a;
    const struct head *two = b;

    return (one->grown < two->grown) - (one->grown > two->grown);
}

void top_rooms_write(const struct top_rooms *rooms, size_t limit, bool json, struct strbuf *out)
{
    static const struct table_column columns[] = {
        {"ROOM", "room_id"}, {"HEAD", "head"}, {"EVENTS/s", "events_s"}};
    struct table *table;
    struct head *busy;

    if (rooms->seconds <= 0 || rooms->now.count == 0)
        return;
    busy = mem_dup(rooms->now.items, rooms->now.count * sizeof(*busy));
    qsort(busy, rooms->now.count, sizeof(*busy), by_growth);
    table = table_create(columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < MIN(limit, rooms->now.count) && busy[i].grown > 0; i++) {
        table_number(table, busy[i].room_id);
        table_number(table, busy[i].head);
        table_rate(table, (double)busy[i].grown / rooms->seconds);
    }
    if (table_rows(table) > 0)
        (json ? table_write_json : table_write_text)(table, out);
    table_destroy(&table);
    mem_free(busy);
}
