#include "answers.h"

#include "common/check.h"
#include "common/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STATUS_LINE_SIZE 13 /* "HTTP/1.1 200 " */

static const unsigned statuses[] = {100, 101, 200, 204, 304, 308, 400, 401, 403, 404, 405, 408,
                                    411, 413, 414, 417, 422, 426, 429, 431, 500, 501, 503, 505};

/* Says what is wrong and shows it before it aborts. */
static void expect(bool right, const char *what, struct span bytes)
{
    if (right)
        return;
    fprintf(stderr, "answer: %s in:\n%.*s\n", what, (int)MIN(bytes.len, (size_t)2000),
            (const char *)bytes.data);
    abort();
}

struct span answer_header(const struct answer *answer, const char *name)
{
    const uint8_t *at = answer->head.data;
    const uint8_t *end = at + answer->head.len;
    size_t len = strlen(name);

    while ((at = memmem(at, (size_t)(end - at), "\r\n", 2)) != NULL) {
        at += 2;
        if ((size_t)(end - at) > len + 2 && strncasecmp((const char *)at, name, len) == 0 &&
            at[len] == ':') {
            const uint8_t *value = at + len + 2;
            const uint8_t *stop = memmem(value, (size_t)(end - value), "\r\n", 2);

            return (struct span){value, (size_t)(stop - value)};
        }
    }
    return (struct span){NULL, 0};
}

static bool is(struct span text, const char *wanted)
{
    return text.len == strlen(wanted) && memcmp(text.data, wanted, text.len) == 0;
}

static void read_head(struct span rest, struct answer *answer)
{
    const char *text = (const char *)rest.data;
    const uint8_t *end = memmem(rest.data, rest.len, "\r\n\r\n", 4);
    bool known = false;

    expect(end != NULL, "no end of the head", rest);
    answer->head = (struct span){rest.data, (size_t)(end - rest.data) + 4};
    expect(answer->head.len > STATUS_LINE_SIZE, "no status line", rest);
    expect(memcmp(text, "HTTP/1.1 ", 9) == 0 || memcmp(text, "HTTP/1.0 ", 9) == 0, "no version",
           rest);
    for (size_t i = 0; i < 3; i++) {
        expect(text[9 + i] >= '0' && text[9 + i] <= '9', "no status", rest);
        answer->status = answer->status * 10 + (unsigned)(text[9 + i] - '0');
    }
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        known = known || statuses[i] == answer->status;
    expect(known && text[12] == ' ', "a status that is not ours", rest);
}

/* An answer to HEAD has no body: the next one follows, or nothing. */
static bool lacks_body(struct span after, size_t len)
{
    return after.len < len || (after.len >= 7 && memcmp(after.data, "HTTP/1.", 7) == 0);
}

static void read_body(struct span after, bool heads, struct answer *answer)
{
    struct span length = answer_header(answer, "Content-Length");
    unsigned status = answer->status;
    size_t len = length.data != NULL ? strtoul((const char *)length.data, NULL, 10) : 0;

    answer->body = (struct span){after.data, 0};
    if (status == 101 || is(answer_header(answer, "Content-Type"), "text/event-stream")) {
        answer->stream = true;
        answer->body = after;
    } else if (status != 100 && status != 204 && status != 304) {
        expect(length.data != NULL, "no length", answer->head);
        if (heads && lacks_body(after, len))
            len = 0;
        expect(after.len >= len, "a body that is too short", answer->head);
        answer->body.len = len;
    } else {
        expect(length.data == NULL, "a length without a body", answer->head);
    }
}

static void check_error(const struct answer *answer)
{
    const json_t *code = json_object_get(answer->json, "code");
    const json_t *data = json_object_get(answer->json, "data");
    const json_t *message = json_object_get(answer->json, "message");

    expect(json_is_object(answer->json), "no object", answer->body);
    expect(json_is_false(json_object_get(answer->json, "success")), "no success", answer->body);
    expect(json_is_string(code) && json_string_length(code) > 0, "no code", answer->body);
    expect(json_is_string(message) && json_string_length(message) > 0, "no message", answer->body);
    expect(json_is_null(data) || json_is_object(data), "no data", answer->body);
}

static void check_body(struct answer *answer)
{
    bool is_json = is(answer_header(answer, "Content-Type"), "application/json");

    if (is_json && answer->body.len > 0) {
        answer->json = json_loadb((const char *)answer->body.data, answer->body.len,
                                  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        expect(answer->json != NULL, "no JSON", answer->body);
        expect(utf8_valid(answer->body.data, answer->body.len), "no UTF-8", answer->body);
    }
    if (answer->status < 400)
        return;
    expect(is_json, "an error that is no JSON", answer->head);
    /* /readyz says what is missing. */
    if (answer->json != NULL && json_object_get(answer->json, "ready") == NULL)
        check_error(answer);
}

bool answer_next(struct span *rest, bool heads, bool calm, struct answer *answer)
{
    struct span after;

    memset(answer, 0, sizeof(*answer));
    if (rest->len == 0)
        return false;
    read_head(*rest, answer);
    after = (struct span){rest->data + answer->head.len, rest->len - answer->head.len};
    read_body(after, heads, answer);
    check_body(answer);
    expect(answer->status != 500 || !calm, "an internal error", *rest);
    *rest = (struct span){after.data + answer->body.len, after.len - answer->body.len};
    return true;
}

void answer_fini(struct answer *answer)
{
    json_decref(answer->json);
}

void answers_make_comparable(struct strbuf *bytes)
{
    static const char *const names[] = {"\r\nDate: ", "\r\nX-Request-Id: "};

    for (size_t i = 0; i < ARRAY_LEN(names) && bytes->len > 0; i++) {
        char *at = bytes->data;
        char *end = bytes->data + bytes->len;

        while ((at = memmem(at, (size_t)(end - at), names[i], strlen(names[i]))) != NULL) {
            char *stop;

            at += strlen(names[i]);
            stop = memmem(at, (size_t)(end - at), "\r\n", 2);
            CHECK(stop != NULL);
            memmove(at, stop, (size_t)(end - stop));
            end -= stop - at;
        }
        bytes->len = (size_t)(end - bytes->data);
        bytes->data[bytes->len] = '\0';
    }
}
