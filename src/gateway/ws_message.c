#include "gateway/ws_message.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "gateway/ws_deflate.h"

#include <string.h>

/* The first piece of heap for a message that is longer than what has come of it. */
#define PIECE_MIN 256

/* A frame or message that has begun and not ended. */
struct ws_partial {
    /* The frame: first its header's bytes are collected, then its payload counted. */
    struct ws_frame_header frame;
    uint8_t header[WS_CLIENT_HEADER_MAX];
    uint8_t header_len;
    bool in_payload;
    uint64_t payload_len; /* received of the current frame's payload */
    uint8_t control[WS_CONTROL_PAYLOAD_MAX];
    /* The message, of which control frames are no part. */
    uint8_t message_opcode; /* text or binary; WS_OP_CONTINUATION while there is none */
    bool compressed;
    struct utf8_state utf8;
    uint32_t fragments;
    uint8_t *data;
    size_t len;
    size_t capacity;
};

/* Bytes that a pause left over. */
struct ws_rest {
    size_t at;
    size_t len;
    uint8_t bytes[];
};

/* One feed, passed down by reference. */
struct feed {
    struct ws_message *message;
    const struct ws_message_sink *sink;
    void *context;
    struct ws_violation *violation;
    uint8_t *data;
    size_t len;
    size_t at;
};

void ws_message_init(struct ws_message *message)
{
    memset(message, 0, sizeof(*message));
}

static void drop_partial(struct ws_message *message)
{
    if (message->partial == NULL)
        return;
    mem_free(message->partial->data);
    mem_free(message->partial);
    message->partial = NULL;
}

void ws_message_fini(struct ws_message *message)
{
    drop_partial(message);
    mem_free(message->rest);
    message->rest = NULL;
}

size_t ws_message_waiting(const struct ws_message *message)
{
    return message->rest != NULL ? message->rest->len - message->rest->at : 0;
}

size_t ws_message_unfinished(const struct ws_message *message)
{
    return message->partial != NULL ? sizeof(*message->partial) + message->partial->capacity : 0;
}

static enum ws_feed fail(struct feed *feed, uint16_t code, const char *reason)
{
    feed->violation->code = code;
    feed->violation->reason = reason;
    feed->message->closed = true;
    drop_partial(feed->message);
    return WS_FEED_FAILED;
}

/*
 * Hands out. Nothing that the bytes belong to hangs on the struct ws_message by now, because the
 * callback may end it.
 */
static enum ws_feed deliver(const struct feed *feed, uint8_t opcode, uint8_t *data, size_t len)
{
    switch (feed->sink->on_message(feed->context, (enum ws_opcode)opcode, data, len)) {
    case WS_VERDICT_CONTINUE:
        return WS_FEED_OK;
    case WS_VERDICT_PAUSE:
        return WS_FEED_PAUSED;
    case WS_VERDICT_STOP:
        return WS_FEED_STOPPED;
    }
    UNREACHABLE();
}

/* RFC 6455, 5.5.1 and 7.4: the payload is empty, or a code and a reason in UTF-8. */
static enum ws_feed deliver_control(struct feed *feed, uint8_t opcode, uint8_t *data, size_t len)
{
    if (opcode == WS_OP_CLOSE) {
        if (len == 1)
            return fail(feed, WS_CLOSE_PROTOCOL_ERROR, "Close frame of one byte");
        if (len >= 2 && !ws_close_code_valid(ws_close_code_read(data, len)))
            return fail(feed, WS_CLOSE_PROTOCOL_ERROR, "Invalid close code");
        if (len > 2 && !utf8_valid(data + 2, len - 2))
            return fail(feed, WS_CLOSE_BAD_DATA, "Close reason is not UTF-8");
        /* 5.5.1: after it the peer sends nothing; whatever it was in the middle of is void. */
        feed->message->closed = true;
        drop_partial(feed->message);
    }
    return deliver(feed, opcode, data, len);
}

/* Hands out a message that came compressed: only now is it known what it says. */
static enum ws_feed deliver_compressed(struct feed *feed, uint8_t opcode, const uint8_t *data,
                                       size_t len)
{
    uint8_t *inflated;
    size_t inflated_len;

    switch (ws_deflate_inflate(feed->sink->deflate, data, len, feed->sink->message_max, &inflated,
                               &inflated_len)) {
    case WS_INFLATED_WHOLE:
        break;
    case WS_INFLATED_TOO_BIG:
        return fail(feed, WS_CLOSE_TOO_BIG, "Message too big");
    case WS_INFLATED_BROKEN:
        return fail(feed, WS_CLOSE_BAD_DATA, "Message cannot be inflated");
    }
    if (opcode == WS_OP_TEXT && !utf8_valid(inflated, inflated_len))
        return fail(feed, WS_CLOSE_BAD_DATA, "Text is not UTF-8");
    return deliver(feed, opcode, inflated, inflated_len);
}

