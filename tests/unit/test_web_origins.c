// needs: common/mem common/check
#include "common/web_origins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct span span(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void test_origins(void **state ATTR_UNUSED)
{
    static const struct {
        const char *text;
        const char *scheme;
        const char *host;
        uint16_t port;
    } good[] = {
        {"https://chat.example.org", "https", "chat.example.org", 443},
        {"http://chat.example.org", "http", "chat.example.org", 80},
        {"HTTP://Chat.Example.org:8000", "HTTP", "Chat.Example.org", 8000},
        {"http://127.0.0.1:65535", "http", "127.0.0.1", 65535},
        {"http://[::1]:8000", "http", "[::1]", 8000},
        {"https://[2001:db8::1]", "https", "[2001:db8::1]", 443},
        {"capacitor://localhost", "capacitor", "localhost", 0},
        {"moz-extension://0a1b-2c", "moz-extension", "0a1b-2c", 0},
        {"app+x.1://under_score", "app+x.1", "under_score", 0},
    };
    static const char *const bad[] = {
        "",
        "null",
        "*",
        "chat.example.org",
        "://chat.example.org",
        "//chat.example.org",
        "https:/chat.example.org",
        "https://",
        "https://:443",
        "https://chat.example.org/",
        "https://chat.example.org/path",
        "https://chat.example.org?x",
        "https://chat.example.org#x",
        "https://user@chat.example.org",
        "https://chat.example.org:",
        "https://chat.example.org:0",
        "https://chat.example.org:65536",
        "https://chat.example.org:123456",
        "https://chat.example.org:+80",
        "https://chat.example.org:8 0",
        "https://chat.example.org, https://b.example.org",
        "https://chat.example.org https://b.example.org",
        " https://chat.example.org",
        "https://*.example.org",
        "https://[::1",
        "https://[]",
        "https://[::1]x",
        "https://[g]",
        "1https://a",
        "ht_tp://a",
        "https://b\xc3\xbcrger.example",
    };
    struct web_origin out;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(web_origin_parse(span(good[i].text), &out));
        assert_true(span_is(out.scheme, good[i].scheme));
        assert_true(span_is(out.host, good[i].host));
        assert_int_equal(out.port, good[i].port);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (web_origin_parse(span(bad[i]), &out))
            fail_msg("%s is no origin", bad[i]);
}

static void test_bounds(void **state ATTR_UNUSED)
{
    char text[WEB_ORIGIN_BYTES_MAX + 2];
    struct web_origin out;

    memset(text, 'a', sizeof(text));
    memcpy(text, "https://", 8);
    assert_true(web_origin_parse((struct span){(uint8_t *)text, WEB_ORIGIN_BYTES_MAX}, &out));
    assert_false(web_origin_parse((struct span){(uint8_t *)text, WEB_ORIGIN_BYTES_MAX + 1}, &out));
    /* A NUL ends nothing. */
    assert_false(web_origin_parse((struct span){(const uint8_t *)"https://a\0b", 11}, &out));
}

static void test_host(void **state ATTR_UNUSED)
{
    static const char *const own[][2] = {
        {"http://localhost:8000", "localhost:8000"},
        {"https://chat.example.org", "chat.example.org"},
        {"https://chat.example.org", "CHAT.example.org:443"},
        {"https://chat.example.org:443", "chat.example.org"},
        {"http://chat.example.org", "chat.example.org:80"},
        {"http://[::1]:8000", "[::1]:8000"},
        {"http://127.0.0.1:8000", " 127.0.0.1:8000 "},
    };
    static const char *const foreign[][2] = {
        {"http://localhost:8000", "localhost"},
        {"http://localhost", "localhost:8000"},
        {"http://localhost:8000", "localhost:8001"},
        {"https://chat.example.org", "chat.example.org:80"},
        {"https://chat.example.org.evil.example", "chat.example.org"},
        {"https://evil.example", "chat.example.org"},
        {"https://example.org", "chat.example.org"},
        {"null", "null"},
        {"", ""},
        {"https://a", ""},
        {"https://a", "a, b"},
        {"https://a", "a/"},
    };

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (!web_origin_is_host(span(own[i][0]), own[i][1]))
            fail_msg("%s is the page of %s", own[i][0], own[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (web_origin_is_host(span(foreign[i][0]), foreign[i][1]))
            fail_msg("%s is no page of %s", foreign[i][0], foreign[i][1]);
    assert_false(web_origin_is_host(span("https://a"), NULL));
}

static struct web_origins list(const char *text)
{
    struct web_origins out;
    char error[256] = "";

    if (!web_origins_parse(text, &out, error, sizeof(error)))
        fail_msg("%s: %s", text, error);
    return out;
}

static void check(const char *text, const char *origin, bool allowed)
{
    struct web_origins origins = list(text);

    if (web_origins_allow(&origins, span(origin)) != allowed)
        fail_msg("[%s] %s %s", text, allowed ? "has" : "has not", origin);
    web_origins_fini(&origins);
}

static void test_lists(void **state ATTR_UNUSED)
{
    static const char two[] = " https://chat.example.org ,http://localhost:3000\t";
    static const char below[] = "https://*.example.org, https://*.example.net:8443";

    check("", "https://chat.example.org", false);
    check("  ", "null", false);
    check(two, "https://chat.example.org", true);
    check(two, "https://chat.example.org:443", true);
    check(two, "HTTPS://CHAT.EXAMPLE.ORG", true);
    check(two, "http://localhost:3000", true);
    check(two, "http://chat.example.org", false);
    check(two, "https://chat.example.org:8443", false);
    check(two, "https://a.chat.example.org", false);
    check(two, "http://localhost", false);
    check(two, "null", false);
    check(below, "https://a.example.org", true);
    check(below, "https://a.b.Example.org", true);
    check(below, "https://a.example.net:8443", true);
    check(below, "https://example.org", false);
    check(below, "https://.example.org", false);
    check(below, "https://aexample.org", false);
    check(below, "http://a.example.org", false);
    check(below, "https://a.example.org:8443", false);
    check(below, "https://a.example.org.evil.example", false);
    check("*", "https://anything.example", true);
    check("*", "null", true);
    check("https://a, *", "nonsense", true);
    check("capacitor://localhost", "capacitor://localhost", true);
    check("capacitor://localhost", "http://localhost", false);
}

static void test_bad_lists(void **state ATTR_UNUSED)
{
    static const char *const bad[] = {
        ",",
        "https://a,",
        "https://a,,https://b",
        "https://a https://b",
        "chat.example.org",
        "https://chat.example.org/",
        "https://*",
        "https://*.",
        "https://*..a",
        "https://*.[::1]",
        "https://a.*.org",
        "https://*.*.org",
        "*.example.org",
        "**",
        "null",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct web_origins out;
        char error[256] = "";

        if (web_origins_parse(bad[i], &out, error, sizeof(error)))
            fail_msg("%s is no list", bad[i]);
        assert_true(error[0] != '\0' && out.count == 0 && out.items == NULL && !out.all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),   cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_host),      cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bad_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
