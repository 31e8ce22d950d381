#include "load.h"

#include <string.h>

/*
 * banter        the single-room socket with since=0: ready at "subscribed", acknowledged when
 *               committed
 * banter-rooms  the socket with several rooms, from their heads on: ready when all are subscribed
 * plain         a server that sends every text to everyone in the room of the path: ws,
 *               uWebSockets, nchan, the limit servers; its own copy is what a sender takes for an
 *               acknowledgement
 * socketio      Socket.IO 4 over Engine.IO 4, WebSocket only (socket.io-protocol, revision 5)
 */
static const struct protocol protocols[] = {
    {.name = "banter", .speech = SPEECH_BANTER, .acknowledges = true},
    {.name = "banter-rooms",
     .speech = SPEECH_BANTER_ROOMS,
     .subscribes = true,
     .acknowledges = true},
    {.name = "plain", .speech = SPEECH_PLAIN, .ready_at_once = true},
    {.name = "socketio", .speech = SPEECH_SOCKETIO},
};

const struct protocol *protocol_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
        if (strcmp(protocols[i].name, name) == 0)
            return &protocols[i];
    return NULL;
}

static bool begins(const uint8_t *data, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(data, text, strlen(text)) == 0;
}

static bool read_number(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    const uint8_t *from = *at;

    *out = 0;
    while (*at < end && **at >= '0' && **at <= '9')
        *out = *out * 10 + (uint64_t)(*(*at)++ - '0');
    return *at > from && *at < end && *(*at)++ == ':';
}

static bool read_mark(const uint8_t *data, size_t len, struct mark *mark)
{
    const uint8_t *at = memchr(data, '@', len);
    const uint8_t *end = data + len;
    uint64_t room, sender, number;

    if (at == NULL)
        return false;
    at++;
    if (!read_number(&at, end, &room) || !read_number(&at, end, &sender) ||
        !read_number(&at, end, &number) || !read_number(&at, end, &mark->sent_ns))
        return false;
    mark->room = (uint32_t)room;
    mark->sender = (uint32_t)sender;
    mark->number = (uint32_t)number;
    return true;
}

/* Our client_id begins with the room. */
static bool read_client_id(const uint8_t *data, size_t len, struct mark *mark)
{
    static const char name[] = "\"client_id\":\"";
    const uint8_t *at = memmem(data, len, name, sizeof(name) - 1);
    uint64_t room;

    if (at == NULL)
        return false;
    at += sizeof(name) - 1;
    if (!read_number(&at, data + len, &room))
        return false;
    mark->room = (uint32_t)room;
    return true;
}

static enum reaction read_banter(const uint8_t *data, size_t len, struct mark *mark)
{
    if (begins(data, len, "{\"type\":\"new_message\""))
        return read_mark(data, len, mark) ? REACT_DELIVERY : REACT_NONE;
    if (begins(data, len, "{\"type\":\"ack\""))
        return read_client_id(data, len, mark) ? REACT_ACK : REACT_ERROR;
    if (begins(data, len, "{\"type\":\"subscribed\""))
        return REACT_READY;
    return begins(data, len, "{\"type\":\"error\"") ? REACT_ERROR : REACT_NONE;
}

/* Engine.IO: 0 open, 2 ping, 4 message; Socket.IO within: 40 connected, 42 event. */
static enum reaction read_socketio(const uint8_t *data, size_t len, struct mark *mark)
{
    if (begins(data, len, "42[\"joined\""))
        return REACT_READY;
    if (begins(data, len, "42"))
        return read_mark(data, len, mark) ? REACT_DELIVERY : REACT_NONE;
    return begins(data, len, "0") || begins(data, len, "2") || begins(data, len, "40") ? REACT_REPLY
                                                                                       : REACT_NONE;
}

enum reaction protocol_read(const struct protocol *protocol, const uint8_t *data, size_t len,
                            struct mark *mark_out)
{
    switch (protocol->speech) {
    case SPEECH_BANTER:
    case SPEECH_BANTER_ROOMS:
        return read_banter(data, len, mark_out);
    case SPEECH_SOCKETIO:
        return read_socketio(data, len, mark_out);
    case SPEECH_PLAIN:
        break;
    }
    return read_mark(data, len, mark_out) ? REACT_DELIVERY : REACT_NONE;
}

const char *protocol_reply(const uint8_t *data, size_t len, uint32_t room)
{
    static char join[48];

    if (begins(data, len, "2"))
        return "3";
    if (begins(data, len, "0"))
        return "40";
    snprintf(join, sizeof(join), "42[\"join\",\"%u\"]", room);
    return join;
}

const char *protocol_subscribe(uint64_t room_id)
{
    static char text[64];

    snprintf(text, sizeof(text), "{\"type\":\"subscribe\",\"room_id\":%llu}",
             (unsigned long long)room_id);
    return text;
}

/* ---- messages ---------------------------------------------------------------------------------*/

static int write_beginning(const struct protocol *protocol, uint64_t room_id, char *text,
                           size_t size)
{
    switch (protocol->speech) {
    case SPEECH_BANTER:
        return snprintf(text, size, "{\"text\":\"");
    case SPEECH_BANTER_ROOMS:
        return snprintf(text, size, "{\"type\":\"message\",\"room_id\":%llu,\"text\":\"",
                        (unsigned long long)room_id);
    case SPEECH_SOCKETIO:
        return snprintf(text, size, "42[\"message\",\"");
    case SPEECH_PLAIN:
        break;
    }
    return 0;
}

static int write_end(const struct protocol *protocol, const struct mark *mark, char *text,
                     size_t size)
{
    switch (protocol->speech) {
    case SPEECH_BANTER:
    case SPEECH_BANTER_ROOMS:
        return snprintf(text, size, "\",\"client_id\":\"%u:%u:%u\"}", mark->room, mark->sender,
                        mark->number);
    case SPEECH_SOCKETIO:
        return snprintf(text, size, "\"]");
    case SPEECH_PLAIN:
        break;
    }
    return 0;
}

size_t protocol_message(const struct protocol *protocol, uint64_t room_id, const struct mark *mark,
                        size_t text_bytes, char text[PROTOCOL_TEXT_MAX])
{
    size_t begin = (size_t)write_beginning(protocol, room_id, text, PROTOCOL_TEXT_MAX);
    size_t len = begin;
    size_t wanted;

    len += (size_t)snprintf(text + len, PROTOCOL_TEXT_MAX - len, "@%u:%u:%u:%llu:", mark->room,
                            mark->sender, mark->number, (unsigned long long)mark->sent_ns);
    wanted = MAX(begin + text_bytes, len);
    memset(text + len, 'x', wanted - len);
    len = wanted;
    return len + (size_t)write_end(protocol, mark, text + len, PROTOCOL_TEXT_MAX - len);
}
