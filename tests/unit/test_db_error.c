// needs:
#include "common/db_error.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_verdicts(void **state ATTR_UNUSED)
{
    static const struct {
        unsigned number;
        enum err read;
        enum err autocommit;
        enum err commit;
        bool drop;
    } rows[] = {
        {2002, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {2006, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {2013, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {2055, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {5013, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {1053, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {1927, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {1243, ERR_DATABASE_UNAVAILABLE, ERR_DB_UNCERTAIN, ERR_DB_UNCERTAIN, true},
        {1047, ERR_DATABASE_UNAVAILABLE, ERR_DATABASE_UNAVAILABLE, ERR_DATABASE_UNAVAILABLE, true},
        {1290, ERR_DATABASE_UNAVAILABLE, ERR_DATABASE_UNAVAILABLE, ERR_DATABASE_UNAVAILABLE, true},
        {1205, ERR_DB_RETRY, ERR_DB_RETRY, ERR_DB_RETRY, false},
        {1213, ERR_DB_RETRY, ERR_DB_RETRY, ERR_DB_RETRY, false},
        {1317, ERR_DB_RETRY, ERR_DB_RETRY, ERR_DB_UNCERTAIN, true},
        {1062, ERR_DB_DUPLICATE, ERR_DB_DUPLICATE, ERR_DB_DUPLICATE, false},
        {1146, ERR_DB_FAILED, ERR_DB_FAILED, ERR_DB_FAILED, false},
        {1054, ERR_DB_FAILED, ERR_DB_FAILED, ERR_DB_FAILED, false},
        {1153, ERR_DB_FAILED, ERR_DB_FAILED, ERR_DB_FAILED, true},
        {2031, ERR_DB_FAILED, ERR_DB_FAILED, ERR_DB_FAILED, false},
        {0, ERR_DB_FAILED, ERR_DB_FAILED, ERR_DB_FAILED, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned number = rows[i].number;

        assert_int_equal(db_error_judge(number, DB_PHASE_READ).err, rows[i].read);
        assert_int_equal(db_error_judge(number, DB_PHASE_AUTOCOMMIT).err, rows[i].autocommit);
        assert_int_equal(db_error_judge(number, DB_PHASE_COMMIT).err, rows[i].commit);
        assert_int_equal(db_error_judge(number, DB_PHASE_COMMIT).drop, rows[i].drop);
    }
}

static void test_key_names(void **state ATTR_UNUSED)
{
    assert_true(db_error_names_key("Duplicate entry 'x' for key 'email'", "email"));
    assert_true(db_error_names_key("Duplicate entry 'x' for key 'users.email'", "email"));
    assert_true(db_error_names_key("Duplicate entry 'for key 'a'' for key 'PRIMARY'", "PRIMARY"));
    assert_false(db_error_names_key("Duplicate entry 'for key 'a'' for key 'PRIMARY'", "a"));
    assert_false(db_error_names_key("Duplicate entry 'x' for key 'my_email'", "email"));
    assert_false(db_error_names_key("Duplicate entry 'email' for key 'username'", "email"));
    assert_false(db_error_names_key("email", "email"));
    assert_false(db_error_names_key("email'", "email"));
    assert_false(db_error_names_key("", "email"));
    assert_false(db_error_names_key("''", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_key_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
