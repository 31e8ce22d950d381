#include "common/db_url.h"

#include "common/digest.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

#define SCHEME "mysql://"

/* What is left to read, and where a complaint goes. */
struct parser {
    const char *at;
    char *error;
    size_t error_size;
};

static bool refuse(struct parser *parser, const char *sentence)
{
    snprintf(parser->error, parser->error_size, "the database URL %s", sentence);
    return false;
}

/* Decodes [from, to); NULL for an escape that is none, or that gives a NUL. */
static char *decode(const char *from, const char *to)
{
    char *out = mem_alloc((size_t)(to - from) + 1);
    size_t len = 0;

    for (; from < to; from++) {
        uint8_t byte = (uint8_t)*from;

        if (byte == '%') {
            if (to - from < 3 || !digest_unhex(from + 1, 2, &byte, 1) || byte == 0) {
                mem_wipe(out, len);
                mem_free(out);
                return NULL;
            }
            from += 2;
        }
        out[len++] = (char)byte;
    }
    return out;
}

static bool decode_into(struct parser *parser, char **field, const char *from, const char *to)
{
    *field = decode(from, to);
    return *field != NULL || refuse(parser, "has a % that is not followed by two hex digits");
}

/* user[:password]@ */
static bool parse_user(struct parser *parser, struct db_url *url)
{
    const char *start = parser->at;
    const char *end = start + strcspn(start, "@/?#");
    const char *colon = memchr(start, ':', (size_t)(end - start));

    if (*end != '@')
        return refuse(parser, "names no user: it looks like mysql://user:password@host:port/name");
    parser->at = end + 1;
    if (colon != NULL && !decode_into(parser, &url->password, colon + 1, end))
        return false;
    if (!decode_into(parser, &url->user, start, colon != NULL ? colon : end))
        return false;
    return url->user[0] != '\0' || refuse(parser, "has an empty user");
}

