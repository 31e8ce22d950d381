// needs: common/mem common/check common/clock
/* password: hashes and their checks, and that an unknown name costs what a wrong password does. */
#include "common/password.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LOG2N      4  /* as cheap as can be */
#define LOG2N_SLOW 13 /* some milliseconds: enough to measure */
#define TRIES      7

static const char *const passwords[] = {
    "secret", "",
    " ",      "\xf0\x9f\x94\x91 gr\xc3\xbc\xc3\x9f",
    "$s1$",   "0123456789012345678901234567890123456789",
};

static void test_hash_and_check(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        char hash[PASSWORD_HASH_SIZE] = "";

        assert_true(password_hash(passwords[i], LOG2N, hash));
        assert_memory_equal(hash, "$s1$", 4);
        assert_true(strlen(hash) < sizeof(hash));
        for (size_t j = 0; j < ARRAY_LEN(passwords); j++)
            assert_int_equal(password_check(passwords[j], hash, LOG2N), i == j);
    }
}

static void test_nearly_the_password(void **unused)
{
    static const char *const wrong[] = {"Secret",  "secre",   "secrets",
                                        " secret", "secret ", "terces"};
    char hash[PASSWORD_HASH_SIZE] = "";

    (void)unused;
    assert_true(password_hash("secret", LOG2N, hash));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(password_check(wrong[i], hash, LOG2N));
    assert_true(password_check("secret", hash, LOG2N));
}

static void test_longest_password(void **unused)
{
    char password[PASSWORD_BYTES_MAX + 1];
    char hash[PASSWORD_HASH_SIZE] = "";

    (void)unused;
    memset(password, 'p', PASSWORD_BYTES_MAX);
    password[PASSWORD_BYTES_MAX] = '\0';
    assert_true(password_hash(password, LOG2N, hash));
    assert_true(password_check(password, hash, LOG2N));
    password[PASSWORD_BYTES_MAX - 1] = 'q'; /* the last byte counts */
    assert_false(password_check(password, hash, LOG2N));
    password[PASSWORD_BYTES_MAX - 1] = '\0';
    assert_false(password_check(password, hash, LOG2N));
}

static void test_salted(void **unused)
{
    char one[PASSWORD_HASH_SIZE] = "";
    char other[PASSWORD_HASH_SIZE] = "";

    (void)unused;
    assert_true(password_hash("secret", LOG2N, one));
    assert_true(password_hash("secret", LOG2N, other));
    assert_string_not_equal(one, other);
    assert_true(password_check("secret", one, LOG2N));
    assert_true(password_check("secret", other, LOG2N));
}

/* The check leaves the stored hash alone, and takes the cost from it: the setting may change. */
static void test_other_cost(void **unused)
{
    char hash[PASSWORD_HASH_SIZE] = "";
    char before[PASSWORD_HASH_SIZE];

    (void)unused;
    assert_true(password_hash("secret", LOG2N + 3, hash));
    memcpy(before, hash, sizeof(hash));
    assert_true(password_check("secret", hash, LOG2N));
    assert_false(password_check("public", hash, LOG2N));
    assert_memory_equal(hash, before, sizeof(hash));
}

/* Vectors of the tests of Openwall's crypt_blowfish 1.3 (wrapper.c, public domain); the last one is
 * what Python's passlib writes. */
static const struct {
    const char *hash;
    const char *password;
} bcrypt_vectors[] = {
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
    {"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
    {"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
    {"$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
};

static void test_bcrypt(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(bcrypt_vectors); i++) {
        char hash[PASSWORD_HASH_SIZE] = "";

        memcpy(hash, bcrypt_vectors[i].hash, strlen(bcrypt_vectors[i].hash));
        assert_true(password_is_bcrypt(hash));
        assert_true(password_check(bcrypt_vectors[i].password, hash, LOG2N));
        assert_false(password_check("u*u", hash, LOG2N));
        assert_string_equal(hash, bcrypt_vectors[i].hash);
        hash[59] ^= 1;
        assert_false(password_check(bcrypt_vectors[i].password, hash, LOG2N));
    }
}

/* Its 72 bytes are all that bcrypt looks at; what the original let in is let in here. */
static void test_bcrypt_of_long_password(void **unused)
{
    char hash[PASSWORD_HASH_SIZE] = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    char password[80];

    (void)unused;
    snprintf(password, sizeof(password), "%s",
             "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    assert_true(password_check(password, hash, LOG2N));
    strcat(password, "more");
    assert_true(password_check(password, hash, LOG2N));
    password[71] = 'x';
    assert_false(password_check(password, hash, LOG2N));
}

static void test_what_is_no_bcrypt(void **unused)
{
    static const char *const hashes[] = {
        "",
        "$2b$",
        "$2b$05$short",
        "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW.",
        "$2a$16$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /* minutes */
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /* weeks */
        "$6$rounds=1000$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        char hash[PASSWORD_HASH_SIZE] = "";

        memcpy(hash, hashes[i], strlen(hashes[i]));
        assert_false(password_is_bcrypt(hash));
        assert_false(password_check("U*U", hash, LOG2N));
    }
}

/* What a row may hold instead of a hash: the erased account's, or nonsense. */
static void test_no_hash(void **unused)
{
    static const char *const hashes[] = {"",
                                         "$",
                                         "$s1$",
                                         "$s1$040801$",
                                         "$s1$040801$$",
                                         "secret",
                                         "$s1$040801$c2FsdA==$",
                                         "$2b$10$abcdefghijklmnopqrstuu"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        char hash[PASSWORD_HASH_SIZE] = "";

        memcpy(hash, hashes[i], strlen(hashes[i]));
        assert_false(password_check("secret", hash, LOG2N));
        assert_false(password_check("", hash, LOG2N));
    }
    assert_false(password_check("secret", NULL, LOG2N));
    assert_false(password_check("", NULL, LOG2N));
}

/* The least of a few tries, so that other load on the machine does not count. */
static uint64_t time_of_check(const char *hash)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t began = clock_mono_us();
        uint64_t took;

        assert_false(password_check("public", hash, LOG2N_SLOW));
        took = clock_mono_us() - began;
        least = MIN(least, took);
    }
    return least;
}

static void test_unknown_user_takes_as_long(void **unused)
{
    char hash[PASSWORD_HASH_SIZE] = "";
    uint64_t known;
    uint64_t unknown;

    (void)unused;
    assert_true(password_hash("secret", LOG2N_SLOW, hash));
    known = time_of_check(hash);
    for (unsigned i = 0; i < 2; i++) {
        char empty[PASSWORD_HASH_SIZE] = ""; /* an account that cannot log in */

        unknown = time_of_check(i == 0 ? NULL : empty);
        if (known > 3 * unknown || unknown > 3 * known)
            fail_msg("known %llu us, unknown %llu us", (unsigned long long)known,
                     (unsigned long long)unknown);
    }
    assert_true(known > 500); /* or the measure says nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_and_check),
        cmocka_unit_test(test_nearly_the_password),
        cmocka_unit_test(test_longest_password),
        cmocka_unit_test(test_salted),
        cmocka_unit_test(test_other_cost),
        cmocka_unit_test(test_bcrypt),
        cmocka_unit_test(test_bcrypt_of_long_password),
        cmocka_unit_test(test_what_is_no_bcrypt),
        cmocka_unit_test(test_no_hash),
        cmocka_unit_test(test_unknown_user_takes_as_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
