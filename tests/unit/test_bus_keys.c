// needs: common/strbuf common/mem common/check
/* bus_keys: what the texts of key files and lists mean, which files are taken, and that what is
 * made can be read. */
#include "common/bus_keys.h"

#include "common/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Of RFC 26's text forms: any 40 characters of Z85 whose groups fit into 32 bits. */
#define A "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define B "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
#define C "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

static void test_keys(void **state ATTR_UNUSED)
{
    static const char *const bads[] = {
        "",
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI",
        A "0",
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI ",
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\"",
        "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\xc3",
        "#####Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaL", /* more than 32 bits */
    };
    uint8_t bytes[32];
    char text[BUS_KEY_SIZE];

    assert_true(bus_key_valid(A, 40) && bus_key_valid(B, 40) && bus_key_valid(C, 40));
    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        if (bus_key_valid(bads[i], strlen(bads[i])))
            fail_msg("%s is taken", bads[i]);
    assert_false(bus_key_valid(A "\0", 41));
    memset(bytes, 0xff, sizeof(bytes));
    bus_key_format(bytes, text);
    assert_true(bus_key_valid(text, strlen(text)));
}

static void test_pairs(void **state ATTR_UNUSED)
{
    static const char *const goods[] = {
        "public = " A "\nsecret = " B "\n",
        "secret=" B "\r\npublic=" A,
        "#a comment\n\n#\n\t public  =  " A " \n  secret\t=" B "\n\n",
    };
    static const struct {
        const char *text;
        const char *says;
    } bads[] = {
        {"", "without both"},
        {"public = " A "\n", "line 1: the file ends without both"},
        {"public = " A "\nsecret = \n", "line 2: not a key"},
        {"public = " A "\nsecret = " B " x\n", "line 2: not a key"},
        {"public = " A "\n\npublic = " A "\n", "line 3: a key that was given before"},
        {"public " A "\nsecret = " B "\n", "line 1: neither"},
        {"publican = " A "\nsecret = " B "\n", "line 1: neither"},
        {"#public = " A "\nsecret = " B "\n", "without both"},
        {"public", "line 1: neither"},
    };
    struct bus_key_pair pair;
    char error[192];

    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        if (!bus_key_pair_parse(goods[i], strlen(goods[i]), &pair, error, sizeof(error)))
            fail_msg("%s: %s", goods[i], error);
        assert_string_equal(pair.public_key, A);
        assert_string_equal(pair.secret_key, B);
    }
    for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
        if (bus_key_pair_parse(bads[i].text, strlen(bads[i].text), &pair, error, sizeof(error)))
            fail_msg("%s is taken", bads[i].text);
        if (strstr(error, bads[i].says) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", bads[i].text, error, bads[i].says);
        assert_null(strstr(error, "Yne"));
        assert_string_equal(pair.secret_key, "");
    }
}

static void test_lists(void **state ATTR_UNUSED)
{
    static const char text[] =
        "# who may connect\n#x\n" A " gateway \"1\"\n\n" C "\n  " B "\tctl\r\n" A;
    static const char *const bads[] = {A "x", "x", "public = " A, A "\n" A "#1"};
    struct bus_key_list list;
    char error[192];

    assert_true(bus_key_list_parse(text, strlen(text), &list, error, sizeof(error)));
    assert_int_equal(list.count, 4);
    assert_non_null(bus_key_list_find(&list, A));
    assert_string_equal(bus_key_list_find(&list, B)->name, "ctl");
    assert_string_equal(bus_key_list_find(&list, C)->name, "");
    assert_null(bus_key_list_find(&list, ""));
    assert_null(bus_key_list_find(&list, "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%ct"));
    for (size_t i = 0; i < list.count; i++)
        assert_true(strpbrk(list.items[i].name, " \"\n") == NULL);
    bus_key_list_fini(&list);
    assert_true(bus_key_list_parse("", 0, &list, error, sizeof(error)));
    assert_null(bus_key_list_find(&list, A));
    for (size_t i = 0; i < ARRAY_LEN(bads); i++)
        if (bus_key_list_parse(bads[i], strlen(bads[i]), &list, error, sizeof(error)))
            fail_msg("%s is taken", bads[i]);
}

static void test_many(void **state ATTR_UNUSED)
{
    struct strbuf text = STRBUF_EMPTY;
    struct bus_key_list list;
    char key[BUS_KEY_SIZE];
    char error[192];
    uint8_t bytes[32] = {0};

    for (unsigned i = 0; i < BUS_LIST_MAX; i++) {
        bytes[i % 32] = (uint8_t)(bytes[i % 32] + 1);
        bus_key_format(bytes, key);
        strbuf_printf(&text, "%s %u\n", key, i);
    }
    assert_true(bus_key_list_parse(text.data, text.len, &list, error, sizeof(error)));
    assert_int_equal(list.count, BUS_LIST_MAX);
    assert_non_null(bus_key_list_find(&list, key));
    bus_key_list_fini(&list);
    strbuf_printf(&text, "%s\n", key);
    assert_false(bus_key_list_parse(text.data, text.len, &list, error, sizeof(error)));
    strbuf_fini(&text);
}

static void write_file(const char *path, const struct strbuf *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->len, file), text->len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_files(void **state ATTR_UNUSED)
{
    char dir[] = "/tmp/banter-keys-XXXXXX";
    char *path;
    struct strbuf text = STRBUF_EMPTY;
    struct bus_key_pair made;
    struct bus_key_pair other;
    struct bus_key_pair read;
    char error[192] = "";

    assert_true(bus_keys_supported());
    assert_non_null(mkdtemp(dir));
    path = mem_printf("%s/key", dir);
    assert_false(bus_key_pair_read(path, &read, error, sizeof(error)));
    assert_non_null(strstr(error, "No such file"));
    assert_true(bus_key_pair_make(&made) && bus_key_pair_make(&other));
    assert_string_not_equal(made.secret_key, other.secret_key);
    bus_key_pair_write(&made, "broker", &text);
    write_file(path, &text, 0600);
    assert_true(bus_key_pair_read(path, &read, error, sizeof(error)));
    assert_memory_equal(&read, &made, sizeof(made));
    for (mode_t bit = 01; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_false(bus_key_pair_read(path, &read, error, sizeof(error)));
        assert_non_null(strstr(error, "chmod 600"));
    }
    memcpy(made.public_key, other.public_key, sizeof(made.public_key));
    strbuf_reset(&text);
    bus_key_pair_write(&made, "broker", &text);
    write_file(path, &text, 0600);
    assert_false(bus_key_pair_read(path, &read, error, sizeof(error)));
    assert_non_null(strstr(error, "not the public key's"));
    assert_false(bus_key_pair_read(dir, &read, error, sizeof(error)));
    unlink(path);
    rmdir(dir);
    mem_free(path);
    strbuf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys), cmocka_unit_test(test_pairs), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_many), cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
