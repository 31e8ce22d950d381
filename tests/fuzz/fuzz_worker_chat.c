// covers: gateway/chat_* gateway/sending gateway/rooms gateway/room_log gateway/cursor gateway/frame gateway/ws_conn gateway/ws_message gateway/ws_frame
/*
 * worker_chat: lines of the input are the frames that a client sends on a chat socket of a whole
 * worker (worker/world.h), while another socket hears the same room. Every frame that comes back is
 * as openapi.json says; a message with a client_id is answered by one ack or one error, never by
 * both; numbers of a room rise; and the other socket hears each message that was stored, once.
 * Frames cut into pieces get the same answers in the same order.
 *
 * The first three bytes choose the kind of socket (and how much goes wrong below), the story, the
 * pieces. A line's first byte may make it a binary message (1), a ping (2), a close (3), or a
 * message in two fragments (4); or no frame, but time that passes, as much as the second says (5).
 */
#include "worker/frames.h"

#include "common/check.h"
#include "common/json.h"
#include "common/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_SIZE   3
#define ROOM        5 /* of the sockets on one room */
#define LINES_MAX   16
#define IDS_MAX     (2 * LINES_MAX)
#define TIME_PASSES 5
#define BEARER                                                                                     \
    "Authorization: Bearer abababababababababababababababababababababababababababababababab\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum socket_kind { SINGLE, SINGLE_SINCE, MULTI, MULTI_AUTH };

/* Answers that a client_id has to get, less those that it got; and how many more it may get, since
 * other frames of a socket on several rooms can be refused by it. */
struct expected {
    char id[4 * CLIENT_ID_CHARS_MAX + 1];
    int due;
    int more;
};

static struct expected expected[IDS_MAX];
static size_t expected_count;

static struct expected *find_expected(const char *id)
{
    for (size_t i = 0; i < expected_count; i++)
        if (strcmp(expected[i].id, id) == 0)
            return &expected[i];
    CHECK(expected_count < IDS_MAX);
    snprintf(expected[expected_count].id, sizeof(expected[0].id), "%s", id);
    expected[expected_count].due = expected[expected_count].more = 0;
    return &expected[expected_count++];
}

static size_t code_points(struct span text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

/* Remembers that this message has to be answered, if it has a name. */
static void expect_answer(enum socket_kind kind, const uint8_t *data, size_t len)
{
    struct json_doc *doc = NULL;
    struct span id = {NULL, 0};
    struct span type = {NULL, 0};
    uint64_t room_id;
    bool is_message;

    if (json_parse_object(data, len, &doc) != ERR_NONE)
        return;
    is_message = kind < MULTI || (json_get(doc, "type", &type) == JSON_IS_TEXT && type.len == 7 &&
                                  memcmp(type.data, "message", 7) == 0 &&
                                  json_get_u64(doc, "room_id", &room_id) == JSON_IS_NUMBER);
    if (json_get(doc, "client_id", &id) == JSON_IS_TEXT && code_points(id) >= 1 &&
        code_points(id) <= CLIENT_ID_CHARS_MAX) {
        find_expected((const char *)id.data)->due += is_message;
        find_expected((const char *)id.data)->more += !is_message;
    }
    json_doc_destroy(&doc);
}

/* ---- sending ---- */

static void write_line(enum socket_kind kind, const uint8_t *line, size_t len, struct strbuf *out)
{
    uint8_t first = len > 0 ? line[0] : 0;
    bool marked = first >= 1 && first <= 4;

    if (marked) {
        line++;
        len--;
    }
    if (first == 1) {
        frame_write(out, FRAME_FIN | FRAME_BINARY, line, len);
    } else if (first == 2) {
        frame_write(out, FRAME_FIN | FRAME_PING, line, MIN(len, (size_t)125));
    } else if (first == 3) {
        frame_write(out, FRAME_FIN | FRAME_CLOSE, line, MIN(len, (size_t)125));
    } else if (first == 4) {
        frame_write(out, FRAME_TEXT, line, len / 2);
        frame_write(out, FRAME_FIN, line + len / 2, len - len / 2);
        expect_answer(kind, line, len);
    } else {
        frame_write(out, FRAME_FIN | FRAME_TEXT, line, len);
        expect_answer(kind, line, len);
    }
}

static void send_lines(struct client *client, enum socket_kind kind, struct span lines,
                       uint8_t cuts)
{
    const uint8_t *at = lines.data;
    const uint8_t *end = at + lines.len;

    for (size_t count = 0; at < end && count < LINES_MAX; count++) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop != NULL ? stop : end) - at);
        struct strbuf frames = STRBUF_EMPTY;

        if (len > 1 && at[0] == TIME_PASSES) {
            world_pass(WORLD_TIME_MS(at[1]));
        } else {
            write_line(kind, at, len, &frames);
            client_send_cut(client, (const uint8_t *)frames.data, frames.len, cuts);
        }
        strbuf_fini(&frames);
        at += len + 1;
    }
}

