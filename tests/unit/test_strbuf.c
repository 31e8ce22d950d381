// needs: common/mem common/check
/* strbuf: always NUL-terminated, grows by itself, gives its memory away. */
#include "common/strbuf.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_empty(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;
    char *text;

    (void)unused;
    assert_string_equal(strbuf_str(&buf), "");
    strbuf_reset(&buf);
    strbuf_add(&buf, NULL, 0);
    assert_string_equal(strbuf_str(&buf), "");
    strbuf_fini(&buf);
    strbuf_fini(&buf);
    text = strbuf_take(&buf);
    assert_string_equal(text, "");
    mem_free(text);
}

static void test_adding(void **unused)
{
    struct strbuf buf;

    (void)unused;
    strbuf_init(&buf);
    strbuf_add_str(&buf, "id=");
    strbuf_add_u64(&buf, 0);
    strbuf_add_char(&buf, ',');
    strbuf_add_u64(&buf, UINT64_MAX);
    strbuf_printf(&buf, " %s=%d", "x", -5);
    strbuf_add(&buf, "ab\0c", 2);
    assert_string_equal(strbuf_str(&buf), "id=0,18446744073709551615 x=-5ab");
    assert_int_equal(buf.len, strlen(buf.data));
    strbuf_reset(&buf);
    assert_string_equal(strbuf_str(&buf), "");
    strbuf_add(&buf, "a\0b", 3);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.data, "a\0b", 4);
    strbuf_fini(&buf);
}

static void test_digits(void **unused)
{
    char space[STRBUF_U64_SIZE];

    (void)unused;
    assert_string_equal(strbuf_u64(0, space), "0");
    assert_string_equal(strbuf_u64(10, space), "10");
    assert_string_equal(strbuf_u64(UINT64_MAX, space), "18446744073709551615");
    assert_ptr_equal(strbuf_u64(UINT64_MAX, space), space);
}

static void test_growth(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;

    (void)unused;
    for (size_t i = 0; i < 5000; i++) {
        strbuf_add_char(&buf, (char)('a' + i % 26));
        assert_true(buf.len == i + 1 && buf.capacity > buf.len && buf.data[buf.len] == '\0');
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    /* A printf of each length around the end of the memory. */
    strbuf_reset(&buf);
    for (int i = 0; i < 300; i++) {
        size_t before = buf.len;

        strbuf_printf(&buf, "%*d", i, 7);
        assert_int_equal(buf.len, before + (size_t)(i > 0 ? i : 1));
        assert_int_equal(buf.data[buf.len - 1], '7');
    }
    strbuf_fini(&buf);
}

static void test_reserve_and_take(void **unused)
{
    struct strbuf buf = STRBUF_EMPTY;
    char *text;

    (void)unused;
    memcpy(strbuf_reserve(&buf, 4), "abcd", 4);
    buf.len += 4;
    strbuf_add_str(&buf, "ef");
    text = strbuf_take(&buf);
    assert_string_equal(text, "abcdef");
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_reserve_and_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
