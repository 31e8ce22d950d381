// needs: common/digest common/mem common/check
#include "common/db_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct good {
    const char *text;
    struct db_url url;
};

static char *s(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void assert_text(const char *text, const char *field, const char *got, const char *wanted)
{
    if ((got == NULL) != (wanted == NULL) || (got != NULL && strcmp(got, wanted) != 0))
        fail_msg("%s: %s is %s, not %s", text, field, got != NULL ? got : "NULL",
                 wanted != NULL ? wanted : "NULL");
}

static void test_good(void **state ATTR_UNUSED)
{
    const struct good goods[] = {
        {"mysql://u:p@db.example:3307/chat",
         {s("u"), s("p"), s("db.example"), NULL, s("chat"), 3307, DB_URL_TLS_ANY, NULL, NULL,
          NULL}},
        {"mysql://u@h/chat",
         {s("u"), NULL, s("h"), NULL, s("chat"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://u:@h/chat",
         {s("u"), s(""), s("h"), NULL, s("chat"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://u:a:b%40%2f%25@h/c",
         {s("u"), s("a:b@/%"), s("h"), NULL, s("c"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://a%3Ab:p@h/c%3Fd",
         {s("a:b"), s("p"), s("h"), NULL, s("c?d"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://u@[::1]:65535/c",
         {s("u"), NULL, s("::1"), NULL, s("c"), 65535, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://u@[fe80::1%25eth0]/c",
         {s("u"), NULL, s("fe80::1%eth0"), NULL, s("c"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://u@10.0.0.1:1/c",
         {s("u"), NULL, s("10.0.0.1"), NULL, s("c"), 1, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://banter@/banter?socket=/run/db/my.sock",
         {s("banter"), NULL, NULL, s("/run/db/my.sock"), s("banter"), 3306, DB_URL_TLS_ANY, NULL,
          NULL, NULL}},
        {"mysql://u:p@localhost/c?socket=%2Ftmp%2Fa b",
         {s("u"), s("p"), NULL, s("/tmp/a b"), s("c"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
        {"mysql://u:\xc3\xa9@h/c",
         {s("u"), s("\xc3\xa9"), s("h"), NULL, s("c"), 3306, DB_URL_TLS_ANY, NULL, NULL, NULL}},
    };

    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        const char *text = goods[i].text;
        const struct db_url *wanted = &goods[i].url;
        struct db_url url;
        char error[160] = "";

        if (!db_url_parse(text, &url, error, sizeof(error)))
            fail_msg("%s: %s", text, error);
        assert_text(text, "user", url.user, wanted->user);
        assert_text(text, "password", url.password, wanted->password);
        assert_text(text, "host", url.host, wanted->host);
        assert_text(text, "socket", url.socket, wanted->socket);
        assert_text(text, "name", url.name, wanted->name);
        assert_int_equal(url.port, wanted->port);
        db_url_fini(&url);
        assert_null(url.user);
    }
}

static void test_bad(void **state ATTR_UNUSED)
{
    static const struct {
        const char *text;
        const char *says;
    } bads[] = {
        {"", "begin with mysql://"},
        {"mysql:/u@h/c", "begin with mysql://"},
        {"postgres://u:secret@h/c", "begin with mysql://"},
        {"mysql://", "names no user"},
        {"mysql://h/c", "names no user"},
        {"mysql://@h/c", "empty user"},
        {"mysql://:secret@h/c", "empty user"},
        {"mysql://u:sec/ret@h/c", "names no user"},
        {"mysql://u:secret@h", "no database"},
        {"mysql://u:secret@h?c", "no database"},
        {"mysql://u:secret@h/", "no database"},
        {"mysql://u:secret@/c", "neither a host nor a socket"},
        {"mysql://u:secret@:3306/c", "port without a host"},
        {"mysql://u:secret@h:/c", "1 to 65535"},
        {"mysql://u:secret@h:0/c", "1 to 65535"},
        {"mysql://u:secret@h:65536/c", "1 to 65535"},
        {"mysql://u:secret@h:4294970602/c", "1 to 65535"},
        {"mysql://u:secret@h:33x/c", "1 to 65535"},
        {"mysql://u:secret@h:-1/c", "1 to 65535"},
        {"mysql://u:secret@[::1/c", "closing bracket"},
        {"mysql://u:secret@[::1]x/c", "something other than a port"},
        {"mysql://u:secret@[]:1/c", "port without a host"},
        {"mysql://u:secret@[]/c", "neither a host nor a socket"},
        {"mysql://u:secret%@h/c", "two hex digits"},
        {"mysql://u:secret%4@h/c", "two hex digits"},
        {"mysql://u:secret%4g@h/c", "two hex digits"},
        {"mysql://u:secret%00@h/c", "two hex digits"},
        {"mysql://u:secret@h/c?ssl=1", "something other than socket="},
        {"mysql://u:secret@h/c?", "something other than socket="},
        {"mysql://u:secret@h/c?tls", "something other than socket="},
        {"mysql://u:secret@h/c?tls=required&", "something other than socket="},
        {"mysql://u:secret@h/c?=/x", "something other than socket="},
        {"mysql://u:secret@h/c#x", "something other than ?socket="},
        {"mysql://u:secret@h/c/d", "something other than ?socket="},
        {"mysql://u:secret@h/c?tls=", "neither required nor verify"},
        {"mysql://u:secret@h/c?tls=off", "neither required nor verify"},
        {"mysql://u:secret@h/c?tls=verify&tls=verify", "tls= twice"},
        {"mysql://u:secret@h/c?tls=verify#x", "a #"},
        {"mysql://u:secret@h/c?tls=verify&tls_ca=x", "not an absolute path"},
        {"mysql://u:secret@h/c?tls=verify&tls_ca=/x&tls_ca=/x", "a file twice"},
        {"mysql://u:secret@h/c?tls=required&tls_ca=/x", "only tls=verify looks at"},
        {"mysql://u:secret@h/c?tls_ca=/x", "only tls=verify looks at"},
        {"mysql://u:secret@h/c?tls=verify&tls_cert=/x", "only one of"},
        {"mysql://u:secret@h/c?tls=verify&tls_key=/x", "only one of"},
        {"mysql://u:secret@h/c?tls_key=/x&tls_cert=/y", "without tls="},
        {"mysql://u:secret@/c?socket=/x&tls=required", "on a socket"},
        {"mysql://u:secret@/c?tls=required", "neither a host nor a socket"},
        {"mysql://u:secret@h/c?socket=/x", "both a host and a socket"},
        {"mysql://u:secret@/c?socket=", "not an absolute path"},
        {"mysql://u:secret@/c?socket=x", "not an absolute path"},
        {"mysql://u:secret@/c?socket=/x&y=1", "something other than socket="},
        {"mysql://u:secret@/c?socket=/x&socket=/x", "a file twice"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        struct db_url url;
        char error[160] = "";

        if (db_url_parse(bads[i].text, &url, error, sizeof(error)))
            fail_msg("%s is taken", bads[i].text);
        if (strstr(error, bads[i].says) == NULL)
            fail_msg("%s: '%s' does not say '%s'", bads[i].text, error, bads[i].says);
        assert_null(strstr(error, "sec"));
    }
}

static void test_tls(void **state ATTR_UNUSED)
{
    struct db_url url;
    char error[160];

    assert_true(db_url_parse("mysql://u@h/c", &url, error, sizeof(error)));
    assert_int_equal(url.tls, DB_URL_TLS_ANY);
    db_url_fini(&url);
    assert_true(db_url_parse("mysql://u@h:1/c?tls=required", &url, error, sizeof(error)));
    assert_int_equal(url.tls, DB_URL_TLS_REQUIRED);
    assert_null(url.tls_ca);
    db_url_fini(&url);
    assert_true(db_url_parse("mysql://u@h/c?tls_key=/k&tls_ca=%2Fa%26b&tls=verify&tls_cert=/c",
                             &url, error, sizeof(error)));
    assert_int_equal(url.tls, DB_URL_TLS_VERIFY);
    assert_text("verify", "tls_ca", url.tls_ca, "/a&b");
    assert_text("verify", "tls_cert", url.tls_cert, "/c");
    assert_text("verify", "tls_key", url.tls_key, "/k");
    assert_text("verify", "host", url.host, "h");
    db_url_fini(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_tls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
