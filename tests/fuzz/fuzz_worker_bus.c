// covers: gateway/bus_link gateway/rooms gateway/room_log gateway/cursor gateway/sessions
/*
 * worker_bus: any bytes as what a broker says to a whole worker (worker/world.h) that has sockets
 * on rooms, commands that wait for their answer and a request. Nothing that comes may break the
 * worker, nor a frame's form: JSON objects (what they say is the broker's); and when the sockets
 * are closed, all of it is forgotten: the same story again is the same.
 *
 * The first byte chooses how the worker is used, the second the story. Then each message has its
 * length in two bytes; with the highest bit it is a subscription of a broker's, or, if it
 * has one byte only, time that passes, as much as the byte says. A message comes whole or not at
 * all, so there is nothing to cut. Numbers of commands and questions, which a broker knows, are put
 * where a message has its own below 16.
 */
#include "worker/frames.h"

#include "common/bus_proto.h"
#include "common/check.h"
#include "common/event_check.h"

#include <stdio.h>
#include <string.h>

#define HEAD_SIZE    2
#define MESSAGES_MAX 32
#define KNOWN_MAX    16 /* numbers below it stand for those of commands */
#define BEARER                                                                                     \
    "Authorization: Bearer abababababababababababababababababababababababababababababababab\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_text(struct client *client, const char *text)
{
    struct strbuf frame = STRBUF_EMPTY;

    frame_write(&frame, FRAME_FIN | FRAME_TEXT, text, strlen(text));
    client_send(client, frame.data, frame.len);
    strbuf_fini(&frame);
}

/* A message with the number of what waits, if it names one. */
static bool put_number(struct bus_message *message)
{
    uint64_t *number = message->type == BUS_ANSWER          ? &message->answer.command_id
                       : message->type == BUS_EVENT         ? &message->event.command_id
                       : message->type == BUS_PRESENCE_LIST ? &message->presence_list.query_id
                                                            : NULL;
    uint64_t worker_id;

    if (number == NULL || *number >= KNOWN_MAX)
        return false;
    *number = played_bus_kept((size_t)*number, &worker_id);
    if (message->type == BUS_EVENT)
        message->event.worker_id = worker_id;
    return true;
}

/* Most texts that chance makes are none, and go no further: every other one of them is another. */
static bool put_text(struct bus_message *message)
{
    static const char text[] = "{\"type\":\"a\"}";
    struct span *json = message->type == BUS_EVENT       ? &message->event.json
                        : message->type == BUS_EPHEMERAL ? &message->ephemeral.json
                                                         : NULL;

    if (json == NULL || json->len % 2 != 0 || event_check(*json))
        return false;
    *json = (struct span){(const uint8_t *)text, sizeof(text) - 1};
    return true;
}

/* What a broker could not have said so, made into what it could. */
static bool mend(struct bus_message *message)
{
    bool has_number = put_number(message);

    return put_text(message) || has_number;
}

static void receive(bool to_commands, const uint8_t *data, size_t len)
{
    struct strbuf bytes = STRBUF_EMPTY;
    struct bus_message message;

    if (!to_commands && bus_decode(data, len, &message) && mend(&message)) {
        bus_encode(&message, &bytes);
        played_bus_receive(false, (const uint8_t *)bytes.data, bytes.len);
    } else {
        played_bus_receive(to_commands, data, len);
    }
    strbuf_fini(&bytes);
    world_settle();
}

static void receive_all(const uint8_t *data, size_t size)
{
    for (size_t count = 0; size >= 2 && count < MESSAGES_MAX; count++) {
        size_t len = (size_t)(data[0] & 0x7f) << 8 | data[1];
        bool to_commands = data[0] >> 7 != 0;

        len = MIN(len, size - 2);
        if (to_commands && len == 1)
            world_pass(WORLD_TIME_MS(data[2]));
        else
            receive(to_commands, data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
}

static void check_frames(const struct client *client)
{
    struct span rest = {(const uint8_t *)client->got.data, client->got.len};
    struct frame_read frame;

    while (frame_next(&rest, false, &frame))
        frame_fini(&frame);
}

static void send_request(struct client *client, bool asks)
{
    static const char join[] = "POST /api/chat/rooms/9/join HTTP/1.1\r\nHost: a\r\n" BEARER "\r\n";
    static const char ask[] = "GET /api/chat/rooms/5/users HTTP/1.1\r\nHost: a\r\n" BEARER "\r\n";

    client_send(client, asks ? ask : join, strlen(asks ? ask : join));
}

static void tell(const uint8_t *data, size_t size, struct strbuf *got)
{
    struct played_choice choice = {data[1], 0};
    struct client single;
    struct client multi;
    struct client rest;

    world_begin(choice);
    client_open(&single, false);
    client_open(&multi, false);
    client_open(&rest, false);
    CHECK(
        frames_upgrade(&single, (data[0] & 1) != 0 ? "/ws/chat/5" : "/ws/chat/5?since=0", BEARER));
    CHECK(frames_upgrade(&multi, "/ws/chat", BEARER));
    send_text(&multi, "{\"type\":\"subscribe\",\"room_id\":5,\"since\":18,\"epoch\":7}");
    played_bus_mute((data[0] & 2) == 0);
    send_text(&multi, "{\"type\":\"subscribe\",\"room_id\":6}");
    send_text(&multi, "{\"type\":\"message\",\"room_id\":5,\"text\":\"a\",\"client_id\":\"c\"}");
    send_text(&single, "{\"text\":\"b\",\"client_id\":\"d\"}");
    send_request(&rest, (data[0] & 4) != 0);
    if ((data[0] & 8) != 0)
        send_text(&multi, "{\"type\":\"typing\",\"room_id\":5}");
    receive_all(data + HEAD_SIZE, size - HEAD_SIZE);
    played_bus_mute(false);
    world_settle();
    check_frames(&single);
    check_frames(&multi);
    strbuf_add(got, single.got.data, single.got.len);
    strbuf_add(got, multi.got.data, multi.got.len);
    client_close(&single);
    client_close(&multi);
    client_close(&rest);
    world_own_shards();
    world_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf first = STRBUF_EMPTY;
    struct strbuf second = STRBUF_EMPTY;

    if (size <= HEAD_SIZE)
        return 0;
    tell(data, size, &first);
    tell(data, size, &second);
    CHECK(first.len == second.len);
    CHECK(memcmp(strbuf_str(&first), strbuf_str(&second), first.len) == 0);
    strbuf_fini(&first);
    strbuf_fini(&second);
    return 0;
}
