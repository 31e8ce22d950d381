// needs: common/settings common/settings_file common/settings_check common/web_origins common/strbuf common/bus_sock common/loop common/log common/clock common/mem common/check common/networks common/bus_security common/bus_keys common/bus_monitor common/bus_told common/metrics common/map common/digest common/db_url common/rate
// covers: common/settings
/* settings_split_address: what is taken is the text again, put together from host and port. A
 * setting is one text: there is nothing to cut. */
#include "common/settings.h"

#include "common/bus_sock.h"
#include "common/check.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether the address is this host and port; the port may have zeros before it. */
static bool is_made_of(const char *address, const char *host, uint16_t port)
{
    const char *colon = strrchr(address, ':');
    char *plain = mem_strndup(address, (size_t)(colon - address));
    char *bracketed = mem_printf("[%s]", host);
    bool same = strcmp(plain, host) == 0 || strcmp(plain, bracketed) == 0;

    same = same && strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
           strtoul(colon + 1, NULL, 10) == port;
    mem_free(plain);
    mem_free(bracketed);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The first byte is the room for the host, so that every bound is tried. */
    size_t room = size > 0 ? 1 + data[0] % 64U : 1;
    char *address = mem_strndup((const char *)data + MIN(size, (size_t)1), size > 0 ? size - 1 : 0);
    char *host = mem_alloc(room);
    char large[512];
    uint16_t port = 0;
    bool good = settings_split_address(address, host, room, &port);

    if (good) {
        CHECK(host[0] != '\0' && strlen(host) < room);
        CHECK(is_made_of(address, host, port));
        /* An address with several colons has brackets, or nobody knows where its port begins. */
        CHECK(strchr(host, ':') == NULL || address[0] == '[');
        CHECK(settings_split_address(address, large, sizeof(large), &port));
        CHECK(strcmp(large, host) == 0);
    }
    (void)bus_address_valid(address);
    mem_free(host);
    mem_free(address);
    return 0;
}
