// needs: common/check
/* close_reasons: what a client does with a code follows from the code alone. */
#include "gateway/close_reasons.h"

#include "gateway/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct close_row *row(unsigned reason)
{
    return close_reason_row((enum close_reason)reason);
}

static void test_a_code_has_one_verdict(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++)
        for (unsigned j = 0; j < i; j++) {
            if (row(i)->code != row(j)->code)
                continue;
            if (row(i)->verdict != row(j)->verdict || row(i)->after_ms != row(j)->after_ms)
                fail_msg("%d asks for two things", row(i)->code);
            assert_string_not_equal(row(i)->sentence, row(j)->sentence);
        }
}

/* Those of the RFC that have a meaning of their own are left to ws_message; the others are ours. */
static void test_codes_may_be_sent(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++) {
        uint16_t code = row(i)->code;

        assert_true(code == WS_CLOSE_POLICY || code == WS_CLOSE_INTERNAL_ERROR ||
                    code == WS_CLOSE_SERVICE_RESTART || code == WS_CLOSE_TRY_AGAIN_LATER ||
                    (code >= 4000 && code <= 4999));
    }
}

static void test_sentences_fit(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++) {
        const char *sentence = row(i)->sentence;

        assert_in_range(strlen(sentence), 1, WS_CLOSE_REASON_MAX);
        for (const char *c = sentence; *c != '\0'; c++)
            assert_in_range(*c, ' ', '~');
    }
}

static void test_waits(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++) {
        assert_true(row(i)->after_ms <= 60000);
        /* Who should come back at once or later has a time to spread over. */
        assert_int_equal(row(i)->after_ms == 0, row(i)->verdict == CLOSE_NEVER);
    }
}

/* Sentences and codes that clients of the original and the documents know. */
static void test_pinned(void **unused)
{
    static const struct {
        enum close_reason reason;
        uint16_t code;
        enum close_verdict verdict;
        const char *sentence;
    } pinned[] = {
        {CLOSE_REASON_INVALID_TOKEN, 1008, CLOSE_NEVER, "Invalid token"},
        {CLOSE_REASON_NOT_A_MEMBER, 1008, CLOSE_NEVER, "Not a member of this room"},
        {CLOSE_REASON_ROOM_NOT_FOUND, 1008, CLOSE_NEVER, "Room not found"},
        {CLOSE_REASON_SESSION_ENDED, 4001, CLOSE_NEVER, "Session ended"},
        {CLOSE_REASON_REMOVED, 4003, CLOSE_NEVER, "Removed from the room"},
        {CLOSE_REASON_DRAINING, 1012, CLOSE_NOW, "Server restarting"},
        {CLOSE_REASON_TRY_LATER, 1013, CLOSE_BACK_OFF, "Try again later"},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(pinned); i++) {
        const struct close_row *found = close_reason_row(pinned[i].reason);

        assert_int_equal(found->code, pinned[i].code);
        assert_int_equal(found->verdict, pinned[i].verdict);
        assert_string_equal(found->sentence, pinned[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_code_has_one_verdict),
        cmocka_unit_test(test_codes_may_be_sent),
        cmocka_unit_test(test_sentences_fit),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_pinned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
