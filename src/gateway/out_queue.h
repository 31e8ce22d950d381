/*
 * out_queue.h: the frames that wait to be sent on one socket, by reference, and how far the first
 * one is.
 *
 * Pure. What a turn brings as a rule fits without an allocation, and an empty queue owns nothing.
 */
#ifndef BANTER_GATEWAY_OUT_QUEUE_H
#define BANTER_GATEWAY_OUT_QUEUE_H

#include "common/base.h"
#include "gateway/frame.h"

struct iovec;

#define OUT_QUEUE_FEW 2 /* a power of two */

/* Embedded in a connection. The first three are for reading, the rest are out_queue.c's own. */
struct out_queue {
    uint32_t count;  /* frames */
    uint32_t bytes;  /* of them, with what was sent of the first */
    uint32_t popped; /* frames that have left it, ever (wraps): numbers its places */
    uint32_t sent;   /* bytes of the first frame that are with the kernel */
    uint32_t first;
    uint32_t size; /* a power of two */
    union {
        struct frame *few[OUT_QUEUE_FEW]; /* while size is OUT_QUEUE_FEW */
        struct frame **many;              /* a circular array, too */
    };
};

void out_queue_init(struct out_queue *queue);
/* Gives all references back. */
void out_queue_clear(struct out_queue *queue);
/* Another frame in the place of one that was not begun to be sent. Takes a reference. */
void out_queue_replace(struct out_queue *queue, uint32_t index, struct frame *frame);
/* What is to be sent next, in at most max pieces; how many there are. Borrowed. */
size_t out_queue_pieces(struct out_queue *queue, struct iovec *pieces, size_t max);
/* How many messages wait in it; who counts them calls it at the end only: it looks at each. */
uint32_t out_queue_messages(struct out_queue *queue);
/* Twice the room; for out_queue_push(). */
void out_queue_grow(struct out_queue *queue);
/* Frees what an empty queue does not need; for out_queue_sent(). */
void out_queue_shrink(struct out_queue *queue);

/* What follows is part of every delivery. */

static inline struct frame **out_queue_slot(struct out_queue *queue, uint32_t index)
{
    struct frame **frames = queue->size == OUT_QUEUE_FEW ? queue->few : queue->many;

    return &frames[(queue->first + index) & (queue->size - 1)];
}

/* Takes a reference. */
static inline void out_queue_push(struct out_queue *queue, struct frame *frame)
{
    if (queue->count == queue->size)
        out_queue_grow(queue);
    *out_queue_slot(queue, queue->count) = frame_ref(frame);
    queue->count++;
    queue->bytes += frame->len;
}

/* The frame at the front leaves; its reference becomes the caller's. */
static inline struct frame *out_queue_pop(struct out_queue *queue)
{
    struct frame *frame = *out_queue_slot(queue, 0);

    queue->bytes -= frame->len;
    queue->first = (queue->first + 1) & (queue->size - 1);
    queue->count--;
    queue->popped++;
    queue->sent = 0;
    return frame;
}

/* So many bytes of what is next were sent. */
static inline void out_queue_sent(struct out_queue *queue, size_t bytes)
{
    bytes += queue->sent;
    while (queue->count > 0 && bytes >= (*out_queue_slot(queue, 0))->len) {
        struct frame *frame = out_queue_pop(queue);

        bytes -= frame->len;
        frame_unref(frame);
    }
    queue->sent = (uint32_t)bytes;
    if (queue->count == 0 && queue->size > OUT_QUEUE_FEW)
        out_queue_shrink(queue);
}

#endif
