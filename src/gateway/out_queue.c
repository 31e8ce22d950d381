#include "gateway/out_queue.h"

#include "common/check.h"
#include "common/mem.h"

#include <sys/uio.h>

void out_queue_init(struct out_queue *queue)
{
    *queue = (struct out_queue){.size = OUT_QUEUE_FEW};
}

void out_queue_grow(struct out_queue *queue)
{
    struct frame **many = mem_alloc_array((size_t)queue->size * 2, sizeof(struct frame *));

    for (uint32_t i = 0; i < queue->count; i++)
        many[i] = *out_queue_slot(queue, i);
    if (queue->size > OUT_QUEUE_FEW)
        mem_free(queue->many);
    queue->many = many;
    queue->size *= 2;
    queue->first = 0;
}

void out_queue_shrink(struct out_queue *queue)
{
    CHECK(queue->count == 0);
    if (queue->size > OUT_QUEUE_FEW)
        mem_free(queue->many);
    queue->size = OUT_QUEUE_FEW;
    queue->first = 0;
}

void out_queue_clear(struct out_queue *queue)
{
    while (queue->count > 0)
        frame_unref(out_queue_pop(queue));
    out_queue_shrink(queue);
}

void out_queue_replace(struct out_queue *queue, uint32_t index, struct frame *frame)
{
    struct frame **slot = out_queue_slot(queue, index);

    CHECK(index < queue->count && (index > 0 || queue->sent == 0));
    queue->bytes = queue->bytes + frame->len - (*slot)->len;
    frame_unref(*slot);
    *slot = frame_ref(frame);
}

uint32_t out_queue_messages(struct out_queue *queue)
{
    uint32_t messages = 0;

    for (uint32_t i = 0; i < queue->count; i++)
        messages += frame_messages(*out_queue_slot(queue, i));
    return messages;
}

size_t out_queue_pieces(struct out_queue *queue, struct iovec *pieces, size_t max)
{
    uint32_t skip = queue->sent;
    size_t count = MIN((size_t)queue->count, max);

    for (uint32_t i = 0; i < count; i++) {
        struct frame *frame = *out_queue_slot(queue, i);

        pieces[i].iov_base = frame->bytes + skip;
        pieces[i].iov_len = frame->len - skip;
        skip = 0;
    }
    return count;
}
