// needs: gateway/client_address common/networks common/check common/mem
/* proxy_protocol: the first byte says in which pieces the rest comes: the result must be that of
 * one piece. */
#include "gateway/proxy_protocol.h"

#include "common/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t feed(struct proxy_parser *parser, const uint8_t *data, size_t len, size_t piece)
{
    size_t at = 0;

    proxy_parser_init(parser);
    while (at < len) {
        size_t taken;
        enum proxy_result result =
            proxy_parser_feed(parser, data + at, MIN(piece, len - at), &taken);

        at += taken;
        CHECK(result == (enum proxy_result)parser->result);
        CHECK(result != PROXY_MORE || taken > 0);
        if (result != PROXY_MORE)
            break;
    }
    CHECK(at <= PROXY_HEADER_BYTES_MAX);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_parser whole;
    struct proxy_parser pieces;

    if (size < 2)
        return 0;
    CHECK(feed(&whole, data + 1, size - 1, size) ==
          feed(&pieces, data + 1, size - 1, (size_t)data[0] + 1));
    CHECK(whole.result == pieces.result);
    CHECK(memcmp(&whole.source.ip, &pieces.source.ip, sizeof(whole.source.ip)) == 0);
    CHECK(whole.source.port == pieces.source.port);
    CHECK(whole.result != PROXY_BAD || !ip_address_known(&whole.source.ip));
    return 0;
}
