// needs: common/mem common/check
/* Names as Unicode sees them: one form, one spelling, and what cannot be seen. */
#include "common/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef bool (*form_fn)(struct span text, char *out, size_t size, size_t *len_out);

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void check(form_fn form, const char *text, const char *wanted)
{
    char out[256];
    size_t len = 0;

    assert_true(form(span_of(text), out, sizeof(out), &len));
    assert_string_equal(out, wanted);
    assert_int_equal(len, strlen(wanted));
}

static void test_form_c(void **state ATTR_UNUSED)
{
    check(unicode_nfc, "", "");
    check(unicode_nfc, "Ada", "Ada");
    check(unicode_nfc, "Jose\xcc\x81", "Jos\xc3\xa9");
    check(unicode_nfc, "\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"); /* Hangul in pieces */
}

static void test_folded(void **state ATTR_UNUSED)
{
    check(unicode_fold, "ADA", "ada");
    check(unicode_fold, "\xef\xbc\xa1\xef\xbd\x84\xef\xbd\x81", "ada"); /* of full width */
    check(unicode_fold, "\xef\xac\x81sh", "fish");                      /* a ligature */
    check(unicode_fold, "JOSE\xcc\x81", "jos\xc3\xa9");
    check(unicode_fold,
          "Stra\xc3\x9f"
          "e",
          "strasse");
}

/* The character that becomes the most: eighteen of them. */
static void test_what_grows(void **state ATTR_UNUSED)
{
    char out[64];
    size_t len;

    assert_true(unicode_fold(span_of("\xef\xb7\xba"), out, sizeof(out), &len));
    assert_int_equal(len, 33);
    assert_false(unicode_fold(span_of("\xef\xb7\xba"), out, 33, &len));
    assert_false(unicode_nfc(span_of("abc"), out, 3, &len));
    assert_true(unicode_nfc(span_of("abc"), out, 4, &len));
}

static void test_visible(void **state ATTR_UNUSED)
{
    assert_true(unicode_visible(span_of("Ada Lovelace \xf0\x9f\x98\x80")));
    assert_false(unicode_visible(span_of("a\tb")));
    assert_false(unicode_visible(span_of("a\xe2\x80\xae"
                                         "b"))); /* right-to-left override */
    assert_false(unicode_visible(span_of("a\xe2\x80\x8d"
                                         "b")));            /* zero width joiner */
    assert_false(unicode_visible(span_of("\xe3\x85\xa4"))); /* Hangul filler */
    assert_false(unicode_visible(span_of("a\xc2\xa0"
                                         "b"))); /* no-break space */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_c),
        cmocka_unit_test(test_folded),
        cmocka_unit_test(test_what_grows),
        cmocka_unit_test(test_visible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
