// needs: common/mem common/check
/*
 * web_origins: the input is a list, a line feed, and an Origin header's value. What is read is part
 * of the text and written again is the same; a list allows what it names, and nothing that is none.
 * The list is one setting and comes whole; but one that is cut at a comma is two lists, of which
 * one allows what the whole does.
 */
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

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static void check_parts(const char *text, bool good, bool allowed, struct span origin)
{
    const char *comma = strchr(text, ',');
    struct web_origins first;
    struct web_origins rest;
    char error[256];
    bool both;
    char *head;

    if (comma == NULL)
        return;
    head = mem_strndup(text, (size_t)(comma - text));
    both = web_origins_parse(head, &first, error, sizeof(error)) && !is_blank(head);
    both =
        web_origins_parse(comma + 1, &rest, error, sizeof(error)) && !is_blank(comma + 1) && both;
    CHECK(both == good);
    if (good)
        CHECK(allowed == (web_origins_allow(&first, origin) || web_origins_allow(&rest, origin)));
    web_origins_fini(&first);
    web_origins_fini(&rest);
    mem_free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char *line = strchr(text, '\n');
    struct span origin = {(const uint8_t *)"", 0};
    struct web_origins origins;
    struct web_origin parsed;
    char error[256] = "";
    bool good;

    if (line != NULL) {
        *line = '\0';
        origin = (struct span){data + (line + 1 - text), size - (size_t)(line + 1 - text)};
    }
    check_origin(origin);
    good = web_origins_parse(text, &origins, error, sizeof(error));
    check_parts(text, good, good && web_origins_allow(&origins, origin), origin);
    if (good) {
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
