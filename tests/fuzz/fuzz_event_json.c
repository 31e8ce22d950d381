// needs: common/event_check common/strbuf common/mem common/check common/clock common/utf8
/*
 * event_json: the input is an event: its kind and numbers, then a name, a NUL, and a text. Whatever
 * is valid UTF-8 is read back by another parser as it was, and workers take it from the bus. It is
 * written, not read: there is nothing to cut.
 */
#include "common/event_json.h"

#include "common/check.h"
#include "common/event_check.h"
#include "common/utf8.h"

#include <jansson.h>
#include <string.h>

#define HEAD_SIZE 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *parse(const struct strbuf *buf)
{
    json_t *value = json_loadb(strbuf_str(buf), buf->len,
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

    CHECK(value != NULL);
    return value;
}

static void expect_text(const json_t *object, const char *name, struct span expected)
{
    const json_t *value = object;

    if (name != NULL)
        value = json_object_get(object, name);
    CHECK(value != NULL);
    CHECK(json_is_null(value) == (expected.data == NULL));
    if (expected.data == NULL)
        return;
    CHECK(json_string_length(value) == expected.len);
    CHECK(memcmp(json_string_value(value), expected.data, expected.len) == 0);
}

static void expect_number(const json_t *object, const char *name, uint64_t expected)
{
    CHECK((uint64_t)json_integer_value(json_object_get(object, name)) == expected);
}

static void check_event(const struct log_event *event)
{
    struct strbuf buf = STRBUF_EMPTY;
    bool is_message = event->kind == EVENT_MESSAGE;
    bool has_text = is_message || event->kind == EVENT_ROOM_CREATED;
    json_t *object;

    event_json_write(event, &buf);
    /* A line of a stream: nothing in it ends the line. */
    CHECK(memchr(buf.data, '\n', buf.len) == NULL && memchr(buf.data, '\r', buf.len) == NULL);
    CHECK(utf8_valid(buf.data, buf.len));
    CHECK(event_check((struct span){(const uint8_t *)buf.data, buf.len}));
    object = parse(&buf);
    CHECK(json_object_size(object) == (has_text ? 7 : 6));
    expect_number(object, "id", event->seq);
    expect_number(object, "room_id", event->room_id);
    expect_number(object, is_message ? "sender_id" : "user_id", event->actor_id);
    expect_text(object, is_message ? "sender_username" : "username", event->actor_name);
    if (has_text)
        expect_text(object, is_message ? "text" : "name", event->text);
    CHECK(json_string_length(json_object_get(object, "created_at")) == 27);
    json_decref(object);
    strbuf_fini(&buf);
}

static void check_string(struct span text)
{
    struct strbuf buf = STRBUF_EMPTY;
    json_t *value;

    json_write_string(&buf, text);
    value = parse(&buf);
    expect_text(value, NULL, text);
    json_decref(value);
    strbuf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_event event = {0};
    const uint8_t *end;

    if (size < HEAD_SIZE || !utf8_valid(data + HEAD_SIZE, size - HEAD_SIZE))
        return 0;
    event.kind = (enum event_kind)(1 + data[0] % EVENT_ROOM_REMOVED);
    event.seq = data[1] + 1U;
    event.room_id = (uint64_t)data[2] << 45 | data[3];
    event.actor_id = data[4];
    event.created_at_us = (uint64_t)data[5] << 56 | (uint64_t)data[6] << 20 | data[7];
    data += HEAD_SIZE;
    size -= HEAD_SIZE;
    check_string((struct span){data, size});
    end = memchr(data, '\0', size);
    if (end == NULL) {
        event.text = (struct span){data, size};
    } else {
        event.actor_name = (struct span){data, (size_t)(end - data)};
        event.text = (struct span){end + 1, size - event.actor_name.len - 1};
    }
    check_event(&event);
    return 0;
}
