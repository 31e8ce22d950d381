/*
 * A ticket for a WebSocket, for pages that cannot send a header with the handshake and shall not
 * write their token into an address.
 */
#include "common/limits.h"
#include "common/mem.h"
#include "common/store_tickets.h"
#include "gateway/routes.h"

enum err ws_ticket_query(struct request *request, struct db *db)
{
    char text[TOKEN_TEXT_BYTES + 1];
    uint8_t secret[TOKEN_BYTES];
    uint8_t hash[DIGEST_SHA256_SIZE];
    enum err err;

    digest_random(secret, sizeof(secret));
    digest_hex(secret, sizeof(secret), text);
    digest_sha256(text, TOKEN_TEXT_BYTES, hash);
    err = store_ticket_create(db, hash, request->token_hash, WS_TICKET_TTL_S);
    if (err == ERR_NONE)
        strbuf_printf(&request->out, "{\"ticket\":\"%s\",\"expires_in\":%d}", text,
                      WS_TICKET_TTL_S);
    mem_wipe(secret, sizeof(secret));
    mem_wipe(text, sizeof(text));
    return err;
}
