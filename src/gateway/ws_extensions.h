/*
 * ws_extensions.h: what a client offers in Sec-WebSocket-Extensions, and what we answer.
 *
 * The grammar is RFC 6455's, 9.1; the one extension that we speak is permessage-deflate (RFC 7692),
 * always without context takeover on either side (ws_deflate.h says why). Pure.
 */
#ifndef BANTER_GATEWAY_WS_EXTENSIONS_H
#define BANTER_GATEWAY_WS_EXTENSIONS_H

#include "common/base.h"

/* Room for every value of Sec-WebSocket-Extensions that ws_extensions_answer() writes. */
#define WS_EXTENSIONS_MAX 112

enum ws_offer {
    WS_OFFER_NONE,      /* nothing that we speak: no extension */
    WS_OFFER_ACCEPTED,  /* permessage-deflate */
    WS_OFFER_MALFORMED, /* not a list of extensions (RFC 6455, 9.1): the handshake fails */
};

struct ws_deflate_terms {
    uint8_t
        window_bits;   /* the greatest window that we may use towards this client; 0: no deflate */
    bool window_asked; /* then the answer has to name it */
};

/*
 * Looks for the first offer that can be accepted (RFC 7692, 5) in the value of
 * Sec-WebSocket-Extensions; NULL is no header. ACCEPTED fills *terms, all else zeroes it.
 */
enum ws_offer ws_extensions_read(const char *extensions, struct ws_deflate_terms *terms);
/* Writes the answer's value for accepted terms, NUL-terminated. */
void ws_extensions_answer(const struct ws_deflate_terms *terms, char out[WS_EXTENSIONS_MAX]);

#endif
