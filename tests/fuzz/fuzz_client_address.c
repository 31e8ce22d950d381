// needs: common/networks common/mem common/check
/*
 * client_address: lines of the input are X-Forwarded-For fields. The client is the peer, or one
 * whose text is in the lines. Values come whole, from a request that was read; they are cut where
 * HTTP allows it: one line with commas is the same as many.
 */
#include "gateway/client_address.h"

#include "common/check.h"
#include "common/mem.h"

#define LINES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char *whole = mem_strdup(text);
    const char *one = whole;
    const char *lines[LINES_MAX];
    size_t count = 0;
    char *at = text;
    struct networks trusted;
    char error[128];
    struct client_address peer = {.port = 1};
    struct client_address many;
    struct client_address joined;

    CHECK(networks_parse("10.0.0.0/8,fd00::/8", &trusted, error, sizeof(error)));
    CHECK(ip_address_parse((struct span){(const uint8_t *)"10.0.0.1", 8}, &peer.ip));
    while (count < LINES_MAX - 1 && at != NULL)
        lines[count++] = strsep(&at, "\n");
    if (at != NULL)
        lines[count++] = at;
    for (size_t i = 0, newlines = 0; whole[i] != '\0' && newlines < LINES_MAX - 1; i++)
        if (whole[i] == '\n') {
            whole[i] = ',';
            newlines++;
        }
    many = client_address_find(&trusted, peer, lines, count);
    joined = client_address_find(&trusted, peer, &one, 1);
    CHECK(memcmp(&many.ip, &joined.ip, sizeof(many.ip)) == 0 && many.port == joined.port);
    /* Whoever is not trusted is never replaced. */
    CHECK(ip_address_parse((struct span){(const uint8_t *)"192.0.2.1", 9}, &peer.ip));
    many = client_address_find(&trusted, peer, lines, count);
    CHECK(memcmp(&many.ip, &peer.ip, sizeof(many.ip)) == 0 && many.port == 1);
    networks_fini(&trusted);
    mem_free(whole);
    mem_free(text);
    return 0;
}
