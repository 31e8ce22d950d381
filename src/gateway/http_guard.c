/*
 * http_guard.c: a state machine over the bytes of RFC 9112.
 *
 * One function for each part of a request takes one byte and says what happened. Where a rule is
 * stricter than the RFC, it is because evhttp 2.1 would read the same bytes differently; the
 * comment there says so.
 */
#include "gateway/http_guard.h"

#include <string.h>

#include "common/check.h"
#include "common/limits.h"

enum state {
    STATE_START,
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_LINE_LF,
    STATE_FIELD_START,
    STATE_NAME,
    STATE_VALUE_START,
    STATE_VALUE,
    STATE_FIELD_LF,
    STATE_HEAD_LF,
    STATE_BODY,
    STATE_CHUNK_SIZE,
    STATE_CHUNK_SIZE_LF,
    STATE_CHUNK_DATA,
    STATE_CHUNK_CR,
    STATE_CHUNK_LF,
    STATE_LAST_CR,
    STATE_LAST_LF,
    STATE_HELD,
    STATE_BROKEN,
};

enum method { METHOD_OTHER, METHOD_GET, METHOD_BODILESS, METHOD_OPTIONS };

static const struct {
    const char *name;
    enum method method;
} methods[] = {
    {"GET", METHOD_GET},        {"POST", METHOD_OTHER},      {"HEAD", METHOD_BODILESS},
    {"PUT", METHOD_OTHER},      {"DELETE", METHOD_OTHER},    {"PATCH", METHOD_OTHER},
    {"TRACE", METHOD_BODILESS}, {"OPTIONS", METHOD_OPTIONS},
};

enum field {
    FIELD_OTHER,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_UPGRADE,
    FIELD_EXPECT,
};

static const struct {
    const char *name;
    enum field field;
} fields[] = {
    {"content-length", FIELD_CONTENT_LENGTH},
    {"transfer-encoding", FIELD_TRANSFER_ENCODING},
    {"host", FIELD_HOST},
    {"connection", FIELD_CONNECTION},
    {"upgrade", FIELD_UPGRADE},
    {"expect", FIELD_EXPECT},
};

/* Eight hexadecimal digits hold any chunk size that we take; more are somebody's test of us. */
#define CHUNK_SIZE_DIGITS_MAX 8
/* Saturation of a Content-Length: far over any limit, and ten times it still fits. */
#define LENGTH_CAP UINT64_C(1000000000000000000)

_Static_assert(BODY_BYTES_MAX < UINT32_MAX / 2, "body sizes are 32 bits");

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_alnum(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    return is_digit(byte) || (lower >= 'a' && lower <= 'z');
}

static bool is_one_of(uint8_t byte, const char *set)
{
    return byte != '\0' && strchr(set, byte) != NULL;
}

/* tchar of RFC 9110, 5.6.2: letters, digits and !#$%&'*+-.^_`|~, as one bit a character. */
static bool is_token(uint8_t byte)
{
    static const uint64_t tokens[2] = {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe)};
    return byte < 0x80 && (tokens[byte / 64] >> (byte % 64) & 1) != 0;
}

