#include "gateway/frame.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/strbuf.h"

#include <string.h>

static struct frame *create(const void *head, size_t head_len, const void *payload, size_t len)
{
    struct frame *frame = mem_alloc(sizeof(*frame) + head_len + len);

    CHECK(len < UINT32_MAX - WS_SERVER_HEADER_MAX);
    frame->refs = 1;
    frame->len = (uint32_t)(head_len + len);
    frame->json_at = (uint8_t)head_len;
    if (head_len > 0)
        memcpy(frame->bytes, head, head_len);
    if (len > 0)
        memcpy(frame->bytes + head_len, payload, len);
    return frame;
}

struct frame *frame_create(enum ws_opcode opcode, const void *payload, size_t len)
{
    uint8_t head[WS_SERVER_HEADER_MAX];
    size_t head_len = ws_frame_header_write(head, opcode, len);

    return create(head, head_len, payload, len);
}

struct frame *frame_create_event(const struct bus_event *event)
{
    struct frame *frame = frame_create(WS_OP_TEXT, event->json.data, event->json.len);

    frame->seq = event->seq;
    frame->events = 1;
    frame->actor_id = event->actor_id;
    frame->event_kind = (uint8_t)event->kind;
    return frame;
}

struct frame *frame_create_close(uint16_t code, const char *reason)
{
    uint8_t bytes[WS_CONTROL_FRAME_MAX];
    size_t len = ws_frame_close_write(bytes, code, reason);

    return create(bytes, len, NULL, 0);
}

struct frame *frame_create_run(size_t len)
{
    struct frame *run = mem_alloc(sizeof(*run) + len);

    CHECK(len < UINT32_MAX);
    run->refs = 1;
    run->event_kind = EVENT_MESSAGE;
    return run;
}

void frame_run_add(struct frame *run, const struct frame *event)
{
    CHECK(run->refs == 1 && (run->events == 0 || event->seq == run->seq + 1));
    memcpy(run->bytes + run->len, event->bytes, event->len);
    run->len += event->len;
    run->seq = event->seq;
    run->events++;
}

struct frame *frame_create_raw(const void *bytes, size_t len)
{
    return create(NULL, 0, bytes, len);
}

struct frame *frame_stream(struct frame *frame)
{
    struct strbuf text = STRBUF_EMPTY;

    CHECK(frame->events <= 1);
    if (frame->stream != NULL)
        return frame->stream;
    if (frame->seq != 0)
        strbuf_printf(&text, "id: %llu\n", (unsigned long long)frame->seq);
    strbuf_add_str(&text, "data: ");
    strbuf_add(&text, frame->bytes + frame->json_at, frame->len - frame->json_at);
    strbuf_add_str(&text, "\n\n");
    frame->stream = frame_create_raw(text.data, text.len);
    frame->stream->seq = frame->seq;
    strbuf_fini(&text);
    return frame->stream;
}

void frame_unref(struct frame *frame)
{
    CHECK(frame->refs > 0);
    if (--frame->refs > 0)
        return;
    if (frame->stream != NULL)
        frame_unref(frame->stream);
    mem_free(frame);
}
