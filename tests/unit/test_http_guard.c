// needs: gateway/http_target common/check common/errors
/*
 * Each row is what a client sends and what becomes of it, told in one letter an event: h(ead
 * start), b(ody start), d(one), u(pgrade), and ! for a violation with the status to answer. Every
 * row is fed whole, byte by byte and in random pieces: the events and their places must be the
 * same.
 */
#include "gateway/http_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

#define H       "Host: a\r\n"
#define LINE    "GET / HTTP/1.1\r\n"
#define GET     LINE H "\r\n"
#define POST    "POST /x HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define WS      "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"

struct row {
    const char *text;
    size_t len;
    const char *events;
    enum err error;
};

#define GOOD(events, text)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, events, ERR_NONE                                                   \
    }
#define BAD(events, error, text)                                                                   \
    {                                                                                              \
        text, sizeof(text) - 1, events, ERR_##error                                                \
    }

/* clang-format off */
static const struct row rows[] = {
    /* What ordinary clients send. */
    GOOD("hd", GET),
    GOOD("hdhd", GET GET),
    GOOD("h", "G"),
    GOOD("hd", "HEAD /a/b?c=d&e=%20 HTTP/1.1\r\nhOsT:a\r\nUser-Agent: x (y; \"z\") \xc3\xa9\r\n\r\n"),
    GOOD("hd", "GET /?q={a}|b^`c`[1]\\ HTTP/1.1\r\n" H "\r\n"),
    GOOD("hd", "GET /a:b@c//d HTTP/1.1\r\n" H "\r\n"),
    GOOD("hd", "DELETE / HTTP/1.1\r\n" H "Empty:\r\nSpaces:    \r\nEnd: a b \t \r\n\r\n"),
    GOOD("hd", "GET / HTTP/1.0\r\n\r\n"),
    GOOD("hd", "GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"),
    GOOD("hd", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    GOOD("hd", "PUT / HTTP/1.1\r\n" H "\r\n"),
    GOOD("hd", "PATCH / HTTP/1.1\r\n" H "\r\n"),
    GOOD("hd", "TRACE / HTTP/1.1\r\n" H "\r\n"),
    GOOD("hbdhd", POST "Content-Length: 3\r\n\r\nabc" GET),
    GOOD("hbdhd", POST "content-length:003 \t\r\n\r\n\r\n\n" GET),
    GOOD("hd", POST "Content-Length: 0\r\n\r\n"),
    GOOD("hd", POST "\r\n"),
    GOOD("hb", POST "Content-Length: 65536\r\n\r\nabc"),
    GOOD("hbd", LINE H "Content-Length: 1\r\n\r\na"),
    GOOD("hd", "HEAD / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
    GOOD("hbdhd", CHUNKED "3\r\nabc\r\n00A\r\n0123456789\r\n9\r\n\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n" GET),
    GOOD("hbd", CHUNKED "0\r\n\r\n"),
    GOOD("hbd", POST "transfer-encoding:  CHUNKED \r\n\r\n00000000\r\n\r\n"),
    GOOD("hbd", POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na"),
    GOOD("hd", "GET / HTTP/1.0\r\nExpect: anything\r\n\r\n"),

    /* The request line. */
    BAD("!", BAD_REQUEST, "\r\n" GET),
    BAD("!", BAD_REQUEST, "\n" GET),
    BAD("!", BAD_REQUEST, " " GET),
    BAD("!", BAD_REQUEST, "\x16\x03\x01"),
    BAD("!", BAD_REQUEST, "\0"),
    BAD("h!", BAD_REQUEST, "GET\t/ HTTP/1.1\r\n" H "\r\n"),
    BAD("h!", BAD_REQUEST, "GET\r\n"),
    BAD("h!", BAD_REQUEST, "GE(T / HTTP/1.1\r\n"),
    BAD("h!", NOT_IMPLEMENTED, "get / HTTP/1.1\r\n"),
    BAD("h!", NOT_IMPLEMENTED, "CONNECT a:80 HTTP/1.1\r\n"),
    BAD("h!", NOT_IMPLEMENTED, "PRI * HTTP/2.0\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, "PROPFIND / HTTP/1.1\r\n"),
    BAD("h!", NOT_IMPLEMENTED, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET  / HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET x HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET ?x HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET //a HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /a b HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /a\tb HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /a\0b HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /\x7f HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /\xc3\xa9 HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /#f HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /<x> HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET /\r\n"),
    BAD("h!", BAD_REQUEST, "GET /\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/1.1\n" H "\r\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/1.1 \r\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/1.1\r\r\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/1.10\r\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/11\r\n"),
    BAD("h!", BAD_REQUEST, "GET / http/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/+1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET / X HTTP/1.1\r\n"),
    BAD("h!", VERSION_NOT_SUPPORTED, "GET / HTTP/1.9\r\n"),
    BAD("h!", VERSION_NOT_SUPPORTED, "GET / HTTP/2.0\r\n"),
    BAD("h!", VERSION_NOT_SUPPORTED, "GET / HTTP/0.9\r\n"),

    /* Other forms of the target. */
    GOOD("hd", "OPTIONS * HTTP/1.1\r\n" H "\r\n"),
    GOOD("hd", "GET http://a HTTP/1.1\r\n" H "\r\n"),
    GOOD("hd", "GET HTTPS://A.b-c_9:65535/x?y HTTP/1.1\r\n" H "\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://a?x HTTP/1.1\r\n" H "\r\n"),
    BAD("h!", BAD_REQUEST, "GET httpss://a/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET httpsssssssss HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET * HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "OPTIONS *x HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http:/a HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http:a HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http:///x HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://a: HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://a:65536/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://a:8x/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://u@a/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://[zz]/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET http://%zz/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET ftp://a/ HTTP/1.1\r\n"),
    BAD("h!", BAD_REQUEST, "GET a:80 HTTP/1.1\r\n"),

    /* Fields. */
    BAD("h!", BAD_REQUEST, LINE "\r\n"),
    BAD("h!", BAD_REQUEST, LINE H H "\r\n"),
    BAD("h!", BAD_REQUEST, "GET / HTTP/1.0\r\n" H "host: b\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE "Host: a b\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE "Host: a,b\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE "Host: a/b\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE "Host: u@a\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Name : x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Name\t: x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H ": x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Name\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Na me: x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Na\xc3\xa9: x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Na(me: x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "Na\0me: x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "\0: x\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE " " H "\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\r\n y\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\r\n\ty\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\ny: z\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\n\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\r\n\n"),
    BAD("h!", BAD_REQUEST, LINE H "\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\ry\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\r\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\0y\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: \x01\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A: x\x7f\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "A:\tx\r\n\r\n"),
    BAD("h!", BAD_REQUEST, LINE H "\r\r\n"),
    BAD("h!", EXPECTATION_FAILED, LINE H "Expect: 200-maybe\r\n\r\n"),
    BAD("h!", EXPECTATION_FAILED, LINE H "Expect: 100-continue, x\r\n\r\n"),
    BAD("h!", EXPECTATION_FAILED, LINE H "Expect:\r\n\r\n"),
    BAD("h!", EXPECTATION_FAILED, LINE H "Expect: 100-continue\r\nExpect: x\r\n\r\n"),

    /* Content-Length. */
    BAD("h!", BAD_REQUEST, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 0\r\nX: y\r\ncontent-length: 30\r\n\r\n"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 3, 3\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: +3\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: -1\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 0x3\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 3 3\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 3.0\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: \"3\"\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length:\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: \t3\r\n\r\nabc"),
    BAD("h!", BAD_REQUEST, POST "Content-Length : 3\r\n\r\nabc"),
    BAD("h!", PAYLOAD_TOO_LARGE, POST "Content-Length: 65537\r\n\r\n"),
    BAD("h!", PAYLOAD_TOO_LARGE, POST "Content-Length: 18446744073709551619\r\n\r\nabc"),
    BAD("h!", PAYLOAD_TOO_LARGE, POST "Content-Length: 99999999999999999999999999999999999\r\n\r\n"),
    BAD("h!", PAYLOAD_TOO_LARGE, POST "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n"),
    BAD("h!", BAD_REQUEST, "HEAD / HTTP/1.1\r\n" H "Content-Length: 44\r\n\r\n" GET),
    BAD("h!", BAD_REQUEST, "TRACE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na"),

    /* Transfer-Encoding. */
    BAD("h!", BAD_REQUEST, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("h!", BAD_REQUEST, POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("h!", BAD_REQUEST, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("h!", BAD_REQUEST, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BAD("h!", BAD_REQUEST, "HEAD / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: gzip\r\n\r\n" GET),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: xchunked\r\n\r\n" GET),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: chunked;q=1\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding:\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: chunked x\r\n\r\n"),
    BAD("h!", NOT_IMPLEMENTED, POST "Transfer-Encoding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"),
    BAD("h!", BAD_REQUEST, POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n" GET),
    BAD("h!", BAD_REQUEST, POST "Transfer-Encoding:\tchunked\r\n\r\n" GET),
    BAD("h!", BAD_REQUEST, POST "Transfer-Encoding : chunked\r\n\r\n" GET),
    BAD("h!", BAD_REQUEST, POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n" GET),
    BAD("hb!", BAD_REQUEST, CHUNKED "\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "+3\r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "-3\r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED " 3\r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3 \r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3;x=y\r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "g\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\nabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\rabc\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\r\nabc0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\r\nabc\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\r\nabc\r\n\r\n0\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "0\r\n\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "0\r\n\r\r\n"),
    BAD("hb!", BAD_REQUEST, CHUNKED "000000003\r\nabc\r\n0\r\n\r\n"),
    BAD("hb!", PAYLOAD_TOO_LARGE, CHUNKED "10001\r\n"),
    BAD("hb!", PAYLOAD_TOO_LARGE, CHUNKED "ffffffff\r\n"),
    BAD("hb!", PAYLOAD_TOO_LARGE, CHUNKED "1\r\na\r\n10000\r\n"),

    /* Upgrades. */
    GOOD("hu", LINE H WS "\r\n"),
    GOOD("hdhu", GET LINE H WS "\r\n\x81\x85not http"),
    GOOD("hu", LINE H "UPGRADE: h2c , WebSocket\r\nconnection: upgrade\r\n\r\n"),
    GOOD("hu", LINE H "Connection: close\r\nConnection: x,upgrade\r\nUpgrade: websocket\r\n\r\n"),
    GOOD("hu", LINE H WS "Content-Length: 0\r\n\r\n"),
    GOOD("hdhd", LINE H "Upgrade: websocket\r\n\r\n" GET),
    GOOD("hdhd", LINE H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" GET),
    GOOD("hdhd", LINE H "Connection: xupgrade\r\nUpgrade: websocket\r\n\r\n" GET),
    GOOD("hdhd", LINE H "Connection: Upgrade\r\nUpgrade: websocket2\r\n\r\n" GET),
    GOOD("hdhd", "GET / HTTP/1.0\r\n" H WS "\r\n" GET),
    GOOD("hdhd", POST WS "\r\n" GET),
    BAD("h!", BAD_REQUEST, LINE H WS "Content-Length: 1\r\n\r\na"),
    BAD("h!", BAD_REQUEST, LINE H WS "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),

    /* After a good one. */
    BAD("hdh!", BAD_REQUEST, GET "GET / HTTP/1.1\r\n" H "X : y\r\n\r\n" GET),
    BAD("hbd!", BAD_REQUEST, POST "Content-Length: 1\r\n\r\na\r\n" GET),
    BAD("hbdh!", NOT_IMPLEMENTED, POST "Content-Length: 1\r\n\r\nab / HTTP/1.1\r\n"),
};
/* clang-format on */

#define EVENTS_MAX 64

struct outcome {
    char events[EVENTS_MAX];
    size_t places[EVENTS_MAX];
    size_t count;
    size_t taken;
    enum err error;
    enum http_guard_phase phase;
};

static void feed_piece(struct http_guard *guard, const char *text, size_t len,
                       struct outcome *outcome)
{
    static const char letters[] = {
        [HTTP_GUARD_HEAD_START] = 'h',   [HTTP_GUARD_BODY_START] = 'b',
        [HTTP_GUARD_REQUEST_DONE] = 'd', [HTTP_GUARD_UPGRADE] = 'u',
        [HTTP_GUARD_VIOLATION] = '!',
    };
    enum http_guard_event event;
    size_t done = 0;
    do {
        size_t taken = http_guard_feed(guard, (const uint8_t *)text + done, len - done, &event);
        assert_true(taken <= len - done);
        done += taken;
        outcome->taken += taken;
        if (event != HTTP_GUARD_MORE) {
            assert_true(outcome->count < EVENTS_MAX - 1);
            outcome->places[outcome->count] = outcome->taken;
            outcome->events[outcome->count++] = letters[event];
        }
    } while (event != HTTP_GUARD_MORE);
}

/* piece 0: random ones. */
static void feed_all(const char *text, size_t len, size_t piece, struct outcome *outcome)
{
    struct http_guard guard;
    memset(outcome, 0, sizeof(*outcome));
    http_guard_init(&guard);
    for (size_t at = 0; at < len;) {
        size_t next = piece > 0 ? piece : (size_t)rand() % 20;
        if (next > len - at)
            next = len - at;
        feed_piece(&guard, text + at, next, outcome);
        at += next;
    }
    outcome->error = http_guard_error(&guard);
    outcome->phase = http_guard_phase(&guard);
}

static void takes_and_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome outcome;
        feed_all(rows[i].text, rows[i].len, rows[i].len, &outcome);
        if (strcmp(outcome.events, rows[i].events) != 0 || outcome.error != rows[i].error)
            fail_msg("row %zu: events %s, error %s: %s", i, outcome.events, err_code(outcome.error),
                     rows[i].text);
    }
}

static void does_not_depend_on_the_split(void **state)
{
    (void)state;
    srand(1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome whole;
        feed_all(rows[i].text, rows[i].len, rows[i].len, &whole);
        for (size_t round = 0; round < 20; round++) {
            struct outcome split;
            feed_all(rows[i].text, rows[i].len, round % 5, &split);
            assert_memory_equal(&split, &whole, sizeof(whole));
        }
    }
}

static void tells_the_phase(void **state)
{
    static const char text[] = POST "Content-Length: 2\r\n\r\nab" LINE H WS "\r\n";
    struct http_guard guard;
    struct outcome outcome = {.count = 0};
    (void)state;
    http_guard_init(&guard);
    assert_int_equal(http_guard_phase(&guard), HTTP_GUARD_IDLE);
    feed_piece(&guard, text, 1, &outcome);
    assert_int_equal(http_guard_phase(&guard), HTTP_GUARD_IN_HEAD);
    size_t body = sizeof(POST "Content-Length: 2\r\n\r\na") - 1;
    feed_piece(&guard, text + 1, body - 1, &outcome);
    assert_int_equal(http_guard_phase(&guard), HTTP_GUARD_IN_BODY);
    feed_piece(&guard, text + body, 1, &outcome);
    assert_int_equal(http_guard_phase(&guard), HTTP_GUARD_IDLE);
    feed_piece(&guard, text + body + 1, sizeof(text) - 1 - body - 1, &outcome);
    assert_int_equal(http_guard_phase(&guard), HTTP_GUARD_HELD);
    size_t taken = outcome.taken;
    feed_piece(&guard, GET, sizeof(GET) - 1, &outcome);
    assert_int_equal(outcome.taken, taken);
    http_guard_resume(&guard);
    feed_piece(&guard, GET "\n", sizeof(GET "\n") - 1, &outcome);
    assert_string_equal(outcome.events, "hbdhuhd!");
    assert_int_equal(http_guard_phase(&guard), HTTP_GUARD_BROKEN);
    assert_int_equal(http_guard_error(&guard), ERR_BAD_REQUEST);
    feed_piece(&guard, GET, sizeof(GET) - 1, &outcome);
    assert_string_equal(outcome.events, "hbdhuhd!");
}

/* A head of exactly len bytes, of which line are the request line's. */
static void make_head(char *out, size_t line, size_t len)
{
    size_t at = line;
    memset(out, 'a', len);
    memcpy(out, "GET /", 5);
    memcpy(out + line - 11, " HTTP/1.1\r\n", 11);
    memcpy(out + at, H "X: ", sizeof(H "X: ") - 1);
    memcpy(out + len - 4, "\r\n\r\n", 4);
}

static void bounds_the_head(void **state)
{
    static char text[HTTP_HEAD_BYTES_MAX + 16];
    struct outcome outcome;
    (void)state;
    make_head(text, HTTP_REQUEST_LINE_BYTES_MAX, HTTP_HEAD_BYTES_MAX);
    feed_all(text, HTTP_HEAD_BYTES_MAX, 0, &outcome);
    assert_string_equal(outcome.events, "hd");
    make_head(text, HTTP_REQUEST_LINE_BYTES_MAX + 1, HTTP_HEAD_BYTES_MAX);
    feed_all(text, HTTP_HEAD_BYTES_MAX, 0, &outcome);
    assert_string_equal(outcome.events, "h!");
    assert_int_equal(outcome.error, ERR_URI_TOO_LONG);
    assert_int_equal(outcome.taken, HTTP_REQUEST_LINE_BYTES_MAX + 1);
    make_head(text, 100, HTTP_HEAD_BYTES_MAX + 1);
    feed_all(text, HTTP_HEAD_BYTES_MAX + 1, 0, &outcome);
    assert_string_equal(outcome.events, "h!");
    assert_int_equal(outcome.error, ERR_HEADERS_TOO_LARGE);
}

static void bounds_the_fields(void **state)
{
    char text[2048];
    struct outcome outcome;
    (void)state;
    for (unsigned extra = 0; extra <= 1; extra++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", LINE H);
        for (unsigned i = 1; i < HTTP_HEADER_COUNT_MAX + extra; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "X%u: y\r\n", i);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
        feed_all(text, len, 0, &outcome);
        assert_string_equal(outcome.events, extra ? "h!" : "hd");
        assert_int_equal(outcome.error, extra ? ERR_HEADERS_TOO_LARGE : ERR_NONE);
    }
}

static void counts_the_bodies(void **state)
{
    static char text[8 * BODY_BYTES_MAX];
    struct outcome outcome;
    (void)state;
    for (unsigned extra = 0; extra <= 1; extra++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", CHUNKED);
        for (size_t i = 0; i < BODY_BYTES_MAX + extra; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "1\r\na\r\n");
        len += (size_t)snprintf(text + len, sizeof(text) - len, "0\r\n\r\n");
        feed_all(text, len, 0, &outcome);
        assert_string_equal(outcome.events, extra ? "hb!" : "hbd");
        assert_int_equal(outcome.error, extra ? ERR_PAYLOAD_TOO_LARGE : ERR_NONE);
    }
    size_t head = (size_t)snprintf(text, sizeof(text), "%s", POST "Content-Length: 65536\r\n\r\n");
    memset(text + head, '\n', BODY_BYTES_MAX);
    memcpy(text + head + BODY_BYTES_MAX, GET, sizeof(GET) - 1);
    feed_all(text, head + BODY_BYTES_MAX + sizeof(GET) - 1, 0, &outcome);
    assert_string_equal(outcome.events, "hbdhd");
}

/* Which of the 256 bytes may stand in a field name, in a value and in a path. */
static void knows_every_byte(void **state)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        struct outcome outcome;
        char text[128];
        bool alnum = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                     (byte >= 'a' && byte <= 'z');
        bool token = alnum || (byte != 0 && strchr(marks, (int)byte) != NULL);
        int len = snprintf(text, sizeof(text), LINE H "N%c: x\r\n\r\n", (int)byte);
        feed_all(text, (size_t)len, 0, &outcome);
        assert_string_equal(outcome.events, token || byte == ':' ? "hd" : "h!");

        bool value = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
        len = snprintf(text, sizeof(text), LINE H "N: x%cy\r\n\r\n", (int)byte);
        feed_all(text, (size_t)len, 0, &outcome);
        assert_string_equal(outcome.events, value ? "hd" : "h!");

        bool path = byte > 0x20 && byte < 0x7f && strchr("\"#<>", (int)byte) == NULL;
        len = snprintf(text, sizeof(text), "GET /x%cy HTTP/1.1\r\n" H "\r\n", (int)byte);
        feed_all(text, (size_t)len, 0, &outcome);
        assert_string_equal(outcome.events, path ? "hd" : "h!");
    }
}

/* Random damage to the rows: again the split must not matter. */
static void survives_damage(void **state)
{
    static const char alphabet[] = "\r\n\t :,;/0129afx\0\x7f\xff+-";
    (void)state;
    srand(2);
    for (unsigned round = 0; round < 20000; round++) {
        const struct row *row = &rows[(size_t)rand() % ARRAY_LEN(rows)];
        struct outcome whole, split;
        char text[512];
        size_t len = row->len;
        assert_true(len < sizeof(text));
        memcpy(text, row->text, len);
        for (unsigned i = 0; i < 1 + (unsigned)rand() % 3 && len > 0; i++)
            text[(size_t)rand() % len] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        feed_all(text, len, len, &whole);
        feed_all(text, len, round % 4, &split);
        assert_memory_equal(&split, &whole, sizeof(whole));
    }
}

static void finds_the_path(void **state)
{
    (void)state;
    assert_string_equal(http_target_origin("/a?b=http://c/d"), "/a?b=http://c/d");
    assert_string_equal(http_target_origin("HTTP://a.b:80/c//d?e"), "/c//d?e");
    assert_string_equal(http_target_origin("https://a"), "/");
    assert_string_equal(http_target_origin("*"), "*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_refuses), cmocka_unit_test(does_not_depend_on_the_split),
        cmocka_unit_test(tells_the_phase),   cmocka_unit_test(bounds_the_head),
        cmocka_unit_test(bounds_the_fields), cmocka_unit_test(counts_the_bodies),
        cmocka_unit_test(finds_the_path),    cmocka_unit_test(knows_every_byte),
        cmocka_unit_test(survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
