#include "load.h"

#include <string.h>

/*
 * banter    the single-room socket with since=0: ready at "subscribed", acknowledged when committed
 * plain     a server that sends every text to everyone in the room of the path: ws, uWebSockets,
 *           nchan, the limit servers; its own copy is what a sender takes for an acknowledgement
 * socketio  Socket.IO 4 over Engine.IO 4, WebSocket only (socket.io-protocol, revision 5)
 */
static const struct protocol protocols[] = {
    {"banter", NULL, "{\"text\":\"", "\",\"client_id\":\"%u-%u\"}", false, true},
    {"plain", NULL, "", "", true, false},
    {"socketio", NULL, "42[\"message\",\"", "\"]", false, false},
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
    uint64_t sender, number;

    if (at == NULL)
        return false;
    at++;
    if (!read_number(&at, end, &sender) || !read_number(&at, end, &number) ||
        !read_number(&at, end, &mark->sent_ns))
        return false;
    mark->sender = (uint32_t)sender;
    mark->number = (uint32_t)number;
    return true;
}

static enum reaction read_banter(const uint8_t *data, size_t len, struct mark *mark)
{
    if (begins(data, len, "{\"type\":\"new_message\""))
        return read_mark(data, len, mark) ? REACT_DELIVERY : REACT_NONE;
    if (begins(data, len, "{\"type\":\"ack\""))
        return REACT_ACK;
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
    if (protocol == &protocols[0])
        return read_banter(data, len, mark_out);
    if (protocol == &protocols[2])
        return read_socketio(data, len, mark_out);
    return read_mark(data, len, mark_out) ? REACT_DELIVERY : REACT_NONE;
}

const char *protocol_reply(const struct protocol *protocol ATTR_UNUSED, const uint8_t *data,
                           size_t len, uint32_t room)
{
    static char join[48];

    if (begins(data, len, "2"))
        return "3";
    if (begins(data, len, "0"))
        return "40";
    snprintf(join, sizeof(join), "42[\"join\",\"%u\"]", room);
    return join;
}
