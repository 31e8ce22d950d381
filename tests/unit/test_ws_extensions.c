// needs: gateway/ws_deflate common/mem common/check
/* ws_extensions: offers of RFC 7692, section 7.1, and what is no list of extensions at all. */
#include "gateway/ws_extensions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PMD "permessage-deflate"

struct offer_case {
    const char *value;
    enum ws_offer expected;
    uint8_t window_bits;
    bool window_asked;
};

static const struct offer_case cases[] = {
    {NULL, WS_OFFER_NONE, 0, false},
    {"", WS_OFFER_NONE, 0, false},
    {" , ,", WS_OFFER_NONE, 0, false},
    {"x-webkit-deflate-frame", WS_OFFER_NONE, 0, false},
    {"permessage-deflates", WS_OFFER_NONE, 0, false},
    {"foo; bar=1, baz; q=\"x\"", WS_OFFER_NONE, 0, false},
    /* What clients send: browsers, ws, python's websockets, Go. */
    {PMD, WS_OFFER_ACCEPTED, 15, false},
    {PMD "; client_max_window_bits", WS_OFFER_ACCEPTED, 15, false},
    {PMD "; server_no_context_takeover; client_no_context_takeover", WS_OFFER_ACCEPTED, 15, false},
    {PMD "; server_max_window_bits=12; client_max_window_bits=12", WS_OFFER_ACCEPTED, 12, true},
    {"Permessage-Deflate;Client_Max_Window_Bits", WS_OFFER_ACCEPTED, 15, false},
    /* Values. */
    {PMD "; server_max_window_bits=8", WS_OFFER_ACCEPTED, 8, true},
    {PMD "; server_max_window_bits=15", WS_OFFER_ACCEPTED, 15, true},
    {PMD "; server_max_window_bits = \"10\"", WS_OFFER_ACCEPTED, 10, true},
    {PMD "; client_max_window_bits=8", WS_OFFER_ACCEPTED, 15, false},
    {PMD "; server_max_window_bits", WS_OFFER_NONE, 0, false},
    {PMD "; server_max_window_bits=7", WS_OFFER_NONE, 0, false},
    {PMD "; server_max_window_bits=16", WS_OFFER_NONE, 0, false},
    {PMD "; server_max_window_bits=010", WS_OFFER_NONE, 0, false},
    {PMD "; server_max_window_bits=+10", WS_OFFER_NONE, 0, false},
    {PMD "; server_max_window_bits=\"1\\0\"", WS_OFFER_NONE, 0, false},
    {PMD "; client_max_window_bits=16", WS_OFFER_NONE, 0, false},
    {PMD "; client_max_window_bits=ten", WS_OFFER_NONE, 0, false},
    {PMD "; server_no_context_takeover=1", WS_OFFER_NONE, 0, false},
    {PMD "; client_no_context_takeover=\"true\"", WS_OFFER_NONE, 0, false},
    /* Unknown and repeated parameters. */
    {PMD "; unknown", WS_OFFER_NONE, 0, false},
    {PMD "; server_no_context_takeover; server_no_context_takeover", WS_OFFER_NONE, 0, false},
    {PMD "; server_max_window_bits=10; server_max_window_bits=10", WS_OFFER_NONE, 0, false},
    {PMD "; client_max_window_bits; client_max_window_bits=9", WS_OFFER_NONE, 0, false},
    /* The first that can be accepted. */
    {PMD "; unknown, " PMD "; server_max_window_bits=9, " PMD, WS_OFFER_ACCEPTED, 9, true},
    {"foo, " PMD, WS_OFFER_ACCEPTED, 15, false},
    {",," PMD ",,", WS_OFFER_ACCEPTED, 15, false},
    /* RFC 6455, 9.1: no list of extensions. */
    {";", WS_OFFER_MALFORMED, 0, false},
    {PMD ";", WS_OFFER_MALFORMED, 0, false},
    {PMD "; ;", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=", WS_OFFER_MALFORMED, 0, false},
    {PMD "; =a", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=\"", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=\"\"", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=\"b", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=\"b c\"", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=\"b\\", WS_OFFER_MALFORMED, 0, false},
    {PMD "; a=b c", WS_OFFER_MALFORMED, 0, false},
    {PMD " " PMD, WS_OFFER_MALFORMED, 0, false},
    {PMD ", (", WS_OFFER_MALFORMED, 0, false},
    {PMD "\x01", WS_OFFER_MALFORMED, 0, false},
    {PMD "; \xc3\xbc", WS_OFFER_MALFORMED, 0, false},
};

static void test_offers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ws_deflate_terms terms = {99, true};

        if (ws_extensions_read(cases[i].value, &terms) != cases[i].expected ||
            terms.window_bits != cases[i].window_bits ||
            terms.window_asked != cases[i].window_asked)
            fail_msg("\"%s\": %u bits", cases[i].value, terms.window_bits);
    }
}

static void test_answer(void **unused)
{
    struct ws_deflate_terms terms = {15, false};
    char answer[WS_EXTENSIONS_MAX];

    (void)unused;
    ws_extensions_answer(&terms, answer);
    assert_string_equal(answer, PMD "; server_no_context_takeover; client_no_context_takeover");
    terms = (struct ws_deflate_terms){12, true};
    ws_extensions_answer(&terms, answer);
    assert_string_equal(answer, PMD "; server_no_context_takeover; client_no_context_takeover; "
                                    "server_max_window_bits=12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
