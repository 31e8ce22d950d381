#include "gateway/log_reader.h"

#include "common/event_json.h"
#include "common/mem.h"
#include "common/store_log.h"

#include <string.h>

static void on_row(void *context, const struct log_event *row)
{
    struct log_read *read = context;
    struct strbuf json = STRBUF_EMPTY;
    struct bus_event event = {.room_id = row->room_id,
                              .seq = row->seq,
                              .kind = row->kind,
                              .actor_id = row->actor_id,
                              .created_at_us = row->created_at_us};

    event_json_write(row, &json);
    event.json = (struct span){(const uint8_t *)json.data, json.len};
    read->frames[read->count++] = frame_create_event(&event);
    strbuf_fini(&json);
}

static void run_page(struct pool_job *job, struct db *db)
{
    struct log_read *read = CONTAINER_OF(job, struct log_read, job);

    read->frames = mem_alloc_array(read->limit, sizeof(struct frame *));
    read->err = store_log_after(db, read->room_id, read->after, read->limit, on_row, read);
}

void log_read_init(struct log_read *read, uint64_t room_id, uint64_t after, uint64_t limit,
                   void (*done)(struct pool_job *job))
{
    memset(read, 0, sizeof(*read));
    read->job.run = run_page;
    read->job.done = done;
    read->room_id = room_id;
    read->after = after;
    read->limit = limit;
    read->err = ERR_DATABASE_UNAVAILABLE; /* should run never be called */
}

void log_read_fini(struct log_read *read)
{
    for (size_t i = 0; i < read->count; i++)
        frame_unref(read->frames[i]);
    mem_free(read->frames);
    read->frames = NULL;
    read->count = 0;
}
