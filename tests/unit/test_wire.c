// needs: common/strbuf common/mem common/check
/* wire: numbers and spans go out big-endian and come back; a read beyond the end fails for good. */
#include "common/wire.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* The input in a block of its own size, so that a sanitizer sees every overrun. */
struct input {
    uint8_t *block;
    struct wire_reader reader;
};

static struct input input_of(const void *data, size_t len)
{
    struct input input;

    input.block = mem_dup(data, len);
    wire_read_begin(&input.reader, input.block, len);
    return input;
}

static const struct {
    unsigned size;
    uint64_t value;
    const char *bytes;
} numbers[] = {
    {1, 0, "\x00"},
    {1, 0x7f, "\x7f"},
    {1, UINT8_MAX, "\xff"},
    {2, 0x0102, "\x01\x02"},
    {2, 0x00ff, "\x00\xff"},
    {2, UINT16_MAX, "\xff\xff"},
    {4, 0x01020304, "\x01\x02\x03\x04"},
    {4, 1, "\x00\x00\x00\x01"},
    {4, UINT32_MAX, "\xff\xff\xff\xff"},
    {8, UINT64_C(0x0102030405060708), "\x01\x02\x03\x04\x05\x06\x07\x08"},
    {8, UINT64_C(0x8000000000000000), "\x80\x00\x00\x00\x00\x00\x00\x00"},
    {8, 1, "\x00\x00\x00\x00\x00\x00\x00\x01"},
    {8, UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff"},
};

static void write_number(struct strbuf *buf, unsigned size, uint64_t value)
{
    if (size == 1)
        wire_write_u8(buf, (uint8_t)value);
    else if (size == 2)
        wire_write_u16(buf, (uint16_t)value);
    else if (size == 4)
        wire_write_u32(buf, (uint32_t)value);
    else
        wire_write_u64(buf, value);
}

static uint64_t read_number(struct wire_reader *reader, unsigned size)
{
    return size == 1   ? wire_read_u8(reader)
           : size == 2 ? wire_read_u16(reader)
           : size == 4 ? wire_read_u32(reader)
                       : wire_read_u64(reader);
}

static void test_numbers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct strbuf buf = STRBUF_EMPTY;
        struct input input;

        write_number(&buf, numbers[i].size, numbers[i].value);
        assert_int_equal(buf.len, numbers[i].size);
        assert_memory_equal(buf.data, numbers[i].bytes, buf.len);
        input = input_of(buf.data, buf.len);
        assert_true(read_number(&input.reader, numbers[i].size) == numbers[i].value);
        assert_true(wire_read_end(&input.reader));
        mem_free(input.block);
        strbuf_fini(&buf);
    }
}

static void test_short_numbers(void **unused)
{
    static const unsigned sizes[] = {1, 2, 4, 8};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (unsigned len = 0; len < sizes[i]; len++) {
            struct input input = input_of("\xff\xff\xff\xff\xff\xff\xff\xff", len);

            assert_true(read_number(&input.reader, sizes[i]) == 0);
            assert_false(wire_read_end(&input.reader));
            mem_free(input.block);
        }
}

static void test_spans(void **unused)
{
    static const char *const texts[] = {"", "a", "three", "with \x01 and \xff"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct strbuf buf = STRBUF_EMPTY;
        struct input input;

        wire_write_span16(&buf, span_of(texts[i]));
        wire_write_span32(&buf, span_of(texts[i]));
        assert_int_equal(buf.len, 2 + 4 + 2 * strlen(texts[i]));
        input = input_of(buf.data, buf.len);
        assert_true(span_is(wire_read_span16(&input.reader), texts[i]));
        assert_true(span_is(wire_read_span32(&input.reader), texts[i]));
        assert_true(wire_read_end(&input.reader));
        mem_free(input.block);
        strbuf_fini(&buf);
    }
}

static void test_longest_span16(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;
    uint8_t *bytes = mem_alloc(UINT16_MAX);
    struct input input;
    struct span back;

    (void)unused;
    memset(bytes, 0xa5, UINT16_MAX);
    wire_write_span16(&buf, (struct span){bytes, UINT16_MAX});
    input = input_of(buf.data, buf.len);
    back = wire_read_span16(&input.reader);
    assert_int_equal(back.len, UINT16_MAX);
    assert_memory_equal(back.data, bytes, UINT16_MAX);
    assert_true(wire_read_end(&input.reader));
    mem_free(input.block);
    mem_free(bytes);
    strbuf_fini(&buf);
}

/* Lengths that claim more than there is; the length itself may be cut, too. */
static const struct {
    const char *name;
    bool wide; /* 32 bits */
    const char *bytes;
    size_t len;
} lies[] = {
    {"no length", false, "", 0},
    {"half a length", false, "\x00", 1},
    {"one byte too few", false,
     "\x00\x03"
     "ab",
     4},
    {"nothing after the length", false, "\xff\xff", 2},
    {"no wide length", true, "", 0},
    {"most of a wide length", true, "\x00\x00\x00", 3},
    {"one byte too few, wide", true,
     "\x00\x00\x00\x02"
     "a",
     5},
    {"the greatest wide length", true,
     "\xff\xff\xff\xff"
     "abc",
     7},
};

static void test_lying_lengths(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct input input = input_of(lies[i].bytes, lies[i].len);
        struct span span =
            lies[i].wide ? wire_read_span32(&input.reader) : wire_read_span16(&input.reader);

        if (span.data != NULL || span.len != 0 || wire_read_end(&input.reader))
            fail_msg("%s was taken", lies[i].name);
        mem_free(input.block);
    }
}

static void test_failure_sticks(void **unused)
{
    struct input input = input_of("abcdefgh", 8);

    (void)unused;
    assert_int_equal(wire_read_u8(&input.reader), 'a');
    assert_null(wire_read_bytes(&input.reader, 8).data);
    /* There would be enough for each of these. */
    assert_int_equal(wire_read_u8(&input.reader), 0);
    assert_int_equal(wire_read_u16(&input.reader), 0);
    assert_int_equal(wire_read_u32(&input.reader), 0);
    assert_true(wire_read_u64(&input.reader) == 0);
    assert_null(wire_read_bytes(&input.reader, 1).data);
    assert_null(wire_read_bytes(&input.reader, 0).data);
    assert_int_equal(wire_read_span16(&input.reader).len, 0);
    assert_int_equal(wire_read_span32(&input.reader).len, 0);
    assert_false(wire_read_end(&input.reader));
    mem_free(input.block);
}

static void test_end(void **unused)
{
    struct input input = input_of("ab", 2);

    (void)unused;
    assert_false(wire_read_end(&input.reader));
    assert_int_equal(wire_read_u8(&input.reader), 'a');
    assert_false(wire_read_end(&input.reader));
    assert_int_equal(wire_read_u8(&input.reader), 'b');
    assert_true(wire_read_end(&input.reader));
    assert_null(wire_read_bytes(&input.reader, SIZE_MAX).data);
    assert_false(wire_read_end(&input.reader));
    mem_free(input.block);
    input = input_of("", 0);
    assert_true(wire_read_end(&input.reader));
    assert_int_equal(wire_read_bytes(&input.reader, 0).len, 0);
    assert_true(wire_read_end(&input.reader));
    mem_free(input.block);
    wire_read_begin(&input.reader, NULL, 0);
    assert_int_equal(wire_read_u8(&input.reader), 0);
    assert_false(wire_read_end(&input.reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_short_numbers),
        cmocka_unit_test(test_spans),         cmocka_unit_test(test_longest_span16),
        cmocka_unit_test(test_lying_lengths), cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
