// needs: gateway/http_pause gateway/client_address gateway/proxy_protocol common/map common/networks common/digest gateway/http_target tests/unit/guarded_server gateway/http_guard gateway/http_guard_reply common/errors common/check common/clock common/mem gateway/http_guard_deadlines
/*
 * The guard in front of a real evhttp, on a loopback port.
 */
#include "gateway/http_guard_conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/limits.h"
#include "guarded_server.h"

static void answers_good_requests(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer = {0};
    (void)state;
    server_start(&server, &options);
    int fd = dial(&server);
    say(fd, GET("/hello"));
    hear(&server, fd, &answer, "hello", 2000);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody");
    hear(&server, fd, &answer, "body", 2000);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n"
            "4\r\nnked\r\n0\r\n\r\n");
    hear(&server, fd, &answer, "chunked", 2000);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 6\r\n\r\n");
    hear(&server, fd, &answer, "100 Continue\r\n\r\n", 2000);
    say(fd, "waited");
    hear(&server, fd, &answer, "waited", 2000);
    say(fd, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n");
    say(fd, GET("/slow") GET("/echo") GET("/slow"));
    hear(&server, fd, &answer, NULL, 150);
    assert_int_equal(count(answer.bytes, "200 OK"), 8);
    assert_int_equal(server.handled, 8);
    assert_int_equal(http_guard_counters(server.set)->requests, 8);
    assert_int_equal(server_connections(&server), 1);
    close(fd);
    server_turn(&server, 20);
    assert_int_equal(server_connections(&server), 0);
    server_stop(&server);
}

static void answers_what_came_before_a_violation(void **state)
{
    static const char *const texts[] = {
        GET("/hello") "GET /x HTTP/1.1\r\n" HOST "Bad : 1\r\n\r\n",
        GET("/slow") "GET /x HTTP/1.1\r\n" HOST "Bad : 1\r\n\r\n" GET("/smuggled"),
        GET("/slow") GET("/slow") "\r\n\r\nxxx",
        "POST /slow HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc\nGET /x HTTP/1.1\r\n\r\n",
    };
    static const unsigned good[] = {1, 1, 2, 1};
    static const size_t pieces[] = {100000, 1, 7, 60};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
            struct http_guard_options options = relaxed();
            struct server server;
            struct answer answer;
            server_start(&server, &options);
            talk(&server, texts[i], strlen(texts[i]), pieces[j], 1000, &answer);
            assert_int_equal(count(answer.bytes, "HTTP/1.1 200 OK"), good[i]);
            assert_int_equal(count(answer.bytes, "HTTP/1.1 "), good[i] + 1);
            assert_refused(&answer, 400);
            assert_int_equal(server.handled, good[i]);
            assert_int_equal(server.gone, 0);
            server_stop(&server);
        }
    }
}

static void refuses_before_a_handler_runs(void **state)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
        {"HEAD / HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n" GET("/smuggled"), 501},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc3\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
         413},
        {"GET / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", 417},
        {"GET / HTTP/1.9\r\n" HOST "\r\n", 505},
        {"BREW / HTTP/1.1\r\n" HOST "\r\n", 501},
        {"\x16\x03\x01\x02\x01\x01", 400},
    };
    static const size_t pieces[] = {100000, 1, 9};
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer;
    (void)state;
    server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
            talk(&server, rows[i].text, strlen(rows[i].text), pieces[j], 1000, &answer);
            assert_refused(&answer, rows[i].status);
        }
    }
    assert_int_equal(server.handled, 0);
    assert_int_equal(http_guard_counters(server.set)->violations[ERR_NOT_IMPLEMENTED], 6);
    server_stop(&server);
}

