// needs: ctl/args ctl/say ctl/table common/event_json common/db common/db_stmt common/db_error common/db_url common/errors common/mem common/strbuf common/clock common/log common/check common/digest common/metrics common/utf8
#include "ctl/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct ctl_option options[] = {
    {"limit", "N", "how many"},
    {"all", NULL, "all of them"},
    {NULL, NULL, NULL},
};

static enum ctl_status nothing(struct ctl *ctl)
{
    (void)ctl;
    return CTL_DONE;
}

static const struct ctl_command show = {.name = "user show",
                                        .args = "NAME [ID]",
                                        .args_min = 1,
                                        .args_max = 2,
                                        .options = options,
                                        .run = nothing};
static const struct ctl_command keys = {
    .name = "keys", .args = "", .no_settings = true, .run = nothing};
static const struct ctl_command *const commands[] = {&show, &keys, NULL};

static struct ctl ctl;
static char *settings[16];
static int settings_count;

static bool sort(const struct ctl_command *command, int count, const char *const *words)
{
    char *copy[16];

    memset(&ctl, 0, sizeof(ctl));
    ctl.command = command;
    for (int i = 0; i < count; i++)
        copy[i] = (char *)(uintptr_t)words[i];
    return args_sort(&ctl, count, copy, settings, &settings_count);
}

#define SORT(command, ...)                                                                         \
    sort((command), (int)ARRAY_LEN(((const char *[]){__VA_ARGS__})), (const char *[]){__VA_ARGS__})

static void test_find(void **state)
{
    char user[] = "user";
    char shows[] = "show";
    char other[] = "shows";
    char key[] = "keys";
    int used;

    (void)state;
    assert_ptr_equal(args_find(commands, 2, (char *[]){user, shows}, &used), &show);
    assert_int_equal(used, 2);
    assert_ptr_equal(args_find(commands, 2, (char *[]){key, shows}, &used), &keys);
    assert_int_equal(used, 1);
    assert_null(args_find(commands, 2, (char *[]){user, other}, &used));
    assert_int_equal(used, 1);
    assert_null(args_find(commands, 1, (char *[]){user}, &used));
    assert_null(args_find(commands, 1, (char *[]){other}, &used));
    assert_int_equal(used, 0);
}

static void test_sort(void **state)
{
    (void)state;
    assert_true(SORT(&show, "ann", "--limit=5", "--json", "--run-dir", "/x", "-y"));
    assert_int_equal(ctl.arg_count, 1);
    assert_string_equal(ctl.args[0], "ann");
    assert_string_equal(ctl_option(&ctl, "limit"), "5");
    assert_null(ctl_option(&ctl, "all"));
    assert_true(ctl.json && ctl.yes && !ctl.quiet && !ctl.help);
    assert_int_equal(settings_count, 2);
    assert_string_equal(settings[0], "--run-dir");
    assert_string_equal(settings[1], "/x");
    assert_true(SORT(&show, "--limit", "7", "--all", "--", "--json"));
    assert_string_equal(ctl_option(&ctl, "limit"), "7");
    assert_string_equal(ctl_option(&ctl, "all"), "");
    assert_string_equal(ctl.args[0], "--json");
    assert_false(ctl.json);
    assert_true(SORT(&show, "--help"));
    assert_true(ctl.help);
}

static void test_refusals(void **state)
{
    (void)state;
    assert_false(SORT(&show, "--json"));
    assert_false(SORT(&show, "a", "b", "c"));
    assert_false(SORT(&show, "a", "--limit"));
    assert_false(SORT(&show, "a", "--all=yes"));
    assert_false(SORT(&show, "a", "-x"));
    assert_false(SORT(&keys, "--run-dir=/x"));
    assert_true(SORT(&show, "a", "--limits=3")); /* a setting, for all that is known here */
    assert_int_equal(settings_count, 1);
}

static void test_numbers(void **state)
{
    uint64_t number;

    (void)state;
    assert_true(SORT(&show, "12", "--limit=5"));
    assert_true(ctl_option_number(&ctl, "limit", 1, 10, 3, &number));
    assert_int_equal(number, 5);
    assert_false(ctl_option_number(&ctl, "limit", 6, 10, 3, &number));
    assert_true(ctl_arg_id(&ctl, 0, &number));
    assert_int_equal(number, 12);
    assert_true(SORT(&show, "0", "--limit=-1"));
    assert_false(ctl_option_number(&ctl, "limit", 0, 10, 3, &number));
    assert_false(ctl_arg_id(&ctl, 0, &number));
    assert_true(SORT(&show, "x"));
    assert_true(ctl_option_number(&ctl, "limit", 1, 10, 3, &number));
    assert_int_equal(number, 3);
    assert_false(ctl_parse_number("9223372036854775808", &number));
    assert_true(ctl_parse_number("9223372036854775807", &number));
    assert_false(ctl_parse_number("", &number));
    assert_false(ctl_parse_number("1x", &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
