// needs: common/json common/json_flat common/utf8 common/digest common/errors common/mem common/check
/* ws_auth: the input is Sec-WebSocket-Protocol's value, and a first frame. Whatever it is, it is
 * read or refused; a list is read the same when what is empty is left out; and only a token is one.
 * Header and frame come whole; worker_http and worker_chat cut them. */
#include "gateway/ws_auth.h"

#include "common/check.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The value without blanks and empty elements. */
static char *squeeze(const char *value)
{
    char *out = mem_alloc(strlen(value) + 1);
    size_t len = 0;

    for (; *value != '\0'; value++) {
        if (*value == ' ' || *value == '\t' || (*value == ',' && (len == 0 || out[len - 1] == ',')))
            continue;
        out[len++] = *value;
    }
    return out;
}

static void check_again(const char *value, const struct ws_protocols *first)
{
    char *squeezed = squeeze(value);
    struct ws_protocols again;

    CHECK(ws_auth_read_protocols(squeezed, &again));
    CHECK(again.ours == first->ours && again.auth.kind == first->auth.kind);
    CHECK(memcmp(again.auth.hash, first->auth.hash, sizeof(again.auth.hash)) == 0);
    mem_free(squeezed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *value = mem_strndup((const char *)data, size);
    struct ws_auth auth = ws_auth_read_frame(data, size);
    struct ws_protocols protocols;

    CHECK(auth.kind == WS_AUTH_TOKEN || auth.kind == WS_AUTH_BAD);
    auth = ws_auth_token((struct span){data, size});
    CHECK(auth.kind == (ws_auth_ticket((struct span){data, size}).kind == WS_AUTH_TICKET
                            ? WS_AUTH_TOKEN
                            : WS_AUTH_BAD));
    CHECK(auth.kind == WS_AUTH_BAD || size == 64);
    if (ws_auth_read_protocols(value, &protocols)) {
        CHECK(protocols.auth.kind != WS_AUTH_TICKET);
        CHECK(!protocols.ours || strstr(value, WS_PROTOCOL) != NULL);
        CHECK(protocols.auth.kind == WS_AUTH_NONE ||
              strstr(value, WS_PROTOCOL_TOKEN_PREFIX) != NULL);
        check_again(value, &protocols);
    }
    mem_free(value);
    return 0;
}
