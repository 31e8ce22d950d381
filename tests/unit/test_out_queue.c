// needs: gateway/frame gateway/ws_deflate gateway/ws_frame common/strbuf common/mem common/check
/* out_queue: what is handed out is what was put in, in order, whatever the kernel takes at a time.
 */
#include "gateway/out_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#define BYTES_MAX (64 * 1024)

static struct frame *numbered(unsigned number)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "<%u>", number);

    return frame_create_raw(text, (size_t)len);
}

static void push(struct out_queue *queue, unsigned number)
{
    struct frame *frame = numbered(number);

    out_queue_push(queue, frame);
    frame_unref(frame);
}

static void test_empty(void **unused)
{
    struct out_queue queue;
    struct iovec piece;

    (void)unused;
    out_queue_init(&queue);
    assert_int_equal(out_queue_pieces(&queue, &piece, 1), 0);
    out_queue_sent(&queue, 0);
    out_queue_clear(&queue);
    assert_int_equal(queue.bytes, 0);
}

static void test_clear_gives_references_back(void **unused)
{
    struct out_queue queue;
    struct frame *frame = numbered(1);

    (void)unused;
    out_queue_init(&queue);
    for (int i = 0; i < 100; i++)
        out_queue_push(&queue, frame);
    assert_int_equal(frame->refs, 101);
    assert_int_equal(queue.bytes, 300);
    out_queue_sent(&queue, 4);
    assert_int_equal(queue.popped, 1);
    out_queue_clear(&queue);
    assert_int_equal(frame->refs, 1);
    assert_int_equal(queue.count, 0);
    assert_int_equal(queue.bytes, 0);
    frame_unref(frame);
}

static void test_replace(void **unused)
{
    struct out_queue queue;
    struct frame *longer = numbered(12345);
    struct iovec pieces[3];

    (void)unused;
    out_queue_init(&queue);
    push(&queue, 1);
    push(&queue, 2);
    out_queue_sent(&queue, 1);
    out_queue_replace(&queue, 1, longer);
    frame_unref(longer);
    assert_int_equal(queue.bytes, 3 + 7);
    assert_int_equal(out_queue_pieces(&queue, pieces, 3), 2);
    assert_int_equal(pieces[0].iov_len, 2);
    assert_memory_equal(pieces[1].iov_base, "<12345>", 7);
    out_queue_clear(&queue);
}

/* Random pushes and random amounts sent: the stream is that of the numbers. */
static void test_any_amounts(void **unused)
{
    static char wanted[BYTES_MAX], got[BYTES_MAX];
    struct out_queue queue;
    size_t wanted_len = 0;
    size_t got_len = 0;
    unsigned seed = 7;

    (void)unused;
    out_queue_init(&queue);
    for (unsigned number = 0; wanted_len < BYTES_MAX - 1024;) {
        struct iovec pieces[8];
        size_t count;
        size_t offered = 0;
        size_t sent;

        for (int i = rand_r(&seed) % 20; i > 0; i--) {
            push(&queue, number);
            wanted_len += (size_t)snprintf(wanted + wanted_len, 32, "<%u>", number++);
        }
        count = out_queue_pieces(&queue, pieces, 1 + (size_t)rand_r(&seed) % 8);
        for (size_t i = 0; i < count; i++)
            offered += pieces[i].iov_len;
        sent = offered > 0 ? (size_t)rand_r(&seed) % (offered + 1) : 0;
        for (size_t i = 0, left = sent; left > 0; i++) {
            size_t part = MIN(left, pieces[i].iov_len);

            memcpy(got + got_len, pieces[i].iov_base, part);
            got_len += part;
            left -= part;
        }
        out_queue_sent(&queue, sent);
        assert_int_equal(queue.bytes - queue.sent, wanted_len - got_len);
    }
    assert_memory_equal(got, wanted, got_len);
    assert_true(got_len > BYTES_MAX / 16);
    out_queue_clear(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_clear_gives_references_back),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_any_amounts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