static void bounds_heads_and_lines(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer;
    static char text[200000];
    (void)state;
    server_start(&server, &options);
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    talk(&server, text, sizeof(text), 4000, 1000, &answer);
    assert_refused(&answer, 414);
    static const char begin[] = "GET / HTTP/1.1\r\n" HOST "x: ";
    memcpy(text, begin, sizeof(begin) - 1);
    talk(&server, text, sizeof(text), 4000, 1000, &answer);
    assert_refused(&answer, 431);
    memset(text, '0', sizeof(text)); /* a chunk size without an end */
    static const char chunked[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    memcpy(text, chunked, sizeof(chunked) - 1);
    talk(&server, text, sizeof(text), 4000, 1000, &answer);
    assert_refused(&answer, 400);
    assert_int_equal(server.handled, 0);
    server_stop(&server);
}

static void keeps_deadlines(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer = {0};
    (void)state;
    options.request_head_ms = 100;
    options.request_body_ms = 150;
    options.keep_alive_ms = 300;
    server_start(&server, &options);
    const struct http_guard_counters *counters = http_guard_counters(server.set);

    int fd = dial(&server); /* a byte now and then does not help */
    static const char head[] = GET("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    uint64_t begin = clock_mono_ms();
    size_t sent = 0;
    while (sent < sizeof(head) - 1 && !answer.closed) {
        (void)!send(fd, head + sent++, 1, MSG_NOSIGNAL);
        hear(&server, fd, &answer, NULL, 8);
    }
    assert_refused(&answer, 408);
    assert_true(sent < sizeof(head) - 1); /* the client had not ended */
    assert_true(clock_mono_ms() - begin >= 95);
    assert_int_equal(counters->head_timeouts, 1);
    close(fd);

    memset(&answer, 0, sizeof(answer));
    fd = dial(&server);
    say(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 50\r\n\r\n");
    for (size_t i = 0; i < 49 && !answer.closed; i++) {
        (void)!send(fd, "x", 1, MSG_NOSIGNAL);
        hear(&server, fd, &answer, NULL, 10);
    }
    assert_refused(&answer, 408);
    assert_int_equal(counters->body_timeouts, 1);
    close(fd);

    memset(&answer, 0, sizeof(answer)); /* idle: after a request, and without any */
    fd = dial(&server);
    int silent = dial(&server);
    say(fd, GET("/slow"));
    hear(&server, fd, &answer, NULL, 1500);
    assert_true(answer.closed);
    assert_int_equal(count(answer.bytes, "HTTP/1.1 "), 1);
    hear(&server, silent, &answer, NULL, 10);
    assert_int_equal(counters->idle_closes, 2);
    assert_int_equal(server_connections(&server), 0);
    close(fd);
    close(silent);
    server_stop(&server);
}

static void frees_a_reply_that_nobody_reads(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    (void)state;
    options.write_stall_ms = 150;
    server_start(&server, &options);
    int fd = dial(&server);
    say(fd, GET("/big"));
    /* Pipelining into it fills the sockets only: the server takes 32 KiB of it at most. */
    static char flood[65536];
    for (size_t at = 0; at + 64 <= sizeof(flood); at += 64)
        memcpy(flood + at,
               "GET /hello HTTP/1.1\r\nHost: a\r\nX: 123456789012345678901234567\r\n\r\n", 64);
    for (unsigned i = 0; i < 400; i++) {
        (void)!send(fd, flood, sizeof(flood), MSG_NOSIGNAL | MSG_DONTWAIT);
        server_turn(&server, 0);
    }
    assert_int_equal(server_connections(&server), 1);
    assert_true(http_guard_counters(server.set)->requests < 600);
    server_turn(&server, 600);
    assert_int_equal(server_connections(&server), 0);
    assert_int_equal(http_guard_counters(server.set)->write_stalls, 1);
    assert_int_equal(server.handled, 1);
    close(fd);
    server_stop(&server);
}

static void cuts_laggards_off(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    (void)state;
    server_start(&server, &options);
    int idle = dial(&server);
    int laggard = dial(&server);
    say(laggard, GET("/big"));
    server_turn(&server, 100);
    http_guard_cut_laggards(server.set, SIZE_MAX);
    server_turn(&server, 100);
    assert_int_equal(server_connections(&server), 2);
    http_guard_cut_laggards(server.set, 1000);
    server_turn(&server, 100);
    assert_int_equal(server_connections(&server), 1);
    assert_int_equal(http_guard_counters(server.set)->write_stalls, 1);
    close(idle);
    close(laggard);
    server_stop(&server);
}

static void survives_clients_that_leave(void **state)
{
    static const char *const texts[] = {
        "",
        "G",
        "GET / HTTP/1.1\r\nHo",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab",
        GET("/slow"),
        GET("/slow") GET("/slow") "G",
        GET("/hello"),
        UPGRADE("/ws-slow"),
        UPGRADE("/ws") "early",
        "bad\r\n\r\n",
        GET("/slow") "bad\r\n\r\n",
    };
    struct http_guard_options options = relaxed();
    struct server server;
    (void)state;
    server_start(&server, &options);
    for (unsigned round = 0; round < 20 * ARRAY_LEN(texts); round++) {
        const char *text = texts[round % ARRAY_LEN(texts)];
        unsigned when = round / ARRAY_LEN(texts) % 3;
        int fd = dial(&server);
        if (when == 2)
            server_turn(&server, 0);
        say(fd, text);
        if (when >= 1)
            server_turn(&server, when);
        if (round % 2 == 0)
            close(fd);
        else
            hang_up_hard(fd);
        server_turn(&server, 1);
    }
    server_turn(&server, 300);
    assert_int_equal(server_connections(&server), 0);
    server_stop(&server);
}

static void bounds_connections(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer = {0};
    enum { REQUESTS = 30 }; /* they are being answered for long */
    int fds[3];
    (void)state;
    options.connections_max = 3;
    server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(&server);
        for (unsigned n = 0; n < REQUESTS; n++)
            say(fds[i], GET("/slow"));
    }
    server_turn(&server, 5);
    for (unsigned i = 0; i < 400; i++) { /* more than may linger */
        int extra = dial(&server);
        server_turn(&server, 0);
        hang_up_hard(extra);
    }
    talk(&server, GET("/hello"), strlen(GET("/hello")), 1000, 100, &answer);
    assert_refused(&answer, 503);
    assert_non_null(strstr(answer.bytes, "Retry-After: 1\r\n"));
    assert_int_equal(http_guard_counters(server.set)->refused, 401);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        memset(&answer, 0, sizeof(answer));
        while (count(answer.bytes, "200 OK") < REQUESTS && !answer.closed)
            hear(&server, fds[i], &answer, NULL, 20);
        assert_int_equal(count(answer.bytes, "200 OK"), REQUESTS);
    }
    assert_int_equal(server_connections(&server), 3);
    close(fds[0]);
    server_turn(&server, 10);
    talk(&server, GET("/hello"), strlen(GET("/hello")), 1000, 50, &answer);
    assert_int_equal(count(answer.bytes, "200 OK"), 1);
    close(fds[1]);
    close(fds[2]);
    server_stop(&server);
}

/* At the bound the one whose client was waited for longest makes room: one that has said nothing,
 * was answered, or goes on with a head or a body byte by byte; never one that is being answered. */
static void who_waits_longest_makes_room(void **state)
{
    /* In the order in which they began to wait: 2, 3, 4, 0. The second is answered for long. */
    static const char *const said[] = {
        GET("/slow"), GET("/slow") GET("/slow") GET("/slow"), "", "GET /hello HTTP/1.1\r\n",
        "POST /hello HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\n1"};
    static const size_t order[] = {2, 3, 4, 0};
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer;
    int fds[ARRAY_LEN(said)];
    int more[ARRAY_LEN(order)];
    (void)state;
    options.connections_max = ARRAY_LEN(fds);
    server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(&server);
        server_turn(&server, 2);
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        say(fds[i], said[i]);
        server_turn(&server, 1);
    }
    memset(&answer, 0, sizeof(answer));
    hear(&server, fds[0], &answer, "200 OK", 150);
    say(fds[3], "A: b\r\n"); /* no younger for that */
    server_turn(&server, 2);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        bool within = order[i] == 3 || order[i] == 4;
        memset(&answer, 0, sizeof(answer));
        more[i] = dial(&server);
        hear(&server, fds[order[i]], &answer, "nothing more", 1000);
        assert_true(answer.closed);
        assert_int_equal(count(answer.bytes, "HTTP/1.1 503 "), within ? 1 : 0);
        assert_int_equal(http_guard_counters(server.set)->made_room, i + 1);
        close(fds[order[i]]);
    }
    memset(&answer, 0, sizeof(answer));
    hear(&server, fds[1], &answer, NULL, 300);
    assert_int_equal(count(answer.bytes, "200 OK"), 3);
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        close(more[i]);
    close(fds[1]);
    server_turn(&server, 20);
    server_stop(&server);
}