static char to_lower(uint8_t byte)
{
    return (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

static void word_clear(struct http_guard *guard)
{
    guard->word_len = 0;
    guard->word_long = false;
}

static void word_add(struct http_guard *guard, char c)
{
    if (guard->word_len < HTTP_GUARD_WORD_MAX)
        guard->word[guard->word_len++] = c;
    else
        guard->word_long = true;
}

static bool word_is(const struct http_guard *guard, const char *text)
{
    return !guard->word_long && guard->word_len == strlen(text) &&
           memcmp(guard->word, text, guard->word_len) == 0;
}

static enum http_guard_event violate(struct http_guard *guard, enum err error)
{
    guard->state = STATE_BROKEN;
    guard->error = error;
    return HTTP_GUARD_VIOLATION;
}

static enum http_guard_event advance(struct http_guard *guard, enum state state)
{
    guard->state = (uint8_t)state;
    return HTTP_GUARD_MORE;
}

static enum http_guard_event finish_request(struct http_guard *guard)
{
    http_guard_init(guard);
    return HTTP_GUARD_REQUEST_DONE;
}

/* ---- The request line ---- */

static enum http_guard_event take_method(struct http_guard *guard, uint8_t byte)
{
    if (is_token(byte)) {
        word_add(guard, (char)byte);
        return HTTP_GUARD_MORE;
    }
    if (byte != ' ' || guard->word_len == 0)
        return violate(guard, ERR_BAD_REQUEST);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (word_is(guard, methods[i].name)) {
            guard->method = (uint8_t)methods[i].method;
            word_clear(guard);
            return advance(guard, STATE_TARGET);
        }
    }
    return violate(guard, ERR_NOT_IMPLEMENTED);
}

static enum http_guard_event take_target(struct http_guard *guard, uint8_t byte)
{
    if (byte == ' ' && http_target_complete(&guard->target))
        return advance(guard, STATE_VERSION);
    if (!http_target_take(&guard->target, byte, guard->method == METHOD_OPTIONS))
        return violate(guard, ERR_BAD_REQUEST);
    return HTTP_GUARD_MORE;
}

static enum http_guard_event take_version(struct http_guard *guard, uint8_t byte)
{
    static const char form[] = "HTTP/d.d";
    size_t at = guard->word_len;
    if (at < sizeof(form) - 1) {
        bool fits = form[at] == 'd' ? is_digit(byte) : byte == (uint8_t)form[at];
        if (!fits)
            return violate(guard, ERR_BAD_REQUEST);
        word_add(guard, (char)byte);
        return HTTP_GUARD_MORE;
    }
    if (byte != '\r')
        return violate(guard, ERR_BAD_REQUEST);
    if (!word_is(guard, "HTTP/1.1") && !word_is(guard, "HTTP/1.0"))
        return violate(guard, ERR_VERSION_NOT_SUPPORTED);
    guard->minor = (uint8_t)(guard->word[at - 1] - '0');
    return advance(guard, STATE_LINE_LF);
}

/* ---- Header fields ---- */

static enum http_guard_event take_name(struct http_guard *guard, uint8_t byte)
{
    if (is_token(byte)) {
        if (guard->state == STATE_FIELD_START && ++guard->fields > HTTP_HEADER_COUNT_MAX)
            return violate(guard, ERR_HEADERS_TOO_LARGE);
        word_add(guard, to_lower(byte));
        return advance(guard, STATE_NAME);
    }
    if (byte == '\r' && guard->state == STATE_FIELD_START)
        return advance(guard, STATE_HEAD_LF);
    /* A fold, a space before the colon, an empty name, a bare line feed: all of them end here. */
    if (byte != ':' || guard->state == STATE_FIELD_START)
        return violate(guard, ERR_BAD_REQUEST);
    guard->field = FIELD_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (word_is(guard, fields[i].name))
            guard->field = (uint8_t)fields[i].field;
    }
    word_clear(guard);
    guard->value_bytes = 0;
    guard->gap = false;
    return advance(guard, STATE_VALUE_START);
}

static void end_list_member(struct http_guard *guard)
{
    if (guard->field == FIELD_CONNECTION && word_is(guard, "upgrade"))
        guard->connection_upgrade = true;
    if (guard->field == FIELD_UPGRADE && word_is(guard, "websocket"))
        guard->upgrade_websocket = true;
    word_clear(guard);
}

/* A byte of a value that is no space; spaces before it are in guard->gap. */
static bool value_byte_fits(struct http_guard *guard, uint8_t byte)
{
    bool within_gap = guard->gap && guard->value_bytes > 0;
    guard->gap = false;
    guard->value_bytes++;
    switch ((enum field)guard->field) {
    case FIELD_CONTENT_LENGTH:
        if (!is_digit(byte) || within_gap)
            return false;
        guard->length = MIN(guard->length * 10 + (uint64_t)(byte - '0'), LENGTH_CAP);
        return true;
    case FIELD_HOST: /* the characters of RFC 3986, 3.2, without the user */
        return !within_gap && (is_alnum(byte) || is_one_of(byte, "-._~:[]%!$&'()*+;="));
    case FIELD_TRANSFER_ENCODING:
    case FIELD_EXPECT:
        if (within_gap)
            word_add(guard, ' ');
        word_add(guard, to_lower(byte));
        return true;
    case FIELD_CONNECTION:
    case FIELD_UPGRADE:
        if (within_gap || byte == ',')
            end_list_member(guard);
        if (byte != ',')
            word_add(guard, to_lower(byte));
        return true;
    case FIELD_OTHER:
    default:
        return true;
    }
}

static enum http_guard_event end_field(struct http_guard *guard)
{
    switch ((enum field)guard->field) {
    case FIELD_CONTENT_LENGTH:
        /* Two of them, even equal ones, are refused: evhttp takes the first, others the last. */
        if (guard->have_length || guard->value_bytes == 0)
            return violate(guard, ERR_BAD_REQUEST);
        guard->have_length = true;
        break;
    case FIELD_TRANSFER_ENCODING:
        if (guard->chunked)
            return violate(guard, ERR_BAD_REQUEST);
        if (!word_is(guard, "chunked"))
            return violate(guard, ERR_NOT_IMPLEMENTED);
        guard->chunked = true;
        break;
    case FIELD_HOST:
        if (++guard->hosts > 1)
            return violate(guard, ERR_BAD_REQUEST);
        break;
    case FIELD_CONNECTION:
    case FIELD_UPGRADE:
        end_list_member(guard);
        break;
    case FIELD_EXPECT:
        if (!word_is(guard, "100-continue"))
            guard->expectation = true;
        break;
    case FIELD_OTHER:
    default:
        break;
    }
    word_clear(guard);
    return advance(guard, STATE_FIELD_LF);
}

