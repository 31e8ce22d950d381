#include "frames.h"

#include "answers.h"
#include "common/check.h"
#include "common/utf8.h"
#include "openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool frames_upgrade(struct client *client, const char *path, const char *head)
{
    struct strbuf request = STRBUF_EMPTY;
    struct answer answer;
    struct span rest;
    size_t head_len;
    bool upgraded;

    strbuf_printf(&request,
                  "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "%s\r\n",
                  path, head);
    client_send(client, request.data, request.len);
    strbuf_fini(&request);
    rest = (struct span){(const uint8_t *)client->got.data, client->got.len};
    CHECK(answer_next(&rest, false, false, &answer));
    upgraded = answer.status == 101;
    head_len = answer.head.len;
    answer_fini(&answer);
    if (!upgraded)
        return false;
    client->got.len -= head_len;
    memmove(client->got.data, client->got.data + head_len, client->got.len);
    return true;
}

void frame_write(struct strbuf *out, uint8_t first, const void *data, size_t len)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    const uint8_t *bytes = data;

    strbuf_add_char(out, (char)first);
    if (len < 126) {
        strbuf_add_char(out, (char)(0x80 | len));
    } else {
        CHECK(len <= UINT16_MAX);
        strbuf_add_char(out, (char)(0x80 | 126));
        strbuf_add_char(out, (char)(len >> 8));
        strbuf_add_char(out, (char)(len & 0xff));
    }
    strbuf_add(out, mask, sizeof(mask));
    for (size_t i = 0; i < len; i++)
        strbuf_add_char(out, (char)(bytes[i] ^ mask[i % 4]));
}

/* ---- what comes ---- */

static void expect(bool right, const char *what, struct span bytes)
{
    if (right)
        return;
    fprintf(stderr, "frame: %s in:\n%.*s\n", what, (int)MIN(bytes.len, (size_t)2000),
            (const char *)bytes.data);
    abort();
}

static const char *schema_of(const char *type)
{
    static const char *const schemas[][2] = {
        {"new_message", "MessageEvent"},
        {"room_created", "RoomCreatedEvent"},
        {"member_joined", "MemberEvent"},
        {"member_left", "MemberEvent"},
        {"owner_changed", "MemberEvent"},
        {"room_removed", "MemberEvent"},
        {"user_activity", "UserActivity"},
        {"ack", "Ack"},
        {"error", "ErrorFrame"},
        {"subscribed", "Subscribed"},
        {"unsubscribed", "Unsubscribed"},
        {"caught_up", "CaughtUp"},
        {"hello", "Hello"},
        {"bye", "Bye"},
        {"typing", "Typing"},
        {"pong", "Pong"},
    };

    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        if (strcmp(schemas[i][0], type) == 0)
            return schemas[i][1];
    return NULL;
}

/* A broker's texts may have a name twice, and other members than they should. */
static void check_text(struct frame_read *frame, bool own)
{
    const char *wrong;

    expect(utf8_valid(frame->payload.data, frame->payload.len), "no UTF-8", frame->payload);
    frame->json = json_loadb((const char *)frame->payload.data, frame->payload.len,
                             JSON_ALLOW_NUL | (own ? JSON_REJECT_DUPLICATES : 0), NULL);
    expect(json_is_object(frame->json), "no JSON object", frame->payload);
    if (!own)
        return;
    frame->type = json_string_value(json_object_get(frame->json, "type"));
    expect(frame->type != NULL && schema_of(frame->type) != NULL, "no known type", frame->payload);
    wrong = openapi_mismatch(openapi_schema(schema_of(frame->type)), frame->json);
    expect(wrong == NULL, wrong, frame->payload);
}

/* Behind the first two bytes; lengths in their shortest form. */
static size_t read_length(const struct span *rest, size_t *head_len)
{
    const uint8_t *at = rest->data;
    size_t len = at[1];

    *head_len = 2;
    if (len == 126) {
        *head_len = 4;
        expect(rest->len >= 4, "half a length", *rest);
        len = (size_t)at[2] << 8 | at[3];
        expect(len >= 126, "a long length", *rest);
    } else if (len == 127) {
        *head_len = 10;
        expect(rest->len >= 10, "half a length", *rest);
        len = 0;
        for (size_t i = 2; i < 10; i++)
            len = len << 8 | at[i];
        expect(len > UINT16_MAX, "a long length", *rest);
    }
    return len;
}

bool frame_next(struct span *rest, bool own_texts, struct frame_read *frame)
{
    size_t head_len;
    size_t len;

    memset(frame, 0, sizeof(*frame));
    if (rest->len == 0)
        return false;
    expect(rest->len >= 2, "half a head", *rest);
    expect((rest->data[0] & 0xf0) == FRAME_FIN, "a fragment, or reserved bits", *rest);
    expect((rest->data[1] & 0x80) == 0, "a mask", *rest);
    frame->opcode = rest->data[0] & 0xf;
    len = read_length(rest, &head_len);
    expect(rest->len - head_len >= len, "half a frame", *rest);
    frame->payload = (struct span){rest->data + head_len, len};
    *rest = (struct span){rest->data + head_len + len, rest->len - head_len - len};
    switch (frame->opcode) {
    case FRAME_TEXT:
        check_text(frame, own_texts);
        break;
    case FRAME_CLOSE:
        expect(len == 0 || len >= 2, "half a close code", frame->payload);
        expect(rest->len == 0, "more after the close frame", *rest);
        break;
    default:
        expect(frame->opcode == FRAME_PING || frame->opcode == FRAME_PONG, "an opcode",
               frame->payload);
        break;
    }
    expect(frame->opcode == FRAME_TEXT || len <= 125, "a control frame too long", frame->payload);
    return true;
}

void frame_fini(struct frame_read *frame)
{
    json_decref(frame->json);
}
