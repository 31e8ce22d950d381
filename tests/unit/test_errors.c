// needs:
/* errors: the table that clients, other processes and the bus rely on. */
#include "common/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/*
 * The number of an error is its form on the bus, and its code and status are what clients switch
 * on: a row here never changes or moves. New ones are added at the end.
 */
static const struct {
    const char *code;
    int http_status;
    bool temporary;
} pinned[] = {
    {"ok", 200, false},
    {"bad_request", 400, false},
    {"malformed_json", 422, false},
    {"validation_failed", 422, false},
    {"unauthenticated", 401, false},
    {"invalid_token", 401, false},
    {"invalid_credentials", 401, false},
    {"username_taken", 400, false},
    {"email_taken", 400, false},
    {"room_not_found", 404, false},
    {"not_a_member", 403, false},
    {"not_in_room", 400, false},
    {"already_member", 400, false},
    {"creator_cannot_leave", 400, false},
    {"not_found", 404, false},
    {"method_not_allowed", 405, false},
    {"request_timeout", 408, true},
    {"length_required", 411, false},
    {"payload_too_large", 413, false},
    {"uri_too_long", 414, false},
    {"expectation_failed", 417, false},
    {"upgrade_required", 426, false},
    {"rate_limited", 429, true},
    {"headers_too_large", 431, false},
    {"internal_error", 500, false},
    {"not_implemented", 501, false},
    {"database_unavailable", 503, true},
    {"broker_unavailable", 503, true},
    {"overloaded", 503, true},
    {"draining", 503, true},
    {"outcome_unknown", 503, true},
    {"http_version_not_supported", 505, false},
    {"db_duplicate", 500, false},
    {"db_retry", 503, true},
    {"db_uncertain", 503, true},
    {"db_failed", 500, false},
    {"no_row", 404, false},
    {"message_too_long", 422, false},
    {"bad_frame", 422, false},
    {"already_subscribed", 409, false},
    {"not_subscribed", 409, false},
    {"too_many_rooms", 409, false},
};

static void test_pinned(void **unused)
{
    (void)unused;
    assert_true(ERR_COUNT >= ARRAY_LEN(pinned));
    for (size_t i = 0; i < ARRAY_LEN(pinned); i++) {
        assert_string_equal(err_code((enum err)i), pinned[i].code);
        assert_int_equal(err_http_status((enum err)i), pinned[i].http_status);
        assert_int_equal(err_temporary((enum err)i), pinned[i].temporary);
    }
}

static void test_codes_are_unique(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < ERR_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(err_code((enum err)i), err_code((enum err)j));
}

static void test_form(void **unused)
{
    (void)unused;
    assert_int_equal(ERR_NONE, 0);
    for (unsigned i = 0; i < ERR_COUNT; i++) {
        const char *code = err_code((enum err)i);
        const char *sentence = err_sentence((enum err)i);

        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
        assert_in_range(strlen(code), 2, 40);
        assert_in_range(strlen(sentence), 5, 120);
        assert_true(sentence[0] >= 'A' && sentence[0] <= 'Z');
        assert_null(strpbrk(sentence, "\"\\\r\n")); /* it also stands in header fields and closes */
    }
}

/* A client repeats what is temporary; what says "you are wrong" must not ask for that. */
static void test_statuses_are_sane(void **unused)
{
    (void)unused;
    for (unsigned i = ERR_NONE + 1; i < ERR_COUNT; i++) {
        int status = err_http_status((enum err)i);

        assert_in_range(status, 400, 599);
        assert_int_equal(err_temporary((enum err)i),
                         status == 503 || status == 408 || status == 429);
    }
}

static void test_unknown_numbers(void **unused)
{
    static const int unknown[] = {ERR_COUNT, ERR_COUNT + 1, 65535, -1, INT32_MAX, INT32_MIN};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        enum err err = (enum err)unknown[i];

        assert_string_equal(err_code(err), "internal_error");
        assert_string_equal(err_sentence(err), err_sentence(ERR_INTERNAL));
        assert_int_equal(err_http_status(err), 500);
        assert_false(err_temporary(err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_codes_are_unique),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_statuses_are_sane),
        cmocka_unit_test(test_unknown_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
