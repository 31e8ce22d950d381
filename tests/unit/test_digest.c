// needs: common/check
/* digest: published vectors (FIPS 180-4, RFC 4648) and round trips. */
#include "common/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_sha1(void **unused)
{
    uint8_t out[DIGEST_SHA1_SIZE];
    char hex[2 * DIGEST_SHA1_SIZE + 1];

    (void)unused;
    digest_sha1("", 0, out);
    digest_hex(out, sizeof(out), hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    digest_sha1("abc", 3, out);
    digest_hex(out, sizeof(out), hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void test_sha256(void **unused)
{
    uint8_t out[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    (void)unused;
    digest_sha256("", 0, out);
    digest_hex(out, sizeof(out), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256("abc", 3, out);
    digest_hex(out, sizeof(out), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_base64(void **unused)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
    };
    char out[DIGEST_BASE64_SIZE(6)];

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        size_t len = strlen(pairs[i][0]);

        digest_base64(pairs[i][0], len, out);
        assert_string_equal(out, pairs[i][1]);
        assert_int_equal(DIGEST_BASE64_SIZE(len), strlen(out) + 1);
    }
}

static void test_hex(void **unused)
{
    uint8_t bytes[256];
    uint8_t back[256];
    char hex[2 * sizeof(bytes) + 1];

    (void)unused;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    digest_hex(bytes, sizeof(bytes), hex);
    assert_int_equal(strlen(hex), 2 * sizeof(bytes));
    assert_true(digest_unhex(hex, strlen(hex), back, sizeof(back)));
    assert_memory_equal(bytes, back, sizeof(bytes));
}

static void test_unhex_is_strict(void **unused)
{
    static const char *const wrong[] = {"",   "0",   "000", "0g", "g0", " 0",
                                        "0x", "00 ", "/0",  ":0", "@0", "`0"};
    uint8_t out;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(digest_unhex(wrong[i], strlen(wrong[i]), &out, 1));
    assert_true(digest_unhex("aF", 2, &out, 1));
    assert_int_equal(out, 0xaf);
    assert_true(digest_unhex("", 0, &out, 0));
}

static void test_random(void **unused)
{
    uint8_t one[600];
    uint8_t two[600];

    (void)unused;
    memset(one, 0, sizeof(one));
    digest_random(one, sizeof(one));
    digest_random(two, sizeof(two));
    assert_memory_not_equal(one, two, 16);
    assert_memory_not_equal(one + 584, two + 584, 16);
    digest_random(one, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_unhex_is_strict),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
