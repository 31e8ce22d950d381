// needs: common/mem common/check
/* ws_deflate: the examples of RFC 7692, section 7.2.3; there and back; bombs and rubbish. */
#include "gateway/ws_deflate.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE_MAX 65536

static struct ws_deflate *deflate;

static int set_up(void **unused)
{
    (void)unused;
    deflate = ws_deflate_create(1);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    ws_deflate_destroy(&deflate);
    assert_null(deflate);
    ws_deflate_destroy(&deflate);
    return 0;
}

/* The bytes lie in a heap block of their length, so that ASan sees every overrun. */
static enum ws_inflated inflate_in_block(const void *data, size_t len, size_t max, uint8_t **out,
                                         size_t *out_len)
{
    uint8_t *block = mem_dup(data, len);
    enum ws_inflated result = ws_deflate_inflate(deflate, block, len, max, out, out_len);

    mem_free(block);
    return result;
}

#define B(literal) literal, sizeof(literal) - 1

static const struct {
    const char *data;
    size_t len;
    enum ws_inflated result;
    const char *text;
} examples[] = {
    /* 7.2.3.1 one block; 7.2.3.2 sharing a window is for those who keep a context */
    {B("\xf2\x48\xcd\xc9\xc9\x07\x00"), WS_INFLATED_WHOLE, "Hello"},
    /* 7.2.3.3 no compression */
    {B("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), WS_INFLATED_WHOLE, "Hello"},
    /* 7.2.3.4 BFINAL is set */
    {B("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), WS_INFLATED_WHOLE, "Hello"},
    /* 7.2.3.5 two blocks */
    {B("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), WS_INFLATED_WHOLE, "Hello"},
    /* 7.2.3.6 nothing */
    {B("\x00"), WS_INFLATED_WHOLE, ""},
    /* a last block, and another message's worth after it */
    {B("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"), WS_INFLATED_WHOLE,
     "HelloHello"},
    {B("\x03\x00\x03\x00\x03\x00\x00"), WS_INFLATED_WHOLE, ""},
    /* what ends early, or is not DEFLATE */
    {B(""), WS_INFLATED_BROKEN, NULL},
    {B("\xf2\x48\xcd\xc9"), WS_INFLATED_BROKEN, NULL},
    {B("\x00\x05\x00\xfa\xff\x48\x65"), WS_INFLATED_BROKEN, NULL},
    {B("\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00"), WS_INFLATED_BROKEN, NULL},
    {B("\x07"), WS_INFLATED_BROKEN, NULL},
    {B("\xff\xff\xff\xff"), WS_INFLATED_BROKEN, NULL},
    /* a distance beyond the beginning: 7.2.3.2's second message, which wants the first one's window
     */
    {B("\xf2\x00\x11\x00\x00"), WS_INFLATED_BROKEN, NULL},
};

static void test_examples(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        uint8_t *out;
        size_t len;

        if (inflate_in_block(examples[i].data, examples[i].len, MESSAGE_MAX, &out, &len) !=
            examples[i].result)
            fail_msg("example %zu", i);
        if (examples[i].text == NULL)
            continue;
        assert_int_equal(len, strlen(examples[i].text));
        assert_memory_equal(out, examples[i].text, len);
        assert_int_equal(inflate_in_block(examples[i].data, examples[i].len, len, &out, &len),
                         WS_INFLATED_WHOLE);
        if (len > 0)
            assert_int_equal(
                inflate_in_block(examples[i].data, examples[i].len, len - 1, &out, &len),
                WS_INFLATED_TOO_BIG);
    }
}

/* A text of words: it compresses, and no two of them are alike. */
static char *make_text(size_t len, unsigned seed)
{
    static const char *const words[] = {"hello ", "room ", "message ", "and then ", "who? ", "x"};
    char *text = mem_alloc(len + 16);

    for (size_t at = 0; at < len;)
        at +=
            (size_t)snprintf(text + at, 16, "%s", words[(size_t)rand_r(&seed) % ARRAY_LEN(words)]);
    return text;
}

static void test_there_and_back(void **unused)
{
    static const size_t lengths[] = {40, 127, 1000, 4096, 32768, 32769, 65536, 300000};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        size_t len = lengths[i];
        char *text = make_text(len, (unsigned)i);
        struct span small = ws_deflate_compress(deflate, (uint8_t *)text, len);
        uint8_t *out;
        size_t out_len;

        assert_non_null(small.data);
        assert_true(small.len < len);
        assert_int_equal(inflate_in_block(small.data, small.len, len, &out, &out_len),
                         WS_INFLATED_WHOLE);
        assert_int_equal(out_len, len);
        assert_memory_equal(out, text, len);
        mem_free(text);
    }
}

/* No context: the same message is the same bytes, whatever came before it. */
static void test_no_context(void **unused)
{
    char *text = make_text(1000, 7);
    char *other = make_text(9000, 8);
    struct span small = ws_deflate_compress(deflate, (uint8_t *)text, 1000);
    uint8_t *first = mem_dup(small.data, small.len);
    size_t first_len = small.len;

    (void)unused;
    (void)ws_deflate_compress(deflate, (uint8_t *)other, 9000);
    small = ws_deflate_compress(deflate, (uint8_t *)text, 1000);
    assert_int_equal(small.len, first_len);
    assert_memory_equal(small.data, first, first_len);
    mem_free(first);
    mem_free(text);
    mem_free(other);
}

static void test_not_worth_it(void **unused)
{
    uint8_t noise[3000];
    unsigned seed = 5;
    struct ws_deflate *above = ws_deflate_create(100);
    char *text = make_text(100, 1);

    (void)unused;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(rand_r(&seed) >> 8);
    for (size_t len = 0; len < sizeof(noise); len += 37)
        assert_null(ws_deflate_compress(deflate, noise, len).data);
    assert_null(ws_deflate_compress(deflate, (const uint8_t *)"{}", 2).data);
    assert_null(ws_deflate_compress(above, (uint8_t *)text, 99).data);
    assert_int_equal(ws_deflate_take_count(above).compressed, 0);
    assert_non_null(ws_deflate_compress(above, (uint8_t *)text, 100).data);
    assert_int_equal(ws_deflate_take_count(above).compressed, 1);
    assert_int_equal(ws_deflate_take_count(above).compressed, 0);
    ws_deflate_destroy(&above);
    mem_free(text);
}

/* Whatever is compressed is shorter, for every length of a text that hardly compresses. */
static void test_never_longer(void **unused)
{
    char text[200];
    unsigned seed = 3;

    (void)unused;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('0' + rand_r(&seed) % 64);
    for (size_t len = 0; len <= sizeof(text); len++) {
        struct span small = ws_deflate_compress(deflate, (uint8_t *)text, len);

        assert_true(small.data == NULL || small.len < len);
    }
}

/* A kilobyte that would be a megabyte stops at the bound. */
static void test_bomb(void **unused)
{
    size_t len = 1000000;
    uint8_t *zeros = mem_alloc(len);
    struct span small = ws_deflate_compress(deflate, zeros, len);
    uint8_t *out;
    size_t out_len;

    (void)unused;
    assert_true(small.len > 0 && small.len < 10000);
    assert_int_equal(inflate_in_block(small.data, small.len, MESSAGE_MAX, &out, &out_len),
                     WS_INFLATED_TOO_BIG);
    assert_int_equal(
        inflate_in_block(B("\xf2\x48\xcd\xc9\xc9\x07\x00"), MESSAGE_MAX, &out, &out_len),
        WS_INFLATED_WHOLE);
    assert_int_equal(out_len, 5);
    mem_free(zeros);
}

static void test_window_bits(void **unused)
{
    (void)unused;
    assert_int_equal(ws_deflate_window_bits(0), 8);
    assert_int_equal(ws_deflate_window_bits(256), 8);
    assert_int_equal(ws_deflate_window_bits(257), 9);
    assert_int_equal(ws_deflate_window_bits(4096), 12);
    assert_int_equal(ws_deflate_window_bits(4097), 13);
    assert_int_equal(ws_deflate_window_bits(32768), 15);
    assert_int_equal(ws_deflate_window_bits(1000000), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),     cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_no_context),   cmocka_unit_test(test_not_worth_it),
        cmocka_unit_test(test_never_longer), cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_window_bits),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
