// needs: gateway/http_list common/check common/digest common/mem
/*
 * ws_handshake: lines of the input are the header values in the order of struct ws_handshake, an
 * empty line is an absent one. Whatever is accepted must have what RFC 6455, 4.2.1 requires, and a
 * value that moves between the lines of one list must not matter. Values come whole, from a request
 * that was read: that is all there is to cut here; worker_http cuts the bytes of handshakes.
 */
#include "gateway/ws_handshake.h"

#include "common/check.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *next_line(char **at)
{
    char *line = strsep(at, "\n");

    return line != NULL && line[0] != '\0' ? line : NULL;
}

static void expect_lawful(const struct ws_handshake *request)
{
    struct ws_handshake_answer answer = {.key = request->key, .extensions = "permessage-deflate"};
    char response[WS_HANDSHAKE_RESPONSE_MAX];
    size_t len;

    CHECK(strcmp(request->method, "GET") == 0);
    CHECK(request->host != NULL);
    CHECK(strcasestr(request->upgrade, "websocket") != NULL);
    CHECK(strcasestr(request->connection, "upgrade") != NULL);
    CHECK(strstr(request->version, "13") != NULL);
    CHECK(strstr(request->key, "==") != NULL);
    len = ws_handshake_response(&answer, response);
    CHECK(len == strlen(response));
    CHECK(strcmp(response + len - 4, "\r\n\r\n") == 0);
}

/* The same header sent as two, which the caller joins with a comma: an empty member adds nothing.
 */
static void expect_split_list_same(const struct ws_handshake *request, enum err expected)
{
    struct ws_handshake split = *request;
    const char *reason;
    char *upgrade;
    char *connection;

    if (request->upgrade == NULL || request->connection == NULL)
        return;
    upgrade = mem_printf("x, %s", request->upgrade);
    connection = mem_printf("%s, ", request->connection);
    split.upgrade = upgrade;
    split.connection = connection;
    CHECK(ws_handshake_check(&split, &reason) == expected);
    mem_free(upgrade);
    mem_free(connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char *at = text;
    const char *reason = NULL;
    struct ws_handshake request = {.http_major = 1, .http_minor = 1};
    enum err err;

    request.method = next_line(&at);
    request.host = next_line(&at);
    request.upgrade = next_line(&at);
    request.connection = next_line(&at);
    request.key = next_line(&at);
    request.version = next_line(&at);
    err = ws_handshake_check(&request, &reason);
    CHECK((err == ERR_NONE) == (reason == NULL));
    CHECK(err == ERR_NONE || err == ERR_BAD_REQUEST || err == ERR_UPGRADE_REQUIRED ||
          err == ERR_METHOD_NOT_ALLOWED);
    if (err == ERR_NONE)
        expect_lawful(&request);
    expect_split_list_same(&request, err);
    mem_free(text);
    return 0;
}
