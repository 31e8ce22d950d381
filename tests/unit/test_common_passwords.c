// needs: gen/common_passwords common/mem common/check
/* common_passwords: each line of the file is found, in any letter case; nothing else is. */
#include "common/common_passwords.h"
#include "common/limits.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct span text(const char *bytes)
{
    return (struct span){(const uint8_t *)bytes, strlen(bytes)};
}

static void test_each_line(void **unused)
{
    char before[128] = "";
    size_t count = 0;

    (void)unused;
    assert_int_equal(common_passwords_text[common_passwords_len - 1], '\n');
    for (size_t at = 0; at < common_passwords_len; count++) {
        const unsigned char *end =
            memchr(common_passwords_text + at, '\n', common_passwords_len - at);
        size_t len = (size_t)(end - (common_passwords_text + at));
        char line[128];

        assert_in_range(len, PASSWORD_BYTES_MIN, 64);
        memcpy(line, common_passwords_text + at, len);
        line[len] = '\0';
        if (strcmp(before, line) >= 0)
            fail_msg("\"%s\" stands after \"%s\"", line, before);
        memcpy(before, line, len + 1);
        assert_true(common_passwords_have(text(line)));
        for (size_t i = 0; i < len; i++) {
            assert_true(isgraph((unsigned char)line[i]) && !isupper((unsigned char)line[i]));
            line[i] = (char)toupper((unsigned char)line[i]);
        }
        assert_true(common_passwords_have(text(line)));
        at += len + 1;
    }
    assert_true(count > 5000);
}

static void test_others(void **unused)
{
    static const char *const others[] = {
        "",
        "correct horse",
        "passwor",
        "password\n",
        "password password",
        "\n",
        "!",
        "~~~~~~~~~~~~~",
        "\x80\xff\xfe",
        "zzzzzzzzzzzz",
        "00000000000000000001",
        "p4ssw0rd-of-my-own",
    };
    char longest[PASSWORD_BYTES_MAX + 1];

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (common_passwords_have(text(others[i])))
            fail_msg("\"%s\" is said to be common", others[i]);
    memset(longest, 'a', PASSWORD_BYTES_MAX);
    longest[PASSWORD_BYTES_MAX] = '\0';
    assert_false(common_passwords_have(text(longest)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