static void lets_sockets_go(void **state)
{
    static const size_t pieces[] = {100000, 1, 11};
    static const char *const paths[] = {UPGRADE("/ws"), UPGRADE("/ws-slow")};
    struct http_guard_options options = relaxed();
    struct server server;
    (void)state;
    server_start(&server, &options);
    for (unsigned round = 0; round < 30; round++) {
        struct answer answer = {0};
        char text[512];
        int fd = dial(&server);
        server_turn(&server, 0);
        int len = snprintf(text, sizeof(text), "%s%s\x81\x85 early\r\n",
                           round % 2 ? GET("/slow") : "", paths[round / 2 % 2]);
        say_slowly(&server, fd, text, (size_t)len, pieces[round % 3]);
        hear(&server, fd, &answer, "early\r\n", 1000);
        assert_int_equal(count(answer.bytes, "101 Switching"), 1);
        assert_int_equal(count(answer.bytes, "\x81\x85 early\r\n"), 1);
        say(fd, "later");
        hear(&server, fd, &answer, "later", 1000);
        assert_int_equal(count(answer.bytes, "later"), 1);
        assert_int_equal(server_connections(&server), 0);
        if (round % 5 != 0)
            close(fd);
        else
            hang_up_hard(fd);
    }
    server_stop(&server);
}

