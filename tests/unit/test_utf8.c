// needs: common/utf8
/* utf8: every boundary of RFC 3629, section 4, whole, byte by byte, and behind ASCII of any length.
 */
#include "common/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Bytes, and how many of them may come before the validator refuses; -1: all are right. */
struct sample {
    const char *bytes;
    size_t len;
    int accepted;
    bool complete;
};

#define GOOD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1, -1, true                                                           \
    }
#define CUT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1, -1, false                                                          \
    }
#define BAD(text, at)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1, at, false                                                          \
    }

static const struct sample samples[] = {
    GOOD(""),
    GOOD("plain"),
    GOOD("\x00"),
    GOOD("\x7f"),
    GOOD("\xc2\x80"),
    GOOD("\xdf\xbf"),
    GOOD("\xe0\xa0\x80"),
    GOOD("\xe1\x80\x80"),
    GOOD("\xec\xbf\xbf"),
    GOOD("\xed\x80\x80"),
    GOOD("\xed\x9f\xbf"),
    GOOD("\xee\x80\x80"),
    GOOD("\xef\xbf\xbd"),
    GOOD("\xef\xbf\xbf"),
    GOOD("\xf0\x90\x80\x80"),
    GOOD("\xf1\x80\x80\x80"),
    GOOD("\xf3\xbf\xbf\xbf"),
    GOOD("\xf4\x8f\xbf\xbf"),
    GOOD("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"),
    GOOD("\xf0\x9f\x92\xac chat"),
    CUT("\xc2"),
    CUT("\xe0\xa0"),
    CUT("\xed\x9f"),
    CUT("\xf0\x90\x80"),
    CUT("text\xf4\x8f"),
    /* A continuation without a lead; leads that no character has. */
    BAD("\x80", 0),
    BAD("\xbf", 0),
    BAD("\xc0\x80", 0),
    BAD("\xc1\xbf", 0),
    BAD("\xf5\x80\x80\x80", 0),
    BAD("\xf8\x88\x80\x80\x80", 0),
    BAD("\xfe", 0),
    BAD("\xff", 0),
    /* Overlong forms, surrogates, above U+10FFFF: known at the second byte. */
    BAD("\xe0\x80\x80", 1),
    BAD("\xe0\x9f\xbf", 1),
    BAD("\xf0\x80\x80\x80", 1),
    BAD("\xf0\x8f\xbf\xbf", 1),
    BAD("\xed\xa0\x80", 1),
    BAD("\xed\xbf\xbf", 1),
    BAD("\xf4\x90\x80\x80", 1),
    /* A lead or ASCII where a continuation is due. */
    BAD("\xc2\x41", 1),
    BAD("\xc2\xc2", 1),
    BAD("\xe1\x80\x41", 2),
    BAD("\xe1\x80\xc0", 2),
    BAD("\xf1\x80\x80\x41", 3),
    BAD("\xf1\x80\x80\xff", 3),
    BAD("one\xf0\x9f\x92\xac\xff", 7),
    BAD("\xed\x9f\xbf\xed\xa0\x80", 4),
};

static void expect_split(const uint8_t *bytes, size_t len, size_t first, bool good, bool complete)
{
    struct utf8_state state = {0};
    bool fed = utf8_feed(&state, bytes, first) && utf8_feed(&state, bytes + first, len - first);

    assert_int_equal(fed, good);
    if (good)
        assert_int_equal(utf8_complete(&state), complete);
}

static void test_samples(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *sample = &samples[i];
        uint8_t bytes[64];

        for (size_t ascii = 0; ascii <= 20; ascii++) {
            size_t len = ascii + sample->len;

            memset(bytes, 'a', ascii);
            memcpy(bytes + ascii, sample->bytes, sample->len);
            assert_int_equal(utf8_valid(bytes, len), sample->accepted < 0 && sample->complete);
            for (size_t first = 0; first <= len; first++)
                expect_split(bytes, len, first, sample->accepted < 0, sample->complete);
        }
    }
}

static void test_refuses_at_the_first_wrong_byte(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        const struct sample *sample = &samples[i];
        struct utf8_state state = {0};

        for (size_t at = 0; at < sample->len; at++) {
            bool fed = utf8_feed(&state, sample->bytes + at, 1);

            assert_int_equal(fed, sample->accepted < 0 || at < (size_t)sample->accepted);
            if (!fed)
                break;
        }
    }
}

static size_t encode(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

static void test_every_code_point(void **unused)
{
    (void)unused;
    for (uint32_t point = 0; point < 0x120000; point++) {
        uint8_t bytes[4];
        size_t len = encode(point, bytes);
        bool character = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);

        assert_int_equal(utf8_valid(bytes, len), character);
        if (character)
            assert_int_equal(utf8_length(bytes, len), 1);
    }
}

static void test_every_two_bytes(void **unused)
{
    (void)unused;
    for (unsigned value = 0; value < 0x10000; value++) {
        uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        bool ascii = bytes[0] < 0x80 && bytes[1] < 0x80;
        bool pair = bytes[0] >= 0xc2 && bytes[0] <= 0xdf && bytes[1] >= 0x80 && bytes[1] <= 0xbf;

        assert_int_equal(utf8_valid(bytes, 2), ascii || pair);
    }
}

static void test_length(void **unused)
{
    (void)unused;
    assert_int_equal(utf8_length("", 0), 0);
    assert_int_equal(utf8_length("abc", 3), 3);
    assert_int_equal(utf8_length("\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xac!", 10), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_refuses_at_the_first_wrong_byte),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_two_bytes),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
