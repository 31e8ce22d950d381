// needs: common/check
/* ws_frame: each rule of RFC 6455, section 5.2 to 5.5, at each length that the bytes may have. */
#include "gateway/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PAYLOAD_MAX 70000

static const struct ws_frame_limits limits = {PAYLOAD_MAX, false};

struct header_case {
    const char *name;
    const char *bytes;
    size_t len;
    uint16_t code;   /* 0: ready */
    size_t known_at; /* with how many bytes it is ready or refused */
    uint64_t payload;
};

#define H(literal) literal, sizeof(literal) - 1

static const struct header_case header_cases[] = {
    {"text", H("\x81\x80mask"), 0, 6, 0},
    {"short length", H("\x82\xfdmask"), 0, 6, 125},
    {"16-bit length, least", H("\x81\xfe\x00\x7emask"), 0, 8, 126},
    {"16-bit length, greatest", H("\x81\xfe\xff\xffmask"), 0, 8, 65535},
    {"64-bit length, least", H("\x81\xff\0\0\0\0\0\x01\0\0mask"), 0, 14, 65536},
    {"64-bit length, the bound", H("\x81\xff\0\0\0\0\0\x01\x11\x70mask"), 0, 14, 70000},
    {"above the bound", H("\x81\xff\0\0\0\0\0\x01\x11\x71mask"), 1009, 10, 0},
    {"greatest length", H("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"), 1009, 10, 0},
    {"length beyond 63 bits", H("\x82\xff\x80\0\0\0\0\0\0\0mask"), 1002, 10, 0},
    {"16 bits for a short length", H("\x81\xfe\x00\x7dmask"), 1002, 4, 0},
    {"16 bits for nothing", H("\x81\xfe\0\0mask"), 1002, 4, 0},
    {"64 bits for a 16-bit length", H("\x81\xff\0\0\0\0\0\0\xff\xffmask"), 1002, 10, 0},
    {"64 bits for nothing", H("\x81\xff\0\0\0\0\0\0\0\0mask"), 1002, 10, 0},
    {"continuation", H("\x80\x81mask"), 0, 6, 1},
    {"beginning of a fragmented text", H("\x01\x81mask"), 0, 6, 1},
    {"close", H("\x88\x82mask"), 0, 6, 2},
    {"ping", H("\x89\xfdmask"), 0, 6, 125},
    {"pong", H("\x8a\x80mask"), 0, 6, 0},
    {"unmasked text", H("\x81\x05Hello"), 1002, 2, 0},
    {"unmasked ping", H("\x89\x00"), 1002, 2, 0},
    {"RSV1", H("\xc1\x80mask"), 1002, 1, 0},
    {"RSV2", H("\xa1\x80mask"), 1002, 1, 0},
    {"RSV3", H("\x91\x80mask"), 1002, 1, 0},
    {"all RSV on a ping", H("\xf9\x80mask"), 1002, 1, 0},
    {"fragmented ping", H("\x09\x80mask"), 1002, 1, 0},
    {"fragmented close", H("\x08\x80mask"), 1002, 1, 0},
    {"ping of 126", H("\x89\xfe\x00\x7emask"), 1002, 2, 0},
    {"close of 65536", H("\x88\xff\0\0\0\0\0\x01\0\0mask"), 1002, 2, 0},
};

static void expect_header(const struct header_case *test, size_t len)
{
    struct ws_frame_header header;
    struct ws_violation violation = {0, NULL};
    enum ws_frame_status status =
        ws_frame_header_read((const uint8_t *)test->bytes, len, limits, &header, &violation);

    if (len < test->known_at) {
        assert_int_equal(status, WS_FRAME_INCOMPLETE);
        return;
    }
    if (test->code != 0) {
        assert_int_equal(status, WS_FRAME_REFUSED);
        assert_int_equal(violation.code, test->code);
        assert_in_range(strlen(violation.reason), 1, WS_CLOSE_REASON_MAX);
        return;
    }
    assert_int_equal(status, WS_FRAME_READY);
    assert_int_equal(header.len, test->payload);
    assert_int_equal(header.size, test->known_at);
    assert_int_equal(header.opcode, (uint8_t)test->bytes[0] & 0x0f);
    assert_int_equal(header.fin, ((uint8_t)test->bytes[0] & 0x80) != 0);
    assert_memory_equal(header.mask, "mask", 4);
}

