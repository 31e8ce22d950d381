// needs: gateway/http_list common/check common/digest
/* ws_handshake: each requirement of RFC 6455, section 4.2.1, broken in turn. */
#include "gateway/ws_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const struct ws_handshake good = {
    .method = "GET",
    .http_major = 1,
    .http_minor = 1,
    .host = "chat.example.com",
    .upgrade = "websocket",
    .connection = "Upgrade",
    .key = KEY,
    .version = "13",
};

struct handshake_case {
    size_t field; /* offset in struct ws_handshake */
    const char *value;
    enum err expected;
};

#define FIELD(name) offsetof(struct ws_handshake, name)

static const struct handshake_case cases[] = {
    {FIELD(method), "POST", ERR_METHOD_NOT_ALLOWED},
    {FIELD(method), "get", ERR_METHOD_NOT_ALLOWED},
    {FIELD(method), "HEAD", ERR_METHOD_NOT_ALLOWED},
    {FIELD(method), NULL, ERR_METHOD_NOT_ALLOWED},
    {FIELD(host), NULL, ERR_BAD_REQUEST},
    {FIELD(host), " ", ERR_BAD_REQUEST},
    {FIELD(upgrade), NULL, ERR_UPGRADE_REQUIRED},
    {FIELD(upgrade), "", ERR_UPGRADE_REQUIRED},
    {FIELD(upgrade), "h2c", ERR_UPGRADE_REQUIRED},
    {FIELD(upgrade), "websockets", ERR_UPGRADE_REQUIRED},
    {FIELD(upgrade), "web socket", ERR_UPGRADE_REQUIRED},
    {FIELD(upgrade), "WebSocket", ERR_NONE},
    {FIELD(upgrade), "h2c, WEBSOCKET", ERR_NONE},
    {FIELD(upgrade), ",,\twebsocket ,", ERR_NONE},
    {FIELD(connection), NULL, ERR_BAD_REQUEST},
    {FIELD(connection), "keep-alive", ERR_BAD_REQUEST},
    {FIELD(connection), "upgraded", ERR_BAD_REQUEST},
    {FIELD(connection), "up,grade", ERR_BAD_REQUEST},
    {FIELD(connection), "upgrade", ERR_NONE},
    {FIELD(connection), "keep-alive, Upgrade", ERR_NONE},
    {FIELD(connection), "keep-alive,UPGRADE,te", ERR_NONE},
    {FIELD(version), NULL, ERR_BAD_REQUEST},
    {FIELD(version), "8", ERR_UPGRADE_REQUIRED},
    {FIELD(version), "14", ERR_UPGRADE_REQUIRED},
    {FIELD(version), "013", ERR_UPGRADE_REQUIRED},
    {FIELD(version), "13, 13", ERR_UPGRADE_REQUIRED},
    {FIELD(version), "", ERR_UPGRADE_REQUIRED},
    {FIELD(version), " 13 ", ERR_NONE},
    {FIELD(key), NULL, ERR_BAD_REQUEST},
    {FIELD(key), "", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25jZQ=", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25jZQ", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25jZQA=", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25jZQAA", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25jZQ===", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25j!Q==", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZS=ub25jZQ==", ERR_BAD_REQUEST},
    {FIELD(key), "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==", ERR_BAD_REQUEST},
    {FIELD(key), "AAAAAAAAAAAAAAAAAAAA+/==", ERR_NONE},
    {FIELD(key), " " KEY "\t", ERR_NONE},
};

static void test_each_requirement(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ws_handshake request = good;
        const char *reason = "";

        memcpy((char *)&request + cases[i].field, &cases[i].value, sizeof(cases[i].value));
        assert_int_equal(ws_handshake_check(&request, &reason), cases[i].expected);
        assert_int_equal(reason == NULL, cases[i].expected == ERR_NONE);
    }
}

static void test_http_versions(void **unused)
{
    static const struct {
        int major;
        int minor;
        enum err expected;
    } versions[] = {{0, 9, ERR_BAD_REQUEST},
                    {1, 0, ERR_BAD_REQUEST},
                    {1, 1, ERR_NONE},
                    {1, 2, ERR_NONE},
                    {2, 0, ERR_NONE}};
    const char *reason;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        struct ws_handshake request = good;

        request.http_major = versions[i].major;
        request.http_minor = versions[i].minor;
        assert_int_equal(ws_handshake_check(&request, &reason), versions[i].expected);
    }
}

static void test_accept(void **unused)
{
    char accept[WS_ACCEPT_SIZE];

    (void)unused;
    ws_handshake_accept(KEY, accept);
    assert_string_equal(accept, ACCEPT);
    ws_handshake_accept("  " KEY " ", accept);
    assert_string_equal(accept, ACCEPT);
}

static void test_response(void **unused)
{
    struct ws_handshake_answer answer = {.key = KEY};
    char response[WS_HANDSHAKE_RESPONSE_MAX];
    size_t len;

    (void)unused;
    len = ws_handshake_response(&answer, response);
    assert_int_equal(len, strlen(response));
    assert_string_equal(response, "HTTP/1.1 101 Switching Protocols\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n");
    answer.extensions = "permessage-deflate; server_no_context_takeover";
    len = ws_handshake_response(&answer, response);
    assert_int_equal(len, strlen(response));
    assert_string_equal(
        response, "HTTP/1.1 101 Switching Protocols\r\n"
                  "Upgrade: websocket\r\n"
                  "Connection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: " ACCEPT "\r\n"
                  "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
                  "\r\n");
    answer.extensions = NULL;
    answer.protocol = "banter.v1";
    len = ws_handshake_response(&answer, response);
    assert_int_equal(len, strlen(response));
    assert_string_equal(response, "HTTP/1.1 101 Switching Protocols\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: " ACCEPT "\r\n"
                                  "Sec-WebSocket-Protocol: banter.v1\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_requirement),
        cmocka_unit_test(test_http_versions),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_response),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
