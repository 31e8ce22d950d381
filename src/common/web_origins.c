#include "common/web_origins.h"

#include "common/mem.h"

#include <stdio.h>
#include <strings.h>

#define HTTP_PORT  80
#define HTTPS_PORT 443

/* Letters are those of ASCII, whatever the locale. */
static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool equal_nocase(struct span a, struct span b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

static bool is_nocase(struct span span, const char *text)
{
    return equal_nocase(span, (struct span){(const uint8_t *)text, strlen(text)});
}

static struct span behind(struct span span, size_t bytes)
{
    return (struct span){span.data + bytes, span.len - bytes};
}

/* RFC 3986, 3.1. */
static bool read_scheme(struct span *rest, struct span *scheme)
{
    static const char after[] = "://";
    size_t len = 0;

    while (len < rest->len && (is_letter(rest->data[len]) ||
                               (len > 0 && (is_digit(rest->data[len]) || rest->data[len] == '+' ||
                                            rest->data[len] == '-' || rest->data[len] == '.'))))
        len++;
    if (len == 0 || rest->len - len < sizeof(after) - 1 ||
        memcmp(rest->data + len, after, sizeof(after) - 1) != 0)
        return false;
    *scheme = (struct span){rest->data, len};
    *rest = behind(*rest, len + sizeof(after) - 1);
    return true;
}

static bool is_name_character(uint8_t c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}

/* What may stand in the brackets of an IPv6 address; whether it is one does not matter here. */
static bool is_ipv6_character(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

/* A name, an IPv4 address, or an IPv6 address in its brackets. */
static bool read_host(struct span *rest, struct span *host)
{
    bool ipv6 = rest->len > 0 && rest->data[0] == '[';
    size_t len = ipv6 ? 1 : 0;

    while (len < rest->len &&
           (ipv6 ? is_ipv6_character(rest->data[len]) : is_name_character(rest->data[len])))
        len++;
    if (ipv6) {
        if (len < 2 || len == rest->len || rest->data[len] != ']')
            return false;
        len++;
    }
    *host = (struct span){rest->data, len};
    *rest = behind(*rest, len);
    return len > 0;
}

/* ":port", or nothing; that must be the end. */
static bool read_port(struct span rest, uint16_t usual, uint16_t *port)
{
    uint32_t number = 0;

    *port = usual;
    if (rest.len == 0)
        return true;
    if (rest.data[0] != ':' || rest.len < 2 || rest.len > 6)
        return false;
    for (size_t i = 1; i < rest.len; i++) {
        if (!is_digit(rest.data[i]))
            return false;
        number = number * 10 + (uint32_t)(rest.data[i] - '0');
    }
    *port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

static uint16_t usual_port(struct span scheme)
{
    if (is_nocase(scheme, "https"))
        return HTTPS_PORT;
    return is_nocase(scheme, "http") ? HTTP_PORT : 0;
}

bool web_origin_parse(struct span text, struct web_origin *out)
{
    struct span rest = text;

    return text.len <= WEB_ORIGIN_BYTES_MAX && read_scheme(&rest, &out->scheme) &&
           read_host(&rest, &out->host) && read_port(rest, usual_port(out->scheme), &out->port);
}

bool web_origin_equal(const struct web_origin *a, const struct web_origin *b)
{
    return a->port == b->port && equal_nocase(a->scheme, b->scheme) &&
           equal_nocase(a->host, b->host);
}

static struct span trim(const char *text, size_t len)
{
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return (struct span){(const uint8_t *)text, len};
}

bool web_origin_is_host(struct span origin, const char *host)
{
    struct web_origin page;
    struct web_origin own = {0};
    struct span rest;

    if (host == NULL || !web_origin_parse(origin, &page))
        return false;
    own.scheme = page.scheme;
    rest = trim(host, strlen(host));
    return read_host(&rest, &own.host) && read_port(rest, usual_port(page.scheme), &own.port) &&
           web_origin_equal(&page, &own);
}

/* NULL, or what is wrong. *out has the text, then. */
static const char *parse_rule(struct span text, struct web_origin_rule *out)
{
    static const char wildcard[] = "://*.";
    char *star;

    memset(out, 0, sizeof(*out));
    out->text = mem_strndup((const char *)text.data, text.len);
    star = strstr(out->text, wildcard);
    out->subdomains = star != NULL;
    if (star != NULL) /* what is behind "*." is the origin */
        memmove(star + 3, star + sizeof(wildcard) - 1, strlen(star + sizeof(wildcard) - 1) + 1);
    if (web_origin_parse((struct span){(const uint8_t *)out->text, strlen(out->text)},
                         &out->origin) &&
        !(out->subdomains && (out->origin.host.data[0] == '[' || out->origin.host.data[0] == '.')))
        return NULL;
    return text.len == 0 ? "there is nothing between two commas"
                         : "an origin as https://chat.example.org or https://*.example.org:8443 is "
                           "needed, without a path, or * for all";
}

bool web_origins_parse(const char *text, struct web_origins *out, char *error, size_t error_size)
{
    size_t room = 1;

    memset(out, 0, sizeof(*out));
    if (text[strspn(text, " \t")] == '\0')
        return true;
    for (const char *at = text; *at != '\0'; at++)
        room += *at == ',';
    out->items = mem_alloc_array(room, sizeof(struct web_origin_rule));
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        struct span one = trim(at, len);

        if (span_is(one, "*")) {
            out->all = true;
        } else {
            const char *problem = parse_rule(one, &out->items[out->count++]);

            if (problem != NULL) {
                snprintf(error, error_size, "%s", problem);
                web_origins_fini(out);
                return false;
            }
        }
        at += len;
        if (*at == '\0')
            return true;
    }
}

void web_origins_fini(struct web_origins *origins)
{
    for (size_t i = 0; i < origins->count; i++)
        mem_free(origins->items[i].text);
    mem_free(origins->items);
    memset(origins, 0, sizeof(*origins));
}

static bool fits(const struct web_origin_rule *rule, const struct web_origin *page)
{
    struct web_origin end = *page;
    size_t more;

    if (!rule->subdomains)
        return web_origin_equal(&rule->origin, page);
    if (page->host.len < rule->origin.host.len + 2)
        return false;
    more = page->host.len - rule->origin.host.len;
    end.host = behind(page->host, more);
    return page->host.data[more - 1] == '.' && web_origin_equal(&rule->origin, &end);
}

bool web_origins_allow(const struct web_origins *origins, struct span origin)
{
    struct web_origin page;

    if (origins->all)
        return true;
    if (!web_origin_parse(origin, &page))
        return false;
    for (size_t i = 0; i < origins->count; i++)
        if (fits(&origins->items[i], &page))
            return true;
    return false;
}
