/*
 * http_target.c: origin form for everybody, absolute form because RFC 9112 says so, the asterisk
 * for OPTIONS. The authority form is CONNECT's, and we are no proxy.
 */
#include "gateway/http_target.h"

#include <string.h>

enum form {
    FORM_EMPTY,
    FORM_SLASH, /* "/" so far */
    FORM_ASTERISK,
    FORM_SCHEME,
    FORM_AUTHORITY_SLASH,
    FORM_HOST_FIRST,
    FORM_HOST,
    FORM_PORT_FIRST,
    FORM_PORT,
    FORM_REST, /* path and query: nothing more can go wrong but a byte */
    FORM_BAD,
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alnum(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    return is_digit(byte) || (lower >= 'a' && lower <= 'z');
}

static enum form take_first(struct http_target *target, uint8_t byte, bool options)
{
    if (byte == '/')
        return FORM_SLASH;
    if (byte == '*')
        return options ? FORM_ASTERISK : FORM_BAD;
    target->scheme[target->scheme_len++] = (char)(byte | 0x20);
    return is_alnum(byte) ? FORM_SCHEME : FORM_BAD;
}

static enum form take_scheme(struct http_target *target, uint8_t byte)
{
    if (byte == '/') {
        bool http = target->scheme_len == 5 && memcmp(target->scheme, "http:", 5) == 0;
        bool https = target->scheme_len == 6 && memcmp(target->scheme, "https:", 6) == 0;
        return http || https ? FORM_AUTHORITY_SLASH : FORM_BAD;
    }
    if (target->scheme_len == sizeof(target->scheme) || (!is_alnum(byte) && byte != ':'))
        return FORM_BAD;
    target->scheme[target->scheme_len++] = (char)(byte == ':' ? ':' : byte | 0x20);
    return FORM_SCHEME;
}

/* Names and IPv4 addresses only: evhttp refuses an IPv6 address that is not well-formed. */
static enum form take_host(uint8_t byte)
{
    if (byte == ':')
        return FORM_PORT_FIRST;
    if (byte == '/')
        return FORM_REST;
    return is_alnum(byte) || byte == '-' || byte == '.' || byte == '_' ? FORM_HOST : FORM_BAD;
}

static enum form take_port(struct http_target *target, uint8_t byte)
{
    if (!is_digit(byte))
        return FORM_BAD;
    target->port = target->port * 10 + (uint32_t)(byte - '0');
    return target->port <= UINT16_MAX ? FORM_PORT : FORM_BAD;
}

static enum form take(struct http_target *target, uint8_t byte, bool options)
{
    switch ((enum form)target->form) {
    case FORM_EMPTY:
        return take_first(target, byte, options);
    case FORM_SLASH: /* "//" would be an authority to evhttp */
        return byte == '/' ? FORM_BAD : FORM_REST;
    case FORM_SCHEME:
        return take_scheme(target, byte);
    case FORM_AUTHORITY_SLASH:
        return byte == '/' ? FORM_HOST_FIRST : FORM_BAD;
    case FORM_HOST_FIRST:
        return is_alnum(byte) ? FORM_HOST : FORM_BAD;
    case FORM_HOST:
        return take_host(byte);
    case FORM_PORT_FIRST:
        return take_port(target, byte);
    case FORM_PORT:
        return byte == '/' ? FORM_REST : take_port(target, byte);
    case FORM_REST:
        return FORM_REST;
    case FORM_ASTERISK: /* nothing follows it */
    case FORM_BAD:
    default:
        return FORM_BAD;
    }
}

bool http_target_take(struct http_target *target, uint8_t byte, bool options)
{
    /* Browsers leave some bytes of a query unescaped that RFC 3986 excludes; these they escape, and
     * a fragment is never sent. */
    if (byte <= 0x20 || byte >= 0x7f || byte == '"' || byte == '#' || byte == '<' || byte == '>')
        return false;
    target->form = (uint8_t)take(target, byte, options);
    return target->form != FORM_BAD;
}

bool http_target_complete(const struct http_target *target)
{
    switch ((enum form)target->form) {
    case FORM_SLASH:
    case FORM_ASTERISK:
    case FORM_HOST:
    case FORM_PORT:
    case FORM_REST:
        return true;
    default:
        return false;
    }
}

const char *http_target_origin(const char *text)
{
    if (text[0] == '/' || text[0] == '*')
        return text;
    const char *authority = strstr(text, "://");
    const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;
    return path != NULL ? path : "/";
}