/* ---- what comes back ---- */

struct heard {
    bool closed;
    uint64_t messages;
    uint64_t last[PLAYED_ROOMS + 1]; /* of each room, the number that came last */
};

static uint64_t number(const struct frame_read *frame, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(frame->json, name));
}

static void hear_frame(const struct frame_read *frame, struct heard *heard)
{
    const char *id = json_string_value(json_object_get(frame->json, "client_id"));
    uint64_t room_id = number(frame, "room_id");
    bool answers = strcmp(frame->type, "ack") == 0 || strcmp(frame->type, "error") == 0;

    CHECK(room_id <= PLAYED_ROOMS || answers || strcmp(frame->type, "unsubscribed") == 0);
    if (answers && id != NULL)
        find_expected(id)->due--;
    if (answers)
        return;
    if (strcmp(frame->type, "subscribed") == 0)
        heard->last[room_id] = 0;
    if (json_object_get(frame->json, "id") != NULL) {
        CHECK(number(frame, "id") > heard->last[room_id]);
        heard->last[room_id] = number(frame, "id");
    }
    if (strcmp(frame->type, "new_message") == 0)
        heard->messages++;
}

static void hear(const struct client *client, struct heard *heard)
{
    struct span rest = {(const uint8_t *)client->got.data, client->got.len};
    struct frame_read frame;

    while (frame_next(&rest, true, &frame)) {
        if (frame.opcode == FRAME_CLOSE)
            heard->closed = true;
        else if (frame.opcode == FRAME_TEXT)
            hear_frame(&frame, heard);
        frame_fini(&frame);
    }
    heard->closed = heard->closed || client->ended;
}

/* ---- the story ---- */

static bool open_socket(struct client *client, enum socket_kind kind)
{
    static const char *const paths[] = {"/ws/chat/5", "/ws/chat/5?since=3", "/ws/chat", "/ws/chat"};

    client_open(client, false);
    return frames_upgrade(client, paths[kind], kind == MULTI_AUTH ? "" : BEARER);
}

static void check_expected(void)
{
    for (size_t i = 0; i < expected_count; i++)
        if (expected[i].due > 0 || expected[i].due < -expected[i].more) {
            fprintf(stderr, "%d answers are missing for %s\n", expected[i].due, expected[i].id);
            abort();
        }
}

static void tell(const uint8_t *data, size_t size, uint8_t cuts, struct strbuf *got)
{
    struct played_choice choice = {data[1], data[0] >> 4 > 9 ? (data[0] >> 4) - 9 : 0};
    enum socket_kind kind = data[0] & 3;
    struct span lines = {data + HEAD_SIZE, size - HEAD_SIZE};
    struct heard heard = {0};
    struct heard others = {0};
    struct client other;
    struct client client;
    uint64_t head;

    world_begin(choice);
    expected_count = 0;
    head = played_head(ROOM);
    if (open_socket(&other, SINGLE) && open_socket(&client, kind)) {
        send_lines(&client, kind, lines, cuts);
        hear(&other, &others);
        hear(&client, &heard);
        if (!heard.closed)
            check_expected();
        CHECK(others.closed || others.messages == played_head(ROOM) - head);
        strbuf_add(got, client.got.data, client.got.len);
        client_close(&client);
    }
    client_close(&other);
    world_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf whole = STRBUF_EMPTY;
    struct strbuf cut = STRBUF_EMPTY;

    if (size <= HEAD_SIZE || size > 16384)
        return 0;
    tell(data, size, 0, &whole);
    tell(data, size, data[2] | 1, &cut);
    CHECK(whole.len == cut.len);
    CHECK(memcmp(strbuf_str(&whole), strbuf_str(&cut), whole.len) == 0);
    strbuf_fini(&whole);
    strbuf_fini(&cut);
    return 0;
}
