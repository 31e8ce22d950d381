// needs: gateway/http_guard_conn gateway/http_pause gateway/client_address gateway/proxy_protocol common/map common/networks common/digest gateway/http_target tests/unit/guarded_server gateway/http_guard gateway/http_guard_reply common/errors common/check common/clock common/mem gateway/http_guard_deadlines
/*
 * The PROXY protocol in front of the guard and a real evhttp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "guarded_server.h"

#define PROXY_LINE "PROXY TCP4 198.51.100.7 10.0.0.1 4711 8000\r\n"
#define BYE        "GET /whoami HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"

struct refusals {
    unsigned silent;
    unsigned told;
    const char *why;
};

static void on_refused(void *context, const struct http_guard_peer *peer, enum err error,
                       const char *why)
{
    struct refusals *refusals = context;
    assert_true(peer->number > 0);
    if (error == ERR_NONE)
        refusals->silent++;
    else
        refusals->told++;
    refusals->why = why;
}

static void trust(struct networks *networks, const char *text)
{
    char error[128];
    assert_true(networks_parse(text, networks, error, sizeof(error)));
}

static void believes_the_proxy_header(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } rows[] = {
        {PROXY_LINE BYE, sizeof(PROXY_LINE BYE) - 1, "198.51.100.7:4711 -"},
        {"PROXY TCP4 127.0.0.9 10.0.0.1 5 8000\r\n" BYE,
         sizeof("PROXY TCP4 127.0.0.9 10.0.0.1 5 8000\r\n" BYE) - 1, "127.0.0.9:5 trusted"},
        {"PROXY UNKNOWN\r\n" BYE, sizeof("PROXY UNKNOWN\r\n" BYE) - 1, " -"},
        {"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc6\x33\x64\x07\x0a\0\0\x01\x12\x67\x1f\x40tlvs" BYE,
         sizeof("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc6\x33\x64\x07\x0a\0\0\x01\x12\x67\x1f\x40"
                "tlvs" BYE) -
             1,
         "198.51.100.7:4711 -"},
    };
    static const size_t pieces[] = {100000, 1, 13};
    struct networks networks;
    (void)state;
    trust(&networks, "127.0.0.0/8");
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(pieces); i++) {
        const char *text = rows[i / ARRAY_LEN(pieces)].text;
        struct http_guard_options options = relaxed();
        struct server server;
        struct answer answer;
        options.trusted = &networks;
        server_start_proxy(&server, &options);
        talk(&server, text, rows[i / ARRAY_LEN(pieces)].len, pieces[i % ARRAY_LEN(pieces)], 1000,
             &answer);
        assert_non_null(strstr(answer.bytes, "200 OK"));
        if (strstr(answer.bytes, rows[i / ARRAY_LEN(pieces)].says) == NULL)
            fail_msg("row %zu: %s", i, answer.bytes);
        assert_int_equal(http_guard_counters(server.set)->proxy_refused, 0);
        server_stop(&server);
    }
    networks_fini(&networks);
}

static void closes_without_a_good_proxy_header(void **state)
{
    static const struct {
        const char *trusted;
        const char *text;
        bool late; /* the header never becomes whole */
    } rows[] = {
        {"127.0.0.0/8", GET("/whoami"), false},
        {"127.0.0.0/8", "PROXY TCP4 nonsense\r\n" BYE, false},
        {"127.0.0.0/8", "\x16\x03\x01", false},
        {"10.0.0.0/8", PROXY_LINE BYE, false},
        {"", PROXY_LINE BYE, false},
        {"127.0.0.0/8", "PROXY TCP4 198.", true},
        {"127.0.0.0/8", "", true},
    };
    static const size_t pieces[] = {100000, 1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(pieces); i++) {
        size_t row = i / ARRAY_LEN(pieces);
        struct http_guard_options options = relaxed();
        struct refusals refusals = {0};
        struct networks networks;
        struct server server;
        struct answer answer;
        trust(&networks, rows[row].trusted);
        options.trusted = &networks;
        options.on_refused = on_refused;
        options.context = &refusals;
        if (rows[row].late)
            options.request_head_ms = 50;
        server_start_proxy(&server, &options);
        talk(&server, rows[row].text, strlen(rows[row].text), pieces[i % ARRAY_LEN(pieces)], 3000,
             &answer);
        assert_true(answer.closed || answer.reset);
        assert_int_equal(answer.len, 0);
        assert_int_equal(server.handled, 0);
        assert_int_equal(http_guard_counters(server.set)->proxy_refused, 1);
        assert_int_equal(refusals.silent, 1);
        assert_int_equal(refusals.told, 0);
        assert_non_null(refusals.why);
        assert_int_equal(server_connections(&server), 0);
        server_stop(&server);
        networks_fini(&networks);
    }
}

/* The ordinary port never looks for a header, and knows its peer. */
static void ordinary_port_knows_no_proxy_header(void **state)
{
    struct http_guard_options options = relaxed();
    struct refusals refusals = {0};
    struct networks networks;
    struct server server;
    struct answer answer;
    (void)state;
    trust(&networks, "127.0.0.1");
    options.trusted = &networks;
    options.on_refused = on_refused;
    options.context = &refusals;
    server_start(&server, &options);
    talk(&server, PROXY_LINE BYE, sizeof(PROXY_LINE BYE) - 1, 100000, 1000, &answer);
    assert_non_null(strstr(answer.bytes, "{\"success\":false"));
    assert_int_equal(server.handled, 0);
    assert_int_equal(refusals.told, 1);
    talk(&server, BYE, sizeof(BYE) - 1, 100000, 1000, &answer);
    assert_non_null(strstr(answer.bytes, "\r\n\r\n127.0.0.1:"));
    assert_non_null(strstr(answer.bytes, " trusted"));
    server_stop(&server);
    networks_fini(&networks);
}

/* For draining: a connection that has said nothing yet is idle, with and without the protocol. */
static void closes_idle_proxy_connections(void **state)
{
    struct http_guard_options options = relaxed();
    struct networks networks;
    struct server server;
    (void)state;
    trust(&networks, "127.0.0.1");
    options.trusted = &networks;
    server_start_proxy(&server, &options);
    int silent = dial(&server);
    int begun = dial(&server);
    int done = dial(&server);
    say(begun, "PRO");
    say(done, PROXY_LINE);
    server_turn(&server, 50);
    assert_int_equal(server_connections(&server), 3);
    assert_int_equal(http_guard_close_idle(server.set), 2);
    assert_int_equal(server_connections(&server), 1);
    close(silent);
    close(begun);
    close(done);
    server_turn(&server, 20);
    server_stop(&server);
    networks_fini(&networks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(believes_the_proxy_header),
        cmocka_unit_test(closes_without_a_good_proxy_header),
        cmocka_unit_test(ordinary_port_knows_no_proxy_header),
        cmocka_unit_test(closes_idle_proxy_connections),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