static void checks_on_after_a_refused_upgrade(void **state)
{
    static const size_t pieces[] = {100000, 1, 11};
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer;
    (void)state;
    server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        static const char good[] = GET("/slow") UPGRADE("/ws-refused") GET("/slow") GET("/hello");
        server.handled = 0;
        talk(&server, good, sizeof(good) - 1, pieces[i], 150, &answer);
        assert_int_equal(count(answer.bytes, "HTTP/1.1 200 "), 3);
        assert_int_equal(count(answer.bytes, "HTTP/1.1 401 "), 1);
        assert_int_equal(server.handled, 4);
        static const char bad[] =
            UPGRADE("/ws-refused") "GET /smuggled HTTP/1.1\r\n" HOST "Bad : x\r\n\r\n" GET("/x");
        server.handled = 0;
        talk(&server, bad, sizeof(bad) - 1, pieces[i], 1000, &answer);
        assert_int_equal(count(answer.bytes, "HTTP/1.1 401 "), 1);
        assert_refused(&answer, 400);
        assert_int_equal(server.handled, 1);
    }
    server_stop(&server);
}

static void closes_idle_ones(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer = {0};
    (void)state;
    server_start(&server, &options);
    int idle = dial(&server), busy = dial(&server), within = dial(&server);
    say(busy, GET("/slow"));
    say(within, "GET / HT");
    server_turn(&server, 5);
    assert_int_equal(http_guard_close_idle(server.set), 1);
    hear(&server, busy, &answer, "late", 1000);
    assert_int_equal(count(answer.bytes, "200 OK"), 1);
    server_turn(&server, 2);
    assert_int_equal(http_guard_close_idle(server.set), 1);
    assert_int_equal(server_connections(&server), 1);
    close(idle);
    close(busy);
    close(within);
    server_stop(&server);
}

static void pauses_without_descriptors(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    struct answer answer;
    struct rlimit before, tight;
    (void)state;
    server_start(&server, &options);
    server_turn(&server, 0);
    int fd = dial(&server);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = (rlim_t)fd + 1; /* all numbers below are in use */
    setrlimit(RLIMIT_NOFILE, &tight);
    server_turn(&server, 250);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_in_range(http_pause_errors(server.pause), 1, 4);
    server_turn(&server, 150);
    talk(&server, GET("/hello"), strlen(GET("/hello")), 1000, 50, &answer);
    assert_int_equal(count(answer.bytes, "200 OK"), 1);
    close(fd);
    server_stop(&server);
}

/*
 * Whatever the guard lets pass, evhttp must read in the same way: it hands exactly the requests
 * that the guard counted to the handler, and never answers by itself.
 */