/* [:port] up to end; the default when nothing is there. */
static bool parse_port(struct parser *parser, struct db_url *url, const char *end)
{
    unsigned port = 0;

    url->port = DB_URL_PORT_DEFAULT;
    if (parser->at == end)
        return true;
    if (*parser->at++ != ':')
        return refuse(parser, "has something other than a port after the host");
    for (; parser->at < end; parser->at++) {
        if (*parser->at < '0' || *parser->at > '9' || port > UINT16_MAX)
            return refuse(parser, "has a port that is not a number from 1 to 65535");
        port = port * 10 + (unsigned)(*parser->at - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return refuse(parser, "has a port that is not a number from 1 to 65535");
    url->port = (uint16_t)port;
    return true;
}

/* host[:port], [v6][:port], or nothing; up to the slash. */
static bool parse_host(struct parser *parser, struct db_url *url)
{
    const char *end = parser->at + strcspn(parser->at, "/?#");
    const char *start = parser->at;
    const char *host_end;

    if (*end != '/')
        return refuse(parser, "names no database after the host");
    if (*start == '[') {
        host_end = memchr(start, ']', (size_t)(end - start));
        if (host_end == NULL)
            return refuse(parser, "has an address without its closing bracket");
        start++;
        parser->at = host_end + 1;
    } else {
        host_end = memchr(start, ':', (size_t)(end - start));
        if (host_end == NULL)
            host_end = end;
        parser->at = host_end;
    }
    if (host_end > start && !decode_into(parser, &url->host, start, host_end))
        return false;
    if (url->host == NULL && parser->at != end)
        return refuse(parser, "has a port without a host");
    if (!parse_port(parser, url, end))
        return false;
    parser->at = end + 1;
    return true;
}

static bool parse_tls(struct parser *parser, struct db_url *url, struct span value)
{
    if (url->tls != DB_URL_TLS_ANY)
        return refuse(parser, "has tls= twice");
    if (span_is(value, "required"))
        url->tls = DB_URL_TLS_REQUIRED;
    else if (span_is(value, "verify"))
        url->tls = DB_URL_TLS_VERIFY;
    else
        return refuse(parser, "has a tls= that is neither required nor verify");
    return true;
}

static bool parse_path(struct parser *parser, char **field, const char *from, const char *to)
{
    if (*field != NULL)
        return refuse(parser, "names a file twice");
    if (!decode_into(parser, field, from, to))
        return false;
    return (*field)[0] == '/' || refuse(parser, "has a file that is not an absolute path");
}

/* [from, to) is one of what follows '?'. */
static bool parse_option(struct parser *parser, struct db_url *url, const char *from,
                         const char *to)
{
    const struct {
        const char *key;
        char **field;
    } files[] = {{"socket", &url->socket},
                 {"tls_ca", &url->tls_ca},
                 {"tls_cert", &url->tls_cert},
                 {"tls_key", &url->tls_key}};
    const char *equals = memchr(from, '=', (size_t)(to - from));
    struct span key = {(const uint8_t *)from, equals != NULL ? (size_t)(equals - from) : 0};

    if (span_is(key, "tls"))
        return parse_tls(parser, url,
                         (struct span){(const uint8_t *)equals + 1, (size_t)(to - equals - 1)});
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (span_is(key, files[i].key))
            return parse_path(parser, files[i].field, equals + 1, to);
    return refuse(parser, "has something other than socket=, tls=, tls_ca=, tls_cert= or tls_key= "
                          "after the database");
}

/* What cannot be meant together. */
static bool check_together(struct parser *parser, struct db_url *url)
{
    if (url->socket == NULL && url->host == NULL)
        return refuse(parser, "names neither a host nor a socket");
    if (url->socket != NULL && url->host != NULL && strcmp(url->host, "localhost") != 0)
        return refuse(parser, "names both a host and a socket");
    if (url->socket != NULL && url->tls != DB_URL_TLS_ANY)
        return refuse(parser, "asks for TLS on a socket of this host, which needs none");
    /* Taken without a check, it would look like one. */
    if (url->tls_ca != NULL && url->tls != DB_URL_TLS_VERIFY)
        return refuse(parser, "has a tls_ca=, which only tls=verify looks at");
    if ((url->tls_cert == NULL) != (url->tls_key == NULL))
        return refuse(parser, "has only one of tls_cert= and tls_key=");
    if (url->tls_cert != NULL && url->tls == DB_URL_TLS_ANY)
        return refuse(parser, "has a tls_cert= without tls=required or tls=verify");
    if (url->socket != NULL) {
        mem_free(url->host);
        url->host = NULL;
    }
    return true;
}

/* name[?key=value[&key=value...]] */
static bool parse_name(struct parser *parser, struct db_url *url)
{
    const char *at = parser->at;
    const char *end = at + strcspn(at, "/?#");

    if (!decode_into(parser, &url->name, at, end))
        return false;
    if (url->name[0] == '\0')
        return refuse(parser, "names no database");
    if (*end != '\0' && *end != '?')
        return refuse(parser, "has something other than ?socket=/path or ?tls= after the database");
    while (*end != '\0') {
        at = end + 1;
        end = at + strcspn(at, "&#");
        if (*end == '#')
            return refuse(parser, "has a #, which has no meaning there");
        if (!parse_option(parser, url, at, end))
            return false;
    }
    return check_together(parser, url);
}

bool db_url_parse(const char *text, struct db_url *url_out, char *error, size_t error_size)
{
    struct parser parser = {text, error, error_size};
    struct db_url url = {0};

    if (strncmp(text, SCHEME, sizeof(SCHEME) - 1) != 0)
        return refuse(&parser, "does not begin with " SCHEME);
    parser.at += sizeof(SCHEME) - 1;
    if (!parse_user(&parser, &url) || !parse_host(&parser, &url) || !parse_name(&parser, &url)) {
        db_url_fini(&url);
        return false;
    }
    *url_out = url;
    return true;
}

void db_url_fini(struct db_url *url)
{
    if (url->password != NULL)
        mem_wipe(url->password, strlen(url->password));
    mem_free(url->user);
    mem_free(url->password);
    mem_free(url->host);
    mem_free(url->socket);
    mem_free(url->name);
    mem_free(url->tls_ca);
    mem_free(url->tls_cert);
    mem_free(url->tls_key);
    *url = (struct db_url){0};
}
