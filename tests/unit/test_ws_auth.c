// needs: common/json common/json_flat common/utf8 common/digest common/errors common/mem common/check
#include "gateway/ws_auth.h"

#include "common/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX16 "0123456789abcdef"
#define TOKEN HEX16 HEX16 HEX16 HEX16
#define OTHER "fedcba9876543210" HEX16 HEX16 HEX16

static struct span span(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void assert_hash(const struct ws_auth *auth, const char *text)
{
    uint8_t hash[DIGEST_SHA256_SIZE];

    digest_sha256(text, strlen(text), hash);
    assert_memory_equal(auth->hash, hash, sizeof(hash));
}

static void test_secrets(void **state ATTR_UNUSED)
{
    static const char *const bad[] = {"", "0", "nonsense", TOKEN "0", TOKEN " ", HEX16, " " TOKEN};
    struct ws_auth auth = ws_auth_token(span(TOKEN));

    assert_int_equal(auth.kind, WS_AUTH_TOKEN);
    assert_hash(&auth, TOKEN);
    auth = ws_auth_ticket(span(OTHER));
    assert_int_equal(auth.kind, WS_AUTH_TICKET);
    assert_hash(&auth, OTHER);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(ws_auth_token(span(bad[i])).kind, WS_AUTH_BAD);
        assert_int_equal(ws_auth_ticket(span(bad[i])).kind, WS_AUTH_BAD);
    }
}

static void test_protocols(void **state ATTR_UNUSED)
{
    static const struct {
        const char *value;
        bool ours;
        enum ws_auth_kind kind;
    } good[] = {
        {NULL, false, WS_AUTH_NONE},
        {"", false, WS_AUTH_NONE},
        {"  ", false, WS_AUTH_NONE},
        {"chat", false, WS_AUTH_NONE},
        {"banter.v1", true, WS_AUTH_NONE},
        {"banter.v1, banter.token." TOKEN, true, WS_AUTH_TOKEN},
        {"banter.token." TOKEN ",banter.v1", true, WS_AUTH_TOKEN},
        {"\tchat ,, banter.v1 , banter.token." TOKEN " ,", true, WS_AUTH_TOKEN},
        {"banter.token." TOKEN, false, WS_AUTH_TOKEN},
        {"banter.v1, banter.token.", true, WS_AUTH_BAD},
        {"banter.v1, banter.token.nonsense", true, WS_AUTH_BAD},
        {"banter.v1, banter.token." TOKEN "0", true, WS_AUTH_BAD},
        {"Banter.V1, banter.v10, banter.v", false, WS_AUTH_NONE},
        {"banter.token", false, WS_AUTH_NONE},
    };
    static const char *const bad[] = {
        "banter.v1 banter.token." TOKEN,
        "banter.v1; banter.v2",
        "banter.v1, \"chat\"",
        "banter.v1, ch\x01t",
        "banter.v1, ch\xc3\xa4t",
        "banter.v1, banter.v1",
        "banter.token." TOKEN ", banter.token." TOKEN,
        "banter.token." TOKEN ", banter.token." OTHER,
        "banter.token., banter.token." TOKEN,
        "a/b",
    };
    struct ws_protocols out;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!ws_auth_read_protocols(good[i].value, &out) || out.ours != good[i].ours ||
            out.auth.kind != good[i].kind)
            fail_msg("%s", good[i].value);
        if (out.auth.kind == WS_AUTH_TOKEN)
            assert_hash(&out.auth, TOKEN);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (ws_auth_read_protocols(bad[i], &out))
            fail_msg("%s is no list", bad[i]);
}

static void test_frames(void **state ATTR_UNUSED)
{
    static const char good[] = " {\"token\":\"" TOKEN "\", \"more\":1, \"type\":\"auth\"} ";
    static const char *const bad[] = {
        "",
        "auth",
        "{}",
        "[]",
        "null",
        "{\"type\":\"auth\"}",
        "{\"token\":\"" TOKEN "\"}",
        "{\"type\":\"AUTH\",\"token\":\"" TOKEN "\"}",
        "{\"type\":\"message\",\"token\":\"" TOKEN "\"}",
        "{\"type\":\"auth\",\"token\":null}",
        "{\"type\":\"auth\",\"token\":7}",
        "{\"type\":\"auth\",\"token\":\"\"}",
        "{\"type\":\"auth\",\"token\":\"" TOKEN "0\"}",
        "{\"type\":\"auth\",\"token\":\"" TOKEN "\"",
        "{\"type\":\"auth\",\"token\":\"" TOKEN "\",\"token\":\"" TOKEN "\"}",
    };
    struct ws_auth auth = ws_auth_read_frame((const uint8_t *)good, sizeof(good) - 1);

    assert_int_equal(auth.kind, WS_AUTH_TOKEN);
    assert_hash(&auth, TOKEN);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auth = ws_auth_read_frame((const uint8_t *)bad[i], strlen(bad[i]));
        if (auth.kind != WS_AUTH_BAD)
            fail_msg("%s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
