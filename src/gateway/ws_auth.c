#include "gateway/ws_auth.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"

static struct ws_auth read_secret(struct span text, enum ws_auth_kind kind)
{
    struct ws_auth auth = {.kind = WS_AUTH_BAD};
    uint8_t secret[TOKEN_BYTES];

    if (digest_unhex((const char *)text.data, text.len, secret, sizeof(secret))) {
        auth.kind = kind;
        digest_sha256(text.data, text.len, auth.hash);
    }
    mem_wipe(secret, sizeof(secret));
    return auth;
}

struct ws_auth ws_auth_token(struct span text)
{
    return read_secret(text, WS_AUTH_TOKEN);
}

struct ws_auth ws_auth_ticket(struct span text)
{
    return read_secret(text, WS_AUTH_TICKET);
}

/* RFC 9110, 5.6.2. */
static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* The next element of the list, and *text behind it; false if there is something else. */
static bool next_protocol(const char **text, struct span *out)
{
    const char *at = *text + strspn(*text, " \t");
    size_t len = 0;

    while (is_token_character(at[len]))
        len++;
    *out = (struct span){(const uint8_t *)at, len};
    at += len + strspn(at + len, " \t");
    if (*at != ',' && *at != '\0')
        return false;
    *text = at + (*at == ',');
    return true;
}

static bool take_protocol(struct span name, struct ws_protocols *out)
{
    size_t prefix = sizeof(WS_PROTOCOL_TOKEN_PREFIX) - 1;

    if (span_is(name, WS_PROTOCOL)) {
        if (out->ours)
            return false;
        out->ours = true;
    } else if (name.len >= prefix && memcmp(name.data, WS_PROTOCOL_TOKEN_PREFIX, prefix) == 0) {
        if (out->auth.kind != WS_AUTH_NONE)
            return false;
        out->auth = ws_auth_token((struct span){name.data + prefix, name.len - prefix});
    }
    return true;
}

bool ws_auth_read_protocols(const char *value, struct ws_protocols *out)
{
    struct span name;

    memset(out, 0, sizeof(*out));
    if (value == NULL)
        return true;
    while (*value != '\0') {
        /* An empty element is none (RFC 9110, 5.6.1.2). */
        if (!next_protocol(&value, &name) || !take_protocol(name, out))
            return false;
    }
    return true;
}

struct ws_auth ws_auth_read_frame(const uint8_t *data, size_t len)
{
    struct ws_auth auth = {.kind = WS_AUTH_BAD};
    struct json_doc *doc = NULL;
    struct span type;
    struct span token;

    if (json_parse_object(data, len, &doc) == ERR_NONE &&
        json_get(doc, "type", &type) == JSON_IS_TEXT && span_is(type, "auth") &&
        json_get(doc, "token", &token) == JSON_IS_TEXT)
        auth = ws_auth_token(token);
    json_doc_destroy(&doc);
    return auth;
}