static enum http_guard_event take_value(struct http_guard *guard, uint8_t byte)
{
    if (byte == '\r')
        return end_field(guard);
    if (byte == ' ' || byte == '\t') {
        /* evhttp skips spaces before a value, but not tabs: "\tchunked" is no coding to it. */
        if (byte == '\t' && guard->state == STATE_VALUE_START)
            return violate(guard, ERR_BAD_REQUEST);
        guard->gap = true;
        return HTTP_GUARD_MORE;
    }
    if (byte < 0x20 || byte == 0x7f || !value_byte_fits(guard, byte))
        return violate(guard, ERR_BAD_REQUEST);
    return advance(guard, STATE_VALUE);
}

/* What the fields mean together: RFC 9112, 3.2 and 6. */
static enum http_guard_event end_head(struct http_guard *guard)
{
    bool body = guard->chunked || guard->length > 0;
    bool upgrade = guard->method == METHOD_GET && guard->minor == 1 && guard->connection_upgrade &&
                   guard->upgrade_websocket;
    if (guard->minor == 1 && guard->hosts == 0)
        return violate(guard, ERR_BAD_REQUEST);
    if (guard->chunked && (guard->minor == 0 || guard->have_length))
        return violate(guard, ERR_BAD_REQUEST);
    /* evhttp reads no body for these methods: it would be the next request. It does for GET. */
    if (body && guard->method == METHOD_BODILESS)
        return violate(guard, ERR_BAD_REQUEST);
    /* A handshake has no body, and whoever takes the socket over should not find one. */
    if (body && upgrade)
        return violate(guard, ERR_BAD_REQUEST);
    if (guard->expectation && guard->minor == 1)
        return violate(guard, ERR_EXPECTATION_FAILED);
    if (guard->length > BODY_BYTES_MAX)
        return violate(guard, ERR_PAYLOAD_TOO_LARGE);
    if (upgrade) {
        guard->state = STATE_HELD;
        return HTTP_GUARD_UPGRADE;
    }
    if (!body)
        return finish_request(guard);
    guard->remaining = (uint32_t)guard->length;
    guard->state = guard->chunked ? STATE_CHUNK_SIZE : STATE_BODY;
    return HTTP_GUARD_BODY_START;
}

/* ---- Chunked bodies: RFC 9112, 7.1, without extensions and trailers, which we have no use for
 * and others disagree about. ---- */

