#include "gateway/frame.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "gateway/ws_deflate.h"

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

struct frame *frame_create_run(size_t events, size_t len)
{
    struct frame *run = mem_alloc(sizeof(*run) + len);

    CHECK(len < UINT32_MAX && events <= UINT16_MAX);
    run->refs = 1;
    run->event_kind = EVENT_MESSAGE;
    run->parts = mem_alloc_array(events, sizeof(struct frame *));
    return run;
}

void frame_run_add(struct frame *run, struct frame *event)
{
    CHECK(run->refs == 1 && (run->events == 0 || event->seq == run->seq + 1));
    memcpy(run->bytes + run->len, event->bytes, event->len);
    run->len += event->len;
    run->seq = event->seq;
    run->parts[run->events++] = frame_ref(event);
}

void frame_run_end(struct frame *run)
{
    for (uint16_t i = 0; i < run->events; i++)
        frame_unref(run->parts[i]);
    mem_free(run->parts);
    run->parts = NULL;
}

/* ---- compressed forms ---- */

/* A compressed form with room for len bytes. */
static struct frame *create_form(const struct frame *frame, size_t len)
{
    struct frame *form = mem_alloc(sizeof(*form) + len);

    form->refs = 1;
    form->len = (uint32_t)len;
    form->seq = frame->seq;
    form->events = frame->events;
    form->deflated = form; /* it is that already */
    return form;
}

static struct frame *deflate_one(struct frame *frame, struct ws_deflate *deflate)
{
    size_t len = frame->len - frame->json_at;
    struct span small = ws_deflate_compress(deflate, frame->bytes + frame->json_at, len);
    enum ws_opcode opcode = ws_frame_opcode(frame->bytes);
    uint8_t head[WS_SERVER_HEADER_MAX];
    size_t head_len;
    struct frame *form;

    if (small.data == NULL)
        return frame;
    head_len = ws_frame_header_write(head, opcode, small.len);
    ws_frame_mark_compressed(head);
    form = create_form(frame, head_len + small.len);
    form->json_at = (uint8_t)head_len;
    form->window_bits = ws_deflate_window_bits(len);
    memcpy(form->bytes, head, head_len);
    memcpy(form->bytes + head_len, small.data, small.len);
    return form;
}

static struct frame *deflate_run(struct frame *run, struct ws_deflate *deflate)
{
    struct frame *form;
    size_t len = 0;
    size_t at = 0;

    for (uint16_t i = 0; i < run->events; i++)
        len += frame_deflated(run->parts[i], deflate)->len;
    if (len == run->len)
        return run; /* not one of them was worth it */
    form = create_form(run, len);
    for (uint16_t i = 0; i < run->events; i++) {
        const struct frame *part = run->parts[i]->deflated;

        memcpy(form->bytes + at, part->bytes, part->len);
        at += part->len;
        form->window_bits = MAX(form->window_bits, part->window_bits);
    }
    return form;
}

struct frame *frame_deflate(struct frame *frame, struct ws_deflate *deflate)
{
    if (frame->events > 1)
        frame->deflated = frame->parts != NULL ? deflate_run(frame, deflate) : frame;
    else if (frame->json_at > 0 && !ws_opcode_is_control((uint8_t)ws_frame_opcode(frame->bytes)))
        frame->deflated = deflate_one(frame, deflate);
    else
        frame->deflated = frame;
    if (frame->deflated != frame)
        byte_count_add(frame->counted, frame->deflated->len);
    return frame->deflated;
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
    byte_count_add(frame->counted, frame->stream->len);
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
    if (frame->deflated != NULL && frame->deflated != frame)
        frame_unref(frame->deflated);
    if (frame->parts != NULL)
        frame_run_end(frame);
    mem_free(frame);
}
