// needs: gateway/ws_deflate common/mem common/check
/*
 * ws_extensions: any value of Sec-WebSocket-Extensions. What is accepted gives an answer that is a
 * lawful offer itself; another extension beside it, or empty members, change nothing. A
 * header comes whole; worker_http cuts it.
 */
#include "gateway/ws_extensions.h"

#include "common/check.h"
#include "common/mem.h"
#include "gateway/ws_deflate.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(char *value, enum ws_offer expected, const struct ws_deflate_terms *terms)
{
    struct ws_deflate_terms other;

    CHECK(ws_extensions_read(value, &other) == expected);
    CHECK(other.window_bits == terms->window_bits && other.window_asked == terms->window_asked);
    mem_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *value = mem_strndup((const char *)data, size);
    char answer[WS_EXTENSIONS_MAX];
    struct ws_deflate_terms terms;
    struct ws_deflate_terms again;
    enum ws_offer offer = ws_extensions_read(value, &terms);

    if (offer == WS_OFFER_ACCEPTED) {
        CHECK(terms.window_bits >= WS_WINDOW_BITS_MIN && terms.window_bits <= WS_WINDOW_BITS_MAX);
        CHECK(strcasestr(value, "permessage-deflate") != NULL);
        ws_extensions_answer(&terms, answer);
        CHECK(ws_extensions_read(answer, &again) == WS_OFFER_ACCEPTED);
        CHECK(again.window_bits == terms.window_bits && again.window_asked == terms.window_asked);
    } else {
        CHECK(terms.window_bits == 0 && !terms.window_asked);
    }
    if (offer != WS_OFFER_MALFORMED) {
        expect_same(mem_printf("x; y=\"z\", %s", value), offer, &terms);
        expect_same(mem_printf(" , %s ,,", value), offer, &terms);
    }
    mem_free(value);
    return 0;
}
