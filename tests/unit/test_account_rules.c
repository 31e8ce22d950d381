// needs: common/check common/clock common/common_passwords common/mem common/unicode common/utf8 gen/common_passwords
/* account_rules: what new names, addresses and passwords may be, and what stays good for old ones.
 */
#include "common/account_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct span text(const char *bytes)
{
    return (struct span){(const uint8_t *)bytes, strlen(bytes)};
}

/* ---- names ---- */

/* What is sent, and what is stored; NULL: refused. */
static const struct {
    const char *sent;
    const char *stored;
} names[] = {
    {"ada", "ada"},
    {"x", "x"},
    {"Ada Lovelace", "Ada Lovelace"},
    {"Robert'); DROP TABLE users;--", "Robert'); DROP TABLE users;--"},
    /* Normalization Form C: letters and their marks, Hangul, the order of marks, singletons */
    {"zoe\xcc\x88", "zo\xc3\xab"},
    {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"},
    {"q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87"},
    {"\xe2\x84\xab", "\xc3\x85"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    /* nothing, blanks at the edges, two in a row, other blanks */
    {"", NULL},
    {" ", NULL},
    {" ada", NULL},
    {"ada ", NULL},
    {"a  da", NULL},
    {"a\xc2\xa0"
     "da",
     NULL},
    {"a\xe3\x80\x80"
     "da",
     NULL},
    {"a\xe2\x80\xa8"
     "da",
     NULL},
    /* controls: C0, DEL, C1 */
    {"a\x01", NULL},
    {"a\nb", NULL},
    {"a\x7f", NULL},
    {"a\xc2\x9b", NULL},
    /* marks of direction: U+200E, U+202E, U+2066, U+061C */
    {"\xe2\x80\x8e"
     "ada",
     NULL},
    {"a\xe2\x80\xae"
     "da",
     NULL},
    {"a\xe2\x81\xa6"
     "da",
     NULL},
    {"a\xd8\x9c"
     "da",
     NULL},
    /* of no width: U+200B, U+200D, U+2060, U+FEFF, U+00AD, U+FE0F, U+034F, U+E0041, U+3164 */
    {"a\xe2\x80\x8b"
     "da",
     NULL},
    {"a\xe2\x80\x8d"
     "da",
     NULL},
    {"a\xe2\x81\xa0"
     "da",
     NULL},
    {"\xef\xbb\xbf"
     "ada",
     NULL},
    {"a\xc2\xad"
     "da",
     NULL},
    {"a\xef\xb8\x8f", NULL},
    {"a\xcd\x8f"
     "da",
     NULL},
    {"a\xf3\xa0\x81\x81", NULL},
    {"\xe3\x85\xa4", NULL},
    /* private, not assigned, no character */
    {"a\xee\x80\x80", NULL},
    {"a\xcd\xb8", NULL},
    {"a\xef\xbf\xbf", NULL},
};

static void test_names(void **unused)
{
    struct account_name name;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *fault = account_take_username(text(names[i].sent), &name);

        if ((fault == NULL) != (names[i].stored != NULL))
            fail_msg("\"%s\": %s", names[i].sent, fault != NULL ? fault : "taken");
        if (fault == NULL) {
            assert_string_equal(name.text, names[i].stored);
            assert_int_equal(name.len, strlen(names[i].stored));
        }
    }
}

static void repeat(char *out, const char *piece, size_t times)
{
    size_t len = strlen(piece);

    for (size_t i = 0; i < times; i++)
        memcpy(out + i * len, piece, len);
    out[times * len] = '\0';
}

static void test_longest_names(void **unused)
{
    struct account_name name;
    char sent[64 * 1024];

    (void)unused;
    repeat(sent, "\xf0\x9f\x98\x80", USERNAME_CHARS_MAX);
    assert_null(account_take_username(text(sent), &name));
    repeat(sent, "\xf0\x9f\x98\x80", USERNAME_CHARS_MAX + 1);
    assert_non_null(account_take_username(text(sent), &name));
    /* Three characters that become one: counted as they are stored. */
    repeat(sent, "\xce\xb9\xcc\x88\xcc\x81", USERNAME_CHARS_MAX);
    assert_null(account_take_username(text(sent), &name));
    assert_int_equal(name.len, 2 * USERNAME_CHARS_MAX);
    repeat(sent, "a", sizeof(sent) - 1);
    assert_non_null(account_take_username(text(sent), &name));
    /* Marks in the wrong order, as many as fit into a body. */
    repeat(sent, "\xcc\x87\xcc\xa3", 16000);
    assert_non_null(account_take_username(text(sent), &name));
}

static void test_names_that_are_there(void **unused)
{
    static const char turned[] = "a\xe2\x80\xae"
                                 "da";
    static const char *const old[] = {" ada", "a  da", turned, "zoe\xcc\x88", "\xee\x80\x80"};
    struct account_name name;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(old); i++)
        assert_null(account_known_username_fault(text(old[i])));
    assert_non_null(account_known_username_fault(text("")));
    assert_non_null(account_known_username_fault(text("a\x1b[2J")));
    assert_non_null(account_known_username_fault(text("a\xc2\x9b")));
    assert_true(account_normal_username(text("zoe\xcc\x88"), &name));
    assert_string_equal(name.text, "zo\xc3\xab");
}

/* ---- e-mail addresses ---- */

