#include "gateway/ws_extensions.h"

#include "common/check.h"
#include "gateway/ws_deflate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME "permessage-deflate"

/* A position in the header's value. */
struct reader {
    const char *at;
    bool malformed;
};

/* A parameter of an extension; a value that was not given has data NULL. */
struct parameter {
    struct span name;
    struct span value;
};

/* RFC 7692, 7.1: each parameter at most once. */
enum seen {
    SEEN_SERVER_NO_CONTEXT = 1,
    SEEN_CLIENT_NO_CONTEXT = 2,
    SEEN_SERVER_WINDOW = 4,
    SEEN_CLIENT_WINDOW = 8,
};

struct offer {
    unsigned seen;
    bool usable;
    struct ws_deflate_terms terms;
};

static bool is_token_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t");
}

/* Takes the character if it is next. */
static bool take(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (*reader->at != c)
        return false;
    reader->at++;
    return true;
}

static struct span read_token(struct reader *reader)
{
    const char *begin;

    skip_blanks(reader);
    begin = reader->at;
    while (is_token_char(*reader->at))
        reader->at++;
    if (reader->at == begin)
        reader->malformed = true;
    return (struct span){(const uint8_t *)begin, (size_t)(reader->at - begin)};
}

/* RFC 6455, 9.1: what is in the quotes is a token, too; so an escape is no use but for a token's
 * own characters, which no value of ours needs: it makes an unknown value. */
static struct span read_quoted(struct reader *reader)
{
    const char *begin = reader->at;

    while (is_token_char(*reader->at) || (*reader->at == '\\' && is_token_char(reader->at[1])))
        reader->at += *reader->at == '\\' ? 2 : 1;
    if (reader->at == begin || *reader->at != '"') {
        reader->malformed = true;
        return (struct span){NULL, 0};
    }
    reader->at++;
    return (struct span){(const uint8_t *)begin, (size_t)(reader->at - begin) - 1};
}

static struct parameter read_parameter(struct reader *reader)
{
    struct parameter parameter = {read_token(reader), {NULL, 0}};

    if (reader->malformed || !take(reader, '='))
        return parameter;
    parameter.value = take(reader, '"') ? read_quoted(reader) : read_token(reader);
    return parameter;
}

static bool is(struct span span, const char *word)
{
    return span.len == strlen(word) && strncasecmp((const char *)span.data, word, span.len) == 0;
}

/* RFC 7692, 7.1.2: a number from 8 to 15 without leading zeros; 0 for anything else. */
static uint8_t window_bits(struct span value)
{
    for (uint8_t bits = WS_WINDOW_BITS_MIN; bits <= WS_WINDOW_BITS_MAX; bits++) {
        char digits[4];

        snprintf(digits, sizeof(digits), "%u", bits);
        if (value.data != NULL && is(value, digits))
            return bits;
    }
    return 0;
}

/* 7: an offer with a parameter that is unknown, came twice or has a wrong value is declined. */
static void apply(struct offer *offer, const struct parameter *parameter)
{
    bool bare = parameter->value.data == NULL;
    bool valid = false;
    unsigned which = 0;

    if (is(parameter->name, "server_no_context_takeover")) {
        which = SEEN_SERVER_NO_CONTEXT;
        valid = bare;
    } else if (is(parameter->name, "client_no_context_takeover")) {
        which = SEEN_CLIENT_NO_CONTEXT;
        valid = bare;
    } else if (is(parameter->name, "server_max_window_bits")) {
        which = SEEN_SERVER_WINDOW;
        offer->terms.window_bits = window_bits(parameter->value);
        offer->terms.window_asked = true;
        valid = offer->terms.window_bits != 0;
    } else if (is(parameter->name, "client_max_window_bits")) {
        which = SEEN_CLIENT_WINDOW; /* a permission that we do not need: any window is inflated */
        valid = bare || window_bits(parameter->value) != 0;
    }
    if (!valid || (offer->seen & which) != 0)
        offer->usable = false;
    offer->seen |= which;
}

/* One extension with its parameters. */
static struct offer read_offer(struct reader *reader)
{
    struct offer offer = {0, is(read_token(reader), NAME), {WS_WINDOW_BITS_MAX, false}};

    while (!reader->malformed && take(reader, ';')) {
        struct parameter parameter = read_parameter(reader);

        if (!reader->malformed)
            apply(&offer, &parameter);
    }
    return offer;
}

enum ws_offer ws_extensions_read(const char *extensions, struct ws_deflate_terms *terms)
{
    struct reader reader = {extensions, false};
    bool accepted = false;

    memset(terms, 0, sizeof(*terms));
    if (extensions == NULL)
        return WS_OFFER_NONE;
    for (;;) {
        while (take(&reader, ',')) /* RFC 9110, 5.6.1.2: empty elements are no elements */
            continue;
        if (*reader.at == '\0')
            break;
        struct offer offer = read_offer(&reader);

        skip_blanks(&reader);
        if (reader.malformed || (*reader.at != ',' && *reader.at != '\0')) {
            memset(terms, 0, sizeof(*terms));
            return WS_OFFER_MALFORMED;
        }
        if (offer.usable && !accepted) {
            *terms = offer.terms;
            accepted = true;
        }
    }
    return accepted ? WS_OFFER_ACCEPTED : WS_OFFER_NONE;
}

void ws_extensions_answer(const struct ws_deflate_terms *terms, char out[WS_EXTENSIONS_MAX])
{
    int len = snprintf(out, WS_EXTENSIONS_MAX,
                       NAME "; server_no_context_takeover; client_no_context_takeover");

    if (terms->window_asked)
        len += snprintf(out + len, WS_EXTENSIONS_MAX - (size_t)len, "; server_max_window_bits=%u",
                        terms->window_bits);
    CHECK(len < WS_EXTENSIONS_MAX);
}
