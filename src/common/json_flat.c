#include "common/json_flat.h"

#include "common/utf8.h"

#include <string.h>

/* RFC 8259: section 2 for white space and structure, 6 for numbers, 7 for strings. */

/* Digits that surely fit 63 bits, which is what jansson's integers have. */
#define DIGITS_MAX 18

struct reader {
    uint8_t *at;
    uint8_t *end;
};

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
                                        *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static bool take(struct reader *reader, uint8_t byte)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

/* The byte that stands for an escape of two; 0 for \u and for what is none. */
static uint8_t unescape(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
        return byte;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

static bool is_plain(uint8_t byte)
{
    return byte != '"' && byte != '\\' && byte >= 0x20;
}

/* From behind the opening quote to behind the closing one; what is escaped moves down. */
static bool read_string(struct reader *reader, struct span *out)
{
    uint8_t *begin = reader->at;
    uint8_t *to;

    while (reader->at < reader->end && is_plain(*reader->at))
        reader->at++;
    for (to = reader->at; reader->at < reader->end && *reader->at != '"';) {
        uint8_t byte = *reader->at++;

        if (byte == '\\')
            byte = reader->at < reader->end ? unescape(*reader->at++) : 0;
        else if (byte < 0x20)
            return false;
        if (byte == 0)
            return false;
        *to++ = byte;
    }
    if (reader->at == reader->end)
        return false;
    reader->at++;
    *to = '\0'; /* at the closing quote, or before it */
    *out = (struct span){begin, (size_t)(to - begin)};
    return true;
}

static bool read_integer(struct reader *reader, struct json_flat_member *member)
{
    const uint8_t *first;

    member->kind = JSON_FLAT_INTEGER;
    member->negative = *reader->at == '-';
    reader->at += member->negative;
    first = reader->at;
    member->integer = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        member->integer = member->integer * 10 + (uint64_t)(*reader->at++ - '0');
    if (reader->at == first || reader->at - first > DIGITS_MAX)
        return false;
    /* No leading zeros, and nothing that makes it a fraction. */
    return (*first != '0' || reader->at - first == 1) &&
           (reader->at == reader->end || memchr(".eE", *reader->at, 3) == NULL);
}

static bool read_word(struct reader *reader, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static bool read_value(struct reader *reader, struct json_flat_member *member)
{
    skip_space(reader);
    if (reader->at == reader->end)
        return false;
    switch (*reader->at) {
    case '"':
        reader->at++;
        member->kind = JSON_FLAT_TEXT;
        return read_string(reader, &member->text);
    case 'n':
        member->kind = JSON_FLAT_NULL;
        return read_word(reader, "null");
    case 't':
        member->kind = JSON_FLAT_BOOLEAN;
        return read_word(reader, "true");
    case 'f':
        member->kind = JSON_FLAT_BOOLEAN;
        return read_word(reader, "false");
    default:
        return read_integer(reader, member);
    }
}

static bool named_before(const struct json_flat *flat, struct span name)
{
    for (size_t i = 0; i < flat->count; i++)
        if (flat->members[i].name.len == name.len &&
            memcmp(flat->members[i].name.data, name.data, name.len) == 0)
            return true;
    return false;
}

static bool read_member(struct reader *reader, struct json_flat *flat)
{
    struct json_flat_member *member = &flat->members[flat->count];

    if (flat->count == JSON_FLAT_MEMBERS_MAX || !take(reader, '"') ||
        !read_string(reader, &member->name) || !take(reader, ':') || !read_value(reader, member) ||
        named_before(flat, member->name))
        return false;
    flat->count++;
    return true;
}

bool json_flat_parse(struct json_flat *flat, uint8_t *bytes, size_t len)
{
    struct reader reader = {bytes, bytes + len};

    flat->count = 0;
    if (!utf8_valid(bytes, len) || !take(&reader, '{'))
        return false;
    if (!take(&reader, '}')) {
        do {
            if (!read_member(&reader, flat))
                return false;
        } while (take(&reader, ','));
        if (!take(&reader, '}'))
            return false;
    }
    skip_space(&reader);
    return reader.at == reader.end;
}

const struct json_flat_member *json_flat_find(const struct json_flat *flat, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < flat->count; i++)
        if (flat->members[i].name.len == len && memcmp(flat->members[i].name.data, name, len) == 0)
            return &flat->members[i];
    return NULL;
}
