// needs: common/mem common/check
/* Names as Unicode sees them: one form, one spelling, and what cannot be seen. */
#include "common/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static void check(const char *text, const char *wanted)
{
    char out[256];
    size_t len = 0;

    assert_true(unicode_nfc(span_of(text), out, sizeof(out), &len));
    assert_string_equal(out, wanted);
    assert_int_equal(len, strlen(wanted));
}

static void test_form_c(void **state ATTR_UNUSED)
{
    check("", "");
    check("Ada", "Ada");
    check("Jose\xcc\x81", "Jos\xc3\xa9");
    check("\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"); /* Hangul in pieces */
}

static void test_what_does_not_fit(void **state ATTR_UNUSED)
{
    char out[8];
    size_t len;

    assert_false(unicode_nfc(span_of("abc"), out, 3, &len));
    assert_true(unicode_nfc(span_of("abc"), out, 4, &len));
    assert_int_equal(len, 3);
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
        cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_visible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
