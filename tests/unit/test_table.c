// needs: common/check common/clock common/event_json common/log common/mem common/strbuf common/utf8
#include "ctl/table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {{"ID", "id"}, {"NAME", "name"}, {"SEEN", "seen"}};

static void test_text(void **state)
{
    struct table *table = table_create(columns, ARRAY_LEN(columns));
    struct strbuf out = STRBUF_EMPTY;

    (void)state;
    table_write_text(table, &out);
    assert_string_equal(strbuf_str(&out), "ID  NAME  SEEN\n");
    strbuf_reset(&out);
    table_number(table, 7);
    table_str(table, "Zoë");
    table_time(table, UINT64_C(1767323045678901));
    table_number(table, 1234);
    table_str(table, "日本");
    table_time(table, 0);
    assert_int_equal(table_rows(table), 2);
    table_write_text(table, &out);
    assert_string_equal(strbuf_str(&out), "  ID  NAME  SEEN\n"
                                          "   7  Zoë   2026-01-02 03:04:05\n"
                                          "1234  日本  -\n");
    strbuf_reset(&out);
    table_write_json(table, &out);
    assert_string_equal(strbuf_str(&out),
                        "{\"id\":7,\"name\":\"Zoë\",\"seen\":\"2026-01-02T03:04:05.678901Z\"}\n"
                        "{\"id\":1234,\"name\":\"日本\",\"seen\":null}\n");
    strbuf_fini(&out);
    table_destroy(&table);
}

static void test_record(void **state)
{
    static const struct table_column two[] = {{"Name", "name"}, {"Open", "open"}};
    struct table *table = table_create(two, ARRAY_LEN(two));
    struct strbuf out = STRBUF_EMPTY;

    (void)state;
    table_str(table, NULL);
    table_bool(table, true);
    table_write_record(table, &out);
    assert_string_equal(strbuf_str(&out), "Name: -\nOpen: yes\n");
    strbuf_reset(&out);
    table_write_json(table, &out);
    assert_string_equal(strbuf_str(&out), "{\"name\":null,\"open\":true}\n");
    strbuf_fini(&out);
    table_destroy(&table);
}

/* What somebody wrote does not command the operator's terminal. */
static void test_safe(void **state)
{
    static const char evil[] = "a\033[2Jb\n\tc\xc2\x9b\xe2\x80\xae\xe2\x80\x8f é";
    struct strbuf out = STRBUF_EMPTY;

    (void)state;
    table_add_safe(&out, (struct span){(const uint8_t *)evil, sizeof(evil) - 1});
    assert_string_equal(strbuf_str(&out), "a\\x1b[2Jb\\n\\tc\\x9b\\u202e\\u200f é");
    strbuf_fini(&out);
}

/* Nor does --json, which a JSON reader does not see. */
static void test_safe_json(void **state)
{
    static const struct table_column one[] = {{"NAME", "name"}};
    struct table *table = table_create(one, ARRAY_LEN(one));
    struct strbuf out = STRBUF_EMPTY;

    (void)state;
    table_str(table, "a\033\x7f\xc2\x9b\xe2\x80\xae\xd8\x9c é\"");
    table_write_json(table, &out);
    assert_string_equal(strbuf_str(&out),
                        "{\"name\":\"a\\u001b\\u007f\\u009b\\u202e\\u061c é\\\"\"}\n");
    strbuf_fini(&out);
    table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_safe),
        cmocka_unit_test(test_safe_json),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
