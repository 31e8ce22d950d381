#include "gateway/ws_handshake.h"

#include "common/check.h"
#include "common/digest.h"
#include "gateway/http_list.h"

#include <stdio.h>
#include <string.h>

/* 4.1: 16 bytes in base64 are 22 digits and two padding characters. */
#define KEY_DIGITS 22
#define KEY_LEN    24
#define KEY_GUID   "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* 1.3 */
#define VERSION    "13"

_Static_assert(WS_ACCEPT_SIZE == DIGEST_BASE64_SIZE(DIGEST_SHA1_SIZE), "one base64 of a SHA-1");

static bool is_base64_digit(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* The last digit's spare bits may be anything: the key is an echo and never decoded. */
static bool key_valid(const char *key)
{
    struct span span = http_trim(key, strlen(key));

    if (span.len != KEY_LEN || memcmp(span.data + KEY_DIGITS, "==", 2) != 0)
        return false;
    for (size_t i = 0; i < KEY_DIGITS; i++)
        if (!is_base64_digit(span.data[i]))
            return false;
    return true;
}

static bool http_at_least_1_1(const struct ws_handshake *request)
{
    return request->http_major > 1 || (request->http_major == 1 && request->http_minor >= 1);
}

static enum err refuse(enum err err, const char **reason, const char *text)
{
    *reason = text;
    return err;
}

enum err ws_handshake_check(const struct ws_handshake *request, const char **reason)
{
    const char *version = request->version;

    *reason = NULL;
    if (request->method == NULL || strcmp(request->method, "GET") != 0)
        return refuse(ERR_METHOD_NOT_ALLOWED, reason, "A WebSocket handshake is a GET.");
    if (!http_list_has(request->upgrade, "websocket"))
        return refuse(ERR_UPGRADE_REQUIRED, reason, "Upgrade does not name websocket.");
    if (!http_at_least_1_1(request))
        return refuse(ERR_BAD_REQUEST, reason, "A WebSocket handshake needs HTTP/1.1.");
    if (!http_list_has(request->connection, "upgrade"))
        return refuse(ERR_BAD_REQUEST, reason, "Connection does not name Upgrade.");
    if (request->host == NULL || http_trim(request->host, strlen(request->host)).len == 0)
        return refuse(ERR_BAD_REQUEST, reason, "Host is missing.");
    if (version == NULL)
        return refuse(ERR_BAD_REQUEST, reason, "Sec-WebSocket-Version is missing.");
    if (!http_word_is(http_trim(version, strlen(version)), VERSION))
        return refuse(ERR_UPGRADE_REQUIRED, reason, "Only Sec-WebSocket-Version 13 is spoken.");
    if (request->key == NULL)
        return refuse(ERR_BAD_REQUEST, reason, "Sec-WebSocket-Key is missing.");
    if (!key_valid(request->key))
        return refuse(ERR_BAD_REQUEST, reason, "Sec-WebSocket-Key is not base64 of 16 bytes.");
    return ERR_NONE;
}

void ws_handshake_accept(const char *key, char out[WS_ACCEPT_SIZE])
{
    uint8_t input[KEY_LEN + sizeof(KEY_GUID) - 1];
    uint8_t sha1[DIGEST_SHA1_SIZE];
    struct span span = http_trim(key, strlen(key));

    CHECK(span.len == KEY_LEN);
    memcpy(input, span.data, KEY_LEN);
    memcpy(input + KEY_LEN, KEY_GUID, sizeof(KEY_GUID) - 1);
    digest_sha1(input, sizeof(input), sha1);
    digest_base64(sha1, sizeof(sha1), out);
}

static size_t add_header(char *out, size_t len, const char *name, const char *value)
{
    int added = 0;

    if (value != NULL)
        added = snprintf(out + len, WS_HANDSHAKE_RESPONSE_MAX - len, "%s: %s\r\n", name, value);
    CHECK(added >= 0 && len + (size_t)added < WS_HANDSHAKE_RESPONSE_MAX);
    return len + (size_t)added;
}

size_t ws_handshake_response(const struct ws_handshake_answer *answer,
                             char out[WS_HANDSHAKE_RESPONSE_MAX])
{
    static const char start[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n";
    char accept[WS_ACCEPT_SIZE];
    size_t len = sizeof(start) - 1;

    ws_handshake_accept(answer->key, accept);
    memcpy(out, start, sizeof(start));
    len = add_header(out, len, "Sec-WebSocket-Accept", accept);
    len = add_header(out, len, "Sec-WebSocket-Extensions", answer->extensions);
    len = add_header(out, len, "Sec-WebSocket-Protocol", answer->protocol);
    CHECK(len + sizeof("\r\n") <= WS_HANDSHAKE_RESPONSE_MAX);
    memcpy(out + len, "\r\n", sizeof("\r\n"));
    return len + sizeof("\r\n") - 1;
}