static void test_headers_at_every_length(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(header_cases); i++)
        for (size_t len = 0; len <= header_cases[i].len; len++)
            expect_header(&header_cases[i], len);
}

static void test_opcodes(void **unused)
{
    (void)unused;
    for (unsigned opcode = 0; opcode < 16; opcode++) {
        uint8_t bytes[6] = {(uint8_t)(0x80 | opcode), 0x80, 0, 0, 0, 0};
        struct ws_frame_header header;
        struct ws_violation violation;
        bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);

        assert_int_equal(ws_frame_header_read(bytes, 6, limits, &header, &violation),
                         known ? WS_FRAME_READY : WS_FRAME_REFUSED);
        assert_int_equal(ws_opcode_is_control((uint8_t)opcode), opcode >= 8);
    }
}

/* RFC 7692, 6.1: the first reserved bit has a meaning on a message's first frame, and nowhere else.
 */
static void test_compressed(void **unused)
{
    static const struct ws_frame_limits deflate = {PAYLOAD_MAX, true};

    (void)unused;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t bytes[6] = {(uint8_t)first, 0x80, 0, 0, 0, 0};
        struct ws_frame_header header;
        struct ws_frame_header plain;
        struct ws_violation violation;
        unsigned opcode = first & 0x0f;
        bool lawful = (first & 0x70) == 0x40 && (opcode == 1 || opcode == 2);
        bool without = ws_frame_header_read(bytes, 6, limits, &plain, &violation) == WS_FRAME_READY;

        assert_int_equal(ws_frame_header_read(bytes, 6, deflate, &header, &violation),
                         lawful || without ? WS_FRAME_READY : WS_FRAME_REFUSED);
        assert_false(lawful && without);
        if (lawful || without)
            assert_int_equal(header.compressed, lawful);
    }
}

static void test_control_frame_ignores_the_bound(void **unused)
{
    static const struct ws_frame_limits ten = {10, true};
    struct ws_frame_header header;
    struct ws_violation violation;

    (void)unused;
    assert_int_equal(
        ws_frame_header_read((const uint8_t *)"\x89\xfdmask", 6, ten, &header, &violation),
        WS_FRAME_READY);
}

/* Against the definition (5.3), at every offset, length and alignment. */
static void test_unmask(void **unused)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t plain[64];
    uint8_t bytes[64];

    (void)unused;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 7 + 1);
    for (size_t offset = 0; offset < 9; offset++)
        for (size_t start = 0; start < 9; start++)
            for (size_t len = 0; len <= 40; len++) {
                memcpy(bytes, plain, sizeof(bytes));
                ws_frame_unmask(bytes + start, len, mask, offset);
                for (size_t i = 0; i < len; i++)
                    assert_int_equal(bytes[start + i], plain[start + i] ^ mask[(offset + i) % 4]);
                assert_memory_equal(bytes, plain, start);
                assert_memory_equal(bytes + start + len, plain + start + len,
                                    sizeof(plain) - start - len);
            }
}

static void test_unmask_example_of_the_rfc(void **unused)
{
    /* RFC 6455, 5.7: "Hello", masked. */
    uint8_t payload[5] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};

    (void)unused;
    ws_frame_unmask(payload, 5, (const uint8_t[]){0x37, 0xfa, 0x21, 0x3d}, 0);
    assert_memory_equal(payload, "Hello", 5);
}