static struct ws_frame_limits limits_of(const struct feed *feed)
{
    return (struct ws_frame_limits){feed->sink->message_max, feed->message->deflate};
}

/* What a single frame's header cannot know: its place in the message (5.4), and the sums. */
static enum ws_feed admit_frame(struct feed *feed, const struct ws_frame_header *frame)
{
    const struct ws_partial *partial = feed->message->partial;
    bool in_message = partial != NULL && partial->message_opcode != WS_OP_CONTINUATION;

    if (ws_opcode_is_control(frame->opcode))
        return WS_FEED_OK;
    if (frame->opcode == WS_OP_CONTINUATION && !in_message)
        return fail(feed, WS_CLOSE_PROTOCOL_ERROR, "Continuation of nothing");
    if (frame->opcode != WS_OP_CONTINUATION && in_message)
        return fail(feed, WS_CLOSE_PROTOCOL_ERROR, "New message inside a message");
    if ((in_message ? partial->fragments : 0) >= feed->sink->fragments_max)
        return fail(feed, WS_CLOSE_POLICY, "Too many fragments");
    /* Cannot wrap: either is at most message_max. */
    if ((in_message ? partial->len : 0) + frame->len > feed->sink->message_max)
        return fail(feed, WS_CLOSE_TOO_BIG, "Message too big");
    return WS_FEED_OK;
}

/*
 * The common case: nothing pending, and a whole frame that needs no successor lies in the buffer.
 * Returns false, with nothing consumed, when it is another case.
 */
static bool take_in_place(struct feed *feed, enum ws_feed *result)
{
    struct ws_frame_header frame;
    uint8_t *data = feed->data + feed->at;
    size_t len = feed->len - feed->at;

    if (feed->message->partial != NULL)
        return false;
    switch (ws_frame_header_read(data, len, limits_of(feed), &frame, feed->violation)) {
    case WS_FRAME_INCOMPLETE:
        return false;
    case WS_FRAME_REFUSED:
        *result = fail(feed, feed->violation->code, feed->violation->reason);
        return true;
    case WS_FRAME_READY:
        break;
    }
    if (!frame.fin || frame.len > len - frame.size)
        return false;
    *result = admit_frame(feed, &frame);
    if (*result != WS_FEED_OK)
        return true;
    data += frame.size;
    len = (size_t)frame.len;
    ws_frame_unmask(data, len, frame.mask, 0);
    feed->at += frame.size + len;
    if (ws_opcode_is_control(frame.opcode))
        *result = deliver_control(feed, frame.opcode, data, len);
    else if (frame.compressed)
        *result = deliver_compressed(feed, frame.opcode, data, len);
    else if (frame.opcode == WS_OP_TEXT && !utf8_valid(data, len))
        *result = fail(feed, WS_CLOSE_BAD_DATA, "Text is not UTF-8");
    else
        *result = deliver(feed, frame.opcode, data, len);
    return true;
}

/* Collects header bytes until they make a header that is admitted. */
static enum ws_feed take_header(struct feed *feed)
{
    struct ws_partial *partial = feed->message->partial;
    size_t had = partial->header_len;
    size_t take = MIN(sizeof(partial->header) - had, feed->len - feed->at);
    enum ws_feed result;

    /* Perhaps more than the header: what follows it is left in the buffer below. */
    memcpy(partial->header + had, feed->data + feed->at, take);
    switch (ws_frame_header_read(partial->header, had + take, limits_of(feed), &partial->frame,
                                 feed->violation)) {
    case WS_FRAME_INCOMPLETE:
        partial->header_len = (uint8_t)(had + take);
        feed->at += take;
        return WS_FEED_OK;
    case WS_FRAME_REFUSED:
        return fail(feed, feed->violation->code, feed->violation->reason);
    case WS_FRAME_READY:
        break;
    }
    feed->at += partial->frame.size - had;
    result = admit_frame(feed, &partial->frame);
    if (result != WS_FEED_OK)
        return result;
    partial->in_payload = true;
    partial->payload_len = 0;
    partial->header_len = 0;
    if (!ws_opcode_is_control(partial->frame.opcode)) {
        if (partial->frame.opcode != WS_OP_CONTINUATION) {
            partial->message_opcode = partial->frame.opcode;
            partial->compressed = partial->frame.compressed;
        }
        partial->fragments++;
    }
    return WS_FEED_OK;
}

/*
 * Where the next take bytes of the message go. Grows by doubling, but never beyond what the frame
 * announces: so a length alone takes no memory, and a message takes no more than itself.
 */
static uint8_t *message_reserve(struct ws_partial *partial, size_t take)
{
    size_t needed = partial->len + take;

    if (needed > partial->capacity) {
        size_t announced = partial->len + (size_t)(partial->frame.len - partial->payload_len);
        size_t grown = MAX(MAX(needed, partial->capacity * 2), (size_t)PIECE_MIN);

        if (partial->frame.fin)
            grown = MIN(grown, announced);
        partial->data = mem_realloc(partial->data, grown);
        partial->capacity = grown;
    }
    return partial->data + partial->len;
}