static void agrees_with_evhttp(void **state)
{
    static const char seed[] =
        "GET /x?y HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3 \r\n\r\nabc"
        "POST /echo HTTP/1.1\r\nHost:  a:8\r\nTransfer-Encoding: chunked\r\n\r\n03\r\nabc\r\nA\r\n"
        "0123456789\r\n0\r\n\r\n"
        "OPTIONS * HTTP/1.1\r\nHost:\r\nX-Y: a\t b\r\n\r\n"
        "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n!"
        "PATCH /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET http://a:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n"; /* after it evhttp closes */
    static const char alphabet[] = "\r\n\t :,;/?#%0123x\x7f\xff+-aGET.@[]";
    static const size_t pieces[] = {100000, 1, 13, 50};
    struct http_guard_options options = relaxed();
    struct server server;
    unsigned rounds = getenv("GUARD_ROUNDS") != NULL ? (unsigned)atoi(getenv("GUARD_ROUNDS")) : 200;
    (void)state;
    options.linger_ms = 50;
    server_start(&server, &options);
    srand(12345);
    for (unsigned round = 0; round < rounds; round++) {
        struct answer answer;
        char text[sizeof(seed) + 8];
        size_t len = sizeof(seed) - 1;
        memcpy(text, seed, len);
        for (unsigned i = (unsigned)rand() % 3; i > 0; i--) {
            size_t at = (size_t)rand() % len;
            char byte = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
            switch (rand() % 3) {
            case 0:
                text[at] = byte;
                break;
            case 1:
                memmove(text + at, text + at + 1, --len - at);
                break;
            default:
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = byte;
                break;
            }
        }
        uint64_t requests = http_guard_counters(server.set)->requests;
        unsigned handled = server.handled;
        memset(&answer, 0, sizeof(answer));
        int fd = dial(&server);
        say_slowly(&server, fd, text, len, pieces[round % ARRAY_LEN(pieces)]);
        uint64_t passed = 0;
        unsigned ran = 0;
        for (unsigned i = 0; i < 500 && !answer.closed && (i < 3 || ran != passed); i++) {
            hear(&server, fd, &answer, NULL, 5);
            passed = http_guard_counters(server.set)->requests - requests;
            ran = server.handled - handled;
        }
        close(fd);
        server_turn(&server, 0);
        text[len] = '\0';
        bool may_close = strstr(text, "HTTP/1.0") != NULL;
        if (ran > passed || (ran < passed && !may_close) || strstr(answer.bytes, "HTML") != NULL)
            fail_msg("round %u: passed %u ran %u conns %u: %s\n=> %s", round, (unsigned)passed, ran,
                     (unsigned)server_connections(&server), text, answer.bytes);
    }
    assert_true(server.handled > rounds);
    server_turn(&server, 100);
    assert_int_equal(server_connections(&server), 0);
    server_stop(&server);
}

static void dies_with_evhttp(void **state)
{
    struct http_guard_options options = relaxed();
    struct server server;
    int fds[4];
    (void)state;
    server_start(&server, &options);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = dial(&server);
    say(fds[1], "GET / HT");
    say(fds[2], "bad\r\n\r\n");
    say(fds[3], GET("/hello"));
    server_turn(&server, 5);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_good_requests),
        cmocka_unit_test(answers_what_came_before_a_violation),
        cmocka_unit_test(refuses_before_a_handler_runs),
        cmocka_unit_test(bounds_heads_and_lines),
        cmocka_unit_test(keeps_deadlines),
        cmocka_unit_test(frees_a_reply_that_nobody_reads),
        cmocka_unit_test(cuts_laggards_off),
        cmocka_unit_test(survives_clients_that_leave),
        cmocka_unit_test(bounds_connections),
        cmocka_unit_test(who_waits_longest_makes_room),
        cmocka_unit_test(lets_sockets_go),
        cmocka_unit_test(checks_on_after_a_refused_upgrade),
        cmocka_unit_test(closes_idle_ones),
        cmocka_unit_test(pauses_without_descriptors),
        cmocka_unit_test(agrees_with_evhttp),
        cmocka_unit_test(dies_with_evhttp),
    };
    signal(SIGPIPE, SIG_IGN); /* as in the gateway: libevent writes without MSG_NOSIGNAL */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
