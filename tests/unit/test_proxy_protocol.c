// needs: gateway/client_address common/networks common/mem common/check
#include "gateway/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_BLOCK  "\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x1f\x40" /* 192.0.2.1:4711 */
#define V6        "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6_BLOCK  V6 V6 "\x12\x67\x1f\x40"

struct row {
    const char *bytes;
    size_t len;
    const char *source; /* NULL: bad; "-": good, but it says nothing */
};

#define ROW(text, source)                                                                          \
    {                                                                                              \
        text, sizeof(text) - 1, source                                                             \
    }

static const struct row rows[] = {
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 4711 8000\r\n", "192.0.2.1:4711"),
    ROW("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
    ROW("PROXY TCP6 2001:db8::1 ::1 4711 8000\r\n", "[2001:db8::1]:4711"),
    ROW("PROXY TCP6 ::ffff:192.0.2.1 ::1 4711 8000\r\n", "192.0.2.1:4711"),
    ROW("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "65535 65535\r\n",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
    ROW("PROXY UNKNOWN\r\n", "-"),
    ROW("PROXY UNKNOWN \r\n", "-"),
    /* 2.1: the longest line, 107 bytes */
    ROW("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
        "-"),
    ROW("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655355\r\n",
        NULL),
    ROW("PROXY UNKNOWNS\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 4711 8000\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 4711 8000\r \n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 4711 8000 \r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 4711 8000 1\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n", NULL),
    ROW("PROXY TCP4  192.0.2.1 10.0.0.1 4711 8000\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 04711 8000\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 65536 8000\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1 10.0.0.1 -1 8000\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.256 10.0.0.1 4711 8000\r\n", NULL),
    ROW("PROXY TCP4 ::1 ::1 4711 8000\r\n", NULL),
    ROW("PROXY TCP6 192.0.2.1 10.0.0.1 4711 8000\r\n", NULL),
    ROW("PROXY TCP4 192.0.2.1\0 10.0.0.1 4711 8000\r\n", NULL),
    ROW("PROXY TCP5 192.0.2.1 10.0.0.1 4711 8000\r\n", NULL),
    ROW("PROXY \r\n", NULL),
    ROW("PROXY TCP4\r\n", NULL),
    ROW("PROXY\r\n", NULL),
    ROW("proxy UNKNOWN\r\n", NULL),
    ROW("GET / HTTP/1.1\r\n\r\n", NULL),
    ROW("\r\n", NULL), /* with what the test appends */
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NULL),

    ROW(SIGNATURE "\x21\x11\0\x0c" V4_BLOCK, "192.0.2.1:4711"),
    ROW(SIGNATURE "\x21\x12\0\x0c" V4_BLOCK, "192.0.2.1:4711"),
    ROW(SIGNATURE "\x21\x11\0\x10" V4_BLOCK "\x04\0\x01\0", "192.0.2.1:4711"),
    ROW(SIGNATURE "\x21\x21\0\x24" V6_BLOCK, "[2001:db8::1]:4711"),
    ROW(SIGNATURE "\x21\x21\0\x27" V6_BLOCK "tlv", "[2001:db8::1]:4711"),
    ROW(SIGNATURE "\x21\x00\0\x00", "-"),
    ROW(SIGNATURE "\x21\x00\0\x03"
                  "abc",
        "-"),
    ROW(SIGNATURE "\x20\x00\0\x00", "-"),
    ROW(SIGNATURE "\x20\x11\0\x0c" V4_BLOCK, "-"),
    ROW(SIGNATURE "\x20\xff\0\x01z", "-"),
    ROW(SIGNATURE "\x21\x11\0\x0b" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x21\x21\0\x23" V6_BLOCK, NULL),
    ROW(SIGNATURE "\x21\x31\0\x0c" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x22\x11\0\x0c" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x11\x11\0\x0c" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x31\x11\0\x0c" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x21\x41\0\x0c" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x21\x13\0\x0c" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x21\x11\x08\x01" V4_BLOCK, NULL),
    ROW(SIGNATURE "\x21\x11\xff\xff" V4_BLOCK, NULL),
    ROW("\r\n\r\n\0\r\nQUIX\n"
        "\x21\x11\0\x0c" V4_BLOCK,
        NULL),
};

/* Feeds in pieces; returns how many bytes were taken in all. */
static size_t feed(struct proxy_parser *parser, const uint8_t *bytes, size_t len, size_t piece,
                   enum proxy_result *result)
{
    size_t at = 0;

    proxy_parser_init(parser);
    *result = PROXY_MORE;
    while (at < len && *result == PROXY_MORE) {
        size_t taken;

        *result = proxy_parser_feed(parser, bytes + at, MIN(piece, len - at), &taken);
        assert_true(taken > 0 && taken <= piece);
        at += taken;
    }
    return at;
}

static void test_rows(void **state ATTR_UNUSED)
{
    static const char behind[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = rows[i].len + sizeof(behind) - 1;
        uint8_t *bytes = malloc(len);

        memcpy(bytes, rows[i].bytes, rows[i].len);
        memcpy(bytes + rows[i].len, behind, sizeof(behind) - 1);
        for (size_t piece = 1; piece <= len; piece++) {
            struct proxy_parser parser;
            enum proxy_result result;
            size_t taken = feed(&parser, bytes, len, piece, &result);
            char text[CLIENT_ADDRESS_TEXT_SIZE];

            client_address_format(&parser.source, text);
            if (rows[i].source == NULL) {
                if (result != PROXY_BAD || strcmp(text, "-") != 0)
                    fail_msg("row %zu in pieces of %zu: %d, %s", i, piece, (int)result, text);
            } else if (result != PROXY_DONE || taken != rows[i].len ||
                       strcmp(text, rows[i].source) != 0) {
                fail_msg("row %zu in pieces of %zu: %d, %zu taken, %s", i, piece, (int)result,
                         taken, text);
            }
        }
        free(bytes);
    }
}

/* Every beginning of a good header is good so far. */
static void test_beginnings(void **state ATTR_UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t len = 1; rows[i].source != NULL && len < rows[i].len; len++) {
            struct proxy_parser parser;
            enum proxy_result result;

            feed(&parser, (const uint8_t *)rows[i].bytes, len, len, &result);
            assert_int_equal(result, PROXY_MORE);
        }
    }
}

static void test_bound(void **state ATTR_UNUSED)
{
    static uint8_t bytes[PROXY_HEADER_BYTES_MAX + 1];
    static const char head[] = SIGNATURE "\x21\x11\x08\x00" V4_BLOCK;
    struct proxy_parser parser;
    enum proxy_result result;
    size_t taken;

    memcpy(bytes, head, sizeof(head) - 1);
    taken = feed(&parser, bytes, sizeof(bytes), 100, &result);
    assert_int_equal(result, PROXY_DONE);
    assert_int_equal(taken, PROXY_HEADER_BYTES_MAX);
    /* Nothing is taken afterwards. */
    assert_int_equal(proxy_parser_feed(&parser, bytes, 10, &taken), PROXY_DONE);
    assert_int_equal(taken, 0);
    memset(bytes, 'P', sizeof(bytes));
    memcpy(bytes, "PROXY ", 6);
    taken = feed(&parser, bytes, sizeof(bytes), sizeof(bytes), &result);
    assert_int_equal(result, PROXY_BAD);
    assert_int_equal(taken, PROXY_V1_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