static const struct {
    const char *sent;
    const char *stored;
} addresses[] = {
    {"ada@example.org", "ada@example.org"},
    {"a@b", "a@b"},
    {"Ada.Lovelace+chat@Example.ORG", "Ada.Lovelace+chat@example.org"},
    {"!#$%&'*+-/=?^_`{|}~0@x-y.z", "!#$%&'*+-/=?^_`{|}~0@x-y.z"},
    {"zoe\xcc\x88@ex\xc3\xa4mple.org", "zo\xc3\xab@ex\xc3\xa4mple.org"},
    {"", NULL},
    {"nobody", NULL},
    {"@example.org", NULL},
    {"nobody@", NULL},
    {"a@b@c", NULL},
    {".a@b", NULL},
    {"a.@b", NULL},
    {"a..b@c", NULL},
    {"a b@c", NULL},
    {"\"a b\"@c", NULL},
    {"a(b)@c", NULL},
    {"a,b@c", NULL},
    {"<a@b>", NULL},
    {"a@.b", NULL},
    {"a@b.", NULL},
    {"a@b..c", NULL},
    {"a@-b", NULL},
    {"a@b-", NULL},
    {"a@b-.c", NULL},
    {"a@b_c", NULL},
    {"a@[127.0.0.1]", NULL},
    {"a@b\n", NULL},
    {"a\xe2\x80\xae@b", NULL},
    {"a@b\xe2\x80\x8b", NULL},
};

static void test_addresses(void **unused)
{
    struct account_email email;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        const char *fault = account_take_email(text(addresses[i].sent), &email);

        if ((fault == NULL) != (addresses[i].stored != NULL))
            fail_msg("\"%s\": %s", addresses[i].sent, fault != NULL ? fault : "taken");
        if (fault == NULL)
            assert_string_equal(email.text, addresses[i].stored);
    }
}

static void test_longest_addresses(void **unused)
{
    struct account_email email;
    char local[80];
    char domain[300];
    char sent[400];

    (void)unused;
    repeat(local, "x", 64);
    repeat(domain, "abcdefghi.", 19); /* 190 */
    snprintf(sent, sizeof(sent), "%s@%s", local, domain);
    sent[strlen(sent) - 1] = '\0'; /* 64 + 1 + 189 = 254 */
    assert_int_equal(strlen(sent), EMAIL_CHARS_MAX);
    assert_null(account_take_email(text(sent), &email));
    strcat(sent, "j");
    assert_non_null(account_take_email(text(sent), &email));
    repeat(local, "x", 65);
    snprintf(sent, sizeof(sent), "%s@b", local);
    assert_non_null(account_take_email(text(sent), &email));
    repeat(domain, "d", 63);
    snprintf(sent, sizeof(sent), "a@%s.org", domain);
    assert_null(account_take_email(text(sent), &email));
    repeat(domain, "d", 64);
    snprintf(sent, sizeof(sent), "a@%s.org", domain);
    assert_non_null(account_take_email(text(sent), &email));
}

/* ---- passwords ---- */

static enum err check(const char *password)
{
    const char *sentence = NULL;
    enum err err = account_check_new_password(text(password), text("ada lovelace"),
                                              text("ada@example.org"), &sentence);

    assert_true((sentence != NULL) == (err != ERR_NONE));
    return err;
}

static void test_new_passwords(void **unused)
{
    char password[PASSWORD_BYTES_MAX + 2];

    (void)unused;
    assert_int_equal(check("correct horse"), ERR_NONE);
    assert_int_equal(check("\xf0\x9f\x94\x91\xf0\x9f\x94\x91"), ERR_NONE); /* eight bytes */
    assert_int_equal(check(""), ERR_PASSWORD_TOO_SHORT);
    assert_int_equal(check("seven77"), ERR_PASSWORD_TOO_SHORT);
    assert_int_equal(check("password"), ERR_PASSWORD_TOO_COMMON);
    assert_int_equal(check("PassWord1"), ERR_PASSWORD_TOO_COMMON);
    assert_int_equal(check("12345678"), ERR_PASSWORD_TOO_COMMON);
    assert_int_equal(check("%%%%%%%%%%%%"), ERR_PASSWORD_TOO_COMMON);
    assert_int_equal(check("Ada Lovelace"), ERR_PASSWORD_TOO_COMMON);
    assert_int_equal(check("ADA@example.org"), ERR_PASSWORD_TOO_COMMON);
    assert_int_equal(check("ada@example.orgy"), ERR_NONE);
    repeat(password, "ab", PASSWORD_BYTES_MAX / 2);
    assert_int_equal(check(password), ERR_NONE);
    strcat(password, "a");
    assert_int_equal(check(password), ERR_VALIDATION);
}

static void test_passwords_that_are_there(void **unused)
{
    char password[PASSWORD_BYTES_MAX + 2];

    (void)unused;
    assert_null(account_password_fault(text("x")));
    assert_null(account_password_fault(text("password")));
    assert_non_null(account_password_fault(text("")));
    repeat(password, "x", PASSWORD_BYTES_MAX);
    assert_null(account_password_fault(text(password)));
    repeat(password, "x", PASSWORD_BYTES_MAX + 1);
    assert_non_null(account_password_fault(text(password)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_longest_names),
        cmocka_unit_test(test_names_that_are_there),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_longest_addresses),
        cmocka_unit_test(test_new_passwords),
        cmocka_unit_test(test_passwords_that_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
