// needs: common/mem common/check
/* web_origins: the input is a list, a line feed, and an Origin header's value. What is read is part
 * of the text and written again is the same; a list allows what it names, and nothing that is none.
 * Both are one text each: there is nothing to cut. */
#include "common/web_origins.h"

#include "common/check.h"
#include "common/mem.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *write_origin(const struct web_origin *origin)
{
    char port[8] = "";

    if (origin->port != 0)
        snprintf(port, sizeof(port), ":%u", origin->port);
    return mem_printf("%.*s://%.*s%s", (int)origin->scheme.len, (const char *)origin->scheme.data,
                      (int)origin->host.len, (const char *)origin->host.data, port);
}

static void check_origin(struct span text)
{
    struct web_origin origin;
    struct web_origin again;
    char *written;

    if (!web_origin_parse(text, &origin))
        return;
    CHECK(origin.scheme.len > 0 && origin.host.len > 0 && text.len <= WEB_ORIGIN_BYTES_MAX);
    written = write_origin(&origin);
    /* With a port it may have become too long. */
    if (strlen(written) <= WEB_ORIGIN_BYTES_MAX) {
        CHECK(web_origin_parse((struct span){(uint8_t *)written, strlen(written)}, &again));
        CHECK(web_origin_equal(&origin, &again));
        CHECK(web_origin_is_host((struct span){(uint8_t *)written, strlen(written)},
                                 written + origin.scheme.len + 3));
    }
    mem_free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char *line = strchr(text, '\n');
    struct span origin = {(const uint8_t *)"", 0};
    struct web_origins origins;
    struct web_origin parsed;
    char error[256] = "";

    if (line != NULL) {
        *line = '\0';
        origin = (struct span){data + (line + 1 - text), size - (size_t)(line + 1 - text)};
    }
    check_origin(origin);
    if (web_origins_parse(text, &origins, error, sizeof(error))) {
        if (web_origins_allow(&origins, origin))
            CHECK(origins.all || web_origin_parse(origin, &parsed));
        for (size_t i = 0; i < origins.count; i++) {
            char *written = write_origin(&origins.items[i].origin);
            struct span one = {(uint8_t *)written, strlen(written)};

            if (one.len <= WEB_ORIGIN_BYTES_MAX)
                CHECK(web_origins_allow(&origins, one) || origins.items[i].subdomains);
            mem_free(written);
        }
        web_origins_fini(&origins);
    } else {
        CHECK(error[0] != '\0' && origins.count == 0 && !origins.all);
    }
    mem_free(text);
    return 0;
}