/* Copies what the buffer has of the current frame's payload, unmasked and, if text, validated. */
static enum ws_feed take_payload(struct feed *feed)
{
    struct ws_partial *partial = feed->message->partial;
    const struct ws_frame_header *frame = &partial->frame;
    size_t take = (size_t)MIN(frame->len - partial->payload_len, (uint64_t)(feed->len - feed->at));
    bool control = ws_opcode_is_control(frame->opcode);
    uint8_t *to;

    if (take == 0)
        return WS_FEED_OK;
    to = control ? partial->control + partial->payload_len : message_reserve(partial, take);
    memcpy(to, feed->data + feed->at, take);
    ws_frame_unmask(to, take, frame->mask, (size_t)partial->payload_len);
    feed->at += take;
    partial->payload_len += take;
    if (control)
        return WS_FEED_OK;
    partial->len += take;
    if (partial->message_opcode == WS_OP_TEXT && !partial->compressed &&
        !utf8_feed(&partial->utf8, to, take))
        return fail(feed, WS_CLOSE_BAD_DATA, "Text is not UTF-8");
    return WS_FEED_OK;
}

static enum ws_feed finish_control(struct feed *feed)
{
    struct ws_partial *partial = feed->message->partial;
    uint8_t payload[WS_CONTROL_PAYLOAD_MAX];
    uint8_t opcode = partial->frame.opcode;
    size_t len = (size_t)partial->payload_len;

    memcpy(payload, partial->control, len);
    if (partial->message_opcode == WS_OP_CONTINUATION)
        drop_partial(feed->message);
    return deliver_control(feed, opcode, payload, len);
}

static enum ws_feed finish_message(struct feed *feed)
{
    struct ws_partial *partial = feed->message->partial;
    uint8_t opcode = partial->message_opcode;
    uint8_t *data = partial->data;
    size_t len = partial->len;
    bool compressed = partial->compressed;
    uint8_t nothing = 0;
    uint8_t *payload = data != NULL ? data : &nothing;
    enum ws_feed result;

    if (opcode == WS_OP_TEXT && !compressed && !utf8_complete(&partial->utf8))
        return fail(feed, WS_CLOSE_BAD_DATA, "Text is not UTF-8");
    partial->data = NULL;
    drop_partial(feed->message);
    result = compressed ? deliver_compressed(feed, opcode, payload, len)
                        : deliver(feed, opcode, payload, len);
    mem_free(data);
    return result;
}

/* One step of the general case: a header, or as much of a payload as there is. */
static enum ws_feed take_piece(struct feed *feed)
{
    struct ws_partial *partial = feed->message->partial;
    enum ws_feed result;

    if (partial == NULL)
        partial = feed->message->partial = mem_alloc(sizeof(*partial));
    result = partial->in_payload ? WS_FEED_OK : take_header(feed);
    if (result != WS_FEED_OK || !partial->in_payload)
        return result;
    result = take_payload(feed);
    if (result != WS_FEED_OK || partial->payload_len < partial->frame.len)
        return result;
    partial->in_payload = false;
    if (ws_opcode_is_control(partial->frame.opcode))
        return finish_control(feed);
    return partial->frame.fin ? finish_message(feed) : WS_FEED_OK;
}

static enum ws_feed consume(struct feed *feed)
{
    enum ws_feed result = WS_FEED_OK;

    while (result == WS_FEED_OK && feed->at < feed->len && !feed->message->closed)
        if (!take_in_place(feed, &result))
            result = take_piece(feed);
    return result;
}

enum ws_feed ws_message_feed(struct ws_message *message, uint8_t *data, size_t len,
                             const struct ws_message_sink *sink, void *context,
                             struct ws_violation *violation)
{
    struct feed feed = {message, sink, context, violation, data, len, 0};
    struct ws_rest *rest = message->rest;
    enum ws_feed result;

    if (rest != NULL) {
        CHECK(len == 0);
        feed.data = rest->bytes;
        feed.len = rest->len;
        feed.at = rest->at;
        message->rest = NULL;
    }
    result = consume(&feed);
    if (result == WS_FEED_PAUSED && feed.at < feed.len && !message->closed) {
        if (rest == NULL) {
            rest = mem_alloc(sizeof(*rest) + feed.len - feed.at);
            rest->len = feed.len - feed.at;
            memcpy(rest->bytes, feed.data + feed.at, rest->len);
        } else {
            rest->at = feed.at;
        }
        message->rest = rest;
        return result;
    }
    mem_free(rest);
    return result;
}

void ws_message_hold(struct ws_message *message, const void *data, size_t len)
{
    CHECK(message->rest == NULL && message->partial == NULL);
    message->rest = mem_alloc(sizeof(*message->rest) + len);
    message->rest->len = len;
    memcpy(message->rest->bytes, data, len);
}