static int hex_value(uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    if (is_digit(byte))
        return byte - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum http_guard_event take_chunk_size(struct http_guard *guard, uint8_t byte)
{
    int value = hex_value(byte);
    if (byte == '\r' && guard->word_len > 0)
        return advance(guard, STATE_CHUNK_SIZE_LF);
    if (value < 0 || guard->word_len == CHUNK_SIZE_DIGITS_MAX)
        return violate(guard, ERR_BAD_REQUEST);
    guard->word_len++;
    guard->remaining = guard->remaining * 16 + (uint32_t)value;
    return HTTP_GUARD_MORE;
}

static enum http_guard_event start_chunk(struct http_guard *guard)
{
    word_clear(guard);
    if (guard->remaining > BODY_BYTES_MAX - guard->body_bytes)
        return violate(guard, ERR_PAYLOAD_TOO_LARGE);
    guard->body_bytes += guard->remaining;
    return advance(guard, guard->remaining > 0 ? STATE_CHUNK_DATA : STATE_LAST_CR);
}

/* ---- Putting it together ---- */

static enum http_guard_event expect(struct http_guard *guard, uint8_t byte, char wanted,
                                    enum state next)
{
    if (byte != (uint8_t)wanted)
        return violate(guard, ERR_BAD_REQUEST);
    return advance(guard, next);
}

static enum http_guard_event take_head_byte(struct http_guard *guard, uint8_t byte)
{
    guard->head_bytes++;
    if (guard->state <= STATE_LINE_LF && guard->head_bytes > HTTP_REQUEST_LINE_BYTES_MAX)
        return violate(guard, ERR_URI_TOO_LONG);
    if (guard->head_bytes > HTTP_HEAD_BYTES_MAX)
        return violate(guard, ERR_HEADERS_TOO_LARGE);
    switch ((enum state)guard->state) {
    case STATE_METHOD:
        return take_method(guard, byte);
    case STATE_TARGET:
        return take_target(guard, byte);
    case STATE_VERSION:
        return take_version(guard, byte);
    case STATE_LINE_LF:
        word_clear(guard);
        return expect(guard, byte, '\n', STATE_FIELD_START);
    case STATE_FIELD_START:
    case STATE_NAME:
        return take_name(guard, byte);
    case STATE_VALUE_START:
    case STATE_VALUE:
        return take_value(guard, byte);
    case STATE_FIELD_LF:
        return expect(guard, byte, '\n', STATE_FIELD_START);
    case STATE_HEAD_LF:
        return byte == '\n' ? end_head(guard) : violate(guard, ERR_BAD_REQUEST);
    default:
        UNREACHABLE();
    }
}

static enum http_guard_event take_body_byte(struct http_guard *guard, uint8_t byte)
{
    switch ((enum state)guard->state) {
    case STATE_CHUNK_SIZE:
        return take_chunk_size(guard, byte);
    case STATE_CHUNK_SIZE_LF:
        return byte == '\n' ? start_chunk(guard) : violate(guard, ERR_BAD_REQUEST);
    case STATE_CHUNK_CR:
        return expect(guard, byte, '\r', STATE_CHUNK_LF);
    case STATE_CHUNK_LF:
        return expect(guard, byte, '\n', STATE_CHUNK_SIZE);
    case STATE_LAST_CR:
        return expect(guard, byte, '\r', STATE_LAST_LF);
    case STATE_LAST_LF:
        return byte == '\n' ? finish_request(guard) : violate(guard, ERR_BAD_REQUEST);
    default:
        UNREACHABLE();
    }
}

/* The inside of a body or a chunk, which nobody looks at. */
static size_t skip_data(struct http_guard *guard, size_t len, enum http_guard_event *event_out)
{
    size_t taken = MIN(len, guard->remaining);
    guard->remaining -= (uint32_t)taken;
    if (guard->remaining == 0)
        *event_out =
            guard->state == STATE_BODY ? finish_request(guard) : advance(guard, STATE_CHUNK_CR);
    return taken;
}

/* The inside of a value that does not matter, which is most of a head. */
static size_t skip_value(struct http_guard *guard, const uint8_t *data, size_t len)
{
    size_t end = MIN(len, HTTP_HEAD_BYTES_MAX - guard->head_bytes);
    size_t taken = 0;
    while (taken < end && data[taken] >= 0x20 && data[taken] != 0x7f)
        taken++;
    guard->head_bytes += (uint32_t)taken;
    return taken;
}

void http_guard_init(struct http_guard *guard)
{
    memset(guard, 0, sizeof(*guard));
}

size_t http_guard_feed(struct http_guard *guard, const uint8_t *data, size_t len,
                       enum http_guard_event *event_out)
{
    size_t taken = 0;
    *event_out = HTTP_GUARD_MORE;
    while (taken < len && *event_out == HTTP_GUARD_MORE) {
        if (guard->state == STATE_VALUE && guard->field == FIELD_OTHER)
            taken += skip_value(guard, data + taken, len - taken);
        if (taken == len)
            break;
        uint8_t byte = data[taken];
        if (guard->state >= STATE_HELD) {
            break;
        } else if (guard->state == STATE_START) {
            /* An empty line before a request is refused: evhttp takes it for a bad request. */
            guard->state = STATE_METHOD;
            *event_out = take_head_byte(guard, byte);
            if (*event_out == HTTP_GUARD_MORE)
                *event_out = HTTP_GUARD_HEAD_START;
            taken++;
        } else if (guard->state == STATE_BODY || guard->state == STATE_CHUNK_DATA) {
            taken += skip_data(guard, len - taken, event_out);
        } else {
            *event_out = guard->state < STATE_BODY ? take_head_byte(guard, byte)
                                                   : take_body_byte(guard, byte);
            taken++;
        }
    }
    return taken;
}

void http_guard_resume(struct http_guard *guard)
{
    CHECK(guard->state == STATE_HELD);
    http_guard_init(guard);
}

enum http_guard_phase http_guard_phase(const struct http_guard *guard)
{
    switch ((enum state)guard->state) {
    case STATE_START:
        return HTTP_GUARD_IDLE;
    case STATE_HELD:
        return HTTP_GUARD_HELD;
    case STATE_BROKEN:
        return HTTP_GUARD_BROKEN;
    default:
        return guard->state < STATE_BODY ? HTTP_GUARD_IN_HEAD : HTTP_GUARD_IN_BODY;
    }
}

enum err http_guard_error(const struct http_guard *guard)
{
    return guard->error;
}