static void test_header_write(void **unused)
{
    static const struct {
        size_t len;
        const char *bytes;
        size_t size;
    } cases[] = {
        {0, H("\x81\x00")},
        {125, H("\x81\x7d")},
        {126, H("\x81\x7e\x00\x7e")},
        {65535, H("\x81\x7e\xff\xff")},
        {65536, H("\x81\x7f\0\0\0\0\0\x01\0\0")},
        {(size_t)0x0102030405060708, H("\x81\x7f\x01\x02\x03\x04\x05\x06\x07\x08")},
    };
    uint8_t out[WS_SERVER_HEADER_MAX];

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ws_frame_header_write(out, WS_OP_TEXT, cases[i].len), cases[i].size);
        assert_memory_equal(out, cases[i].bytes, cases[i].size);
    }
}

static void test_control_write(void **unused)
{
    uint8_t out[WS_CONTROL_FRAME_MAX];
    uint8_t payload[WS_CONTROL_PAYLOAD_MAX];

    (void)unused;
    assert_int_equal(ws_frame_control_write(out, WS_OP_PING, NULL, 0), 2);
    assert_memory_equal(out, "\x89\x00", 2);
    assert_int_equal(ws_frame_control_write(out, WS_OP_PONG, "abc", 3), 5);
    assert_memory_equal(out,
                        "\x8a\x03"
                        "abc",
                        5);
    memset(payload, 'x', sizeof(payload));
    assert_int_equal(ws_frame_control_write(out, WS_OP_PING, payload, sizeof(payload)), 127);
    assert_int_equal(out[1], 125);
}

static void test_close_write(void **unused)
{
    uint8_t out[WS_CONTROL_FRAME_MAX];
    char reason[200];

    (void)unused;
    assert_int_equal(ws_frame_close_write(out, WS_CLOSE_NONE, "ignored"), 2);
    assert_memory_equal(out, "\x88\x00", 2);
    assert_int_equal(ws_frame_close_write(out, WS_CLOSE_NORMAL, NULL), 4);
    assert_memory_equal(out, "\x88\x02\x03\xe8", 4);
    assert_int_equal(ws_frame_close_write(out, WS_CLOSE_POLICY, "Invalid token"), 17);
    assert_memory_equal(out, "\x88\x0f\x03\xf0Invalid token", 17);
    /* 123 bytes of reason fit; the euro sign that would cross the bound goes as a whole. */
    memset(reason, 'r', sizeof(reason));
    memcpy(reason + 121, "\xe2\x82\xac", 4);
    assert_int_equal(ws_frame_close_write(out, WS_CLOSE_POLICY, reason), 4 + 121);
    memcpy(reason + 120, "\xe2\x82\xac", 4);
    assert_int_equal(ws_frame_close_write(out, WS_CLOSE_POLICY, reason), 4 + 123);
}

static void test_close_codes(void **unused)
{
    static const struct {
        uint16_t first;
        uint16_t last;
    } valid[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};

    (void)unused;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool expected = false;

        for (size_t i = 0; i < ARRAY_LEN(valid); i++)
            expected = expected || (code >= valid[i].first && code <= valid[i].last);
        assert_int_equal(ws_close_code_valid((uint16_t)code), expected);
    }
    assert_int_equal(ws_close_code_read((const uint8_t *)"", 0), WS_CLOSE_NONE);
    assert_int_equal(ws_close_code_read((const uint8_t *)"\x03\xe9why", 5), WS_CLOSE_GOING_AWAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_at_every_length),
        cmocka_unit_test(test_opcodes),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_control_frame_ignores_the_bound),
        cmocka_unit_test(test_unmask),
        cmocka_unit_test(test_unmask_example_of_the_rfc),
        cmocka_unit_test(test_header_write),
        cmocka_unit_test(test_control_write),
        cmocka_unit_test(test_close_write),
        cmocka_unit_test(test_close_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
