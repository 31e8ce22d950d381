#include "client.h"

#include "common/check.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S   UINT64_C(1000000000)
#define READ_BYTES (1024 * 1024)
#define IDLE_NS    UINT64_C(10000000)
#define EVENTS     512
#define FRAME_ROOM 16
#define TEXT_MAX   PROTOCOL_TEXT_MAX
#define CONNECT_S  120
#define OP_TEXT    1
#define OP_CLOSE   8
#define OP_PING    9
#define OP_PONG    10

static struct {
    const struct options *options;
    struct results *results;
    struct members members;
    size_t next_to_connect;
    size_t connecting;
    size_t ready;
    int epoll;
    bool sending;
    bool measuring;
    uint64_t measure_from_ns;
    uint64_t measure_to_ns; /* 0 while it goes on */
    uint8_t *buffer;
    uint32_t due_room; /* open loop: whose turn it is; due times rise from here on */
} load;

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void arm(struct client *client, int op, bool writing)
{
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (writing ? EPOLLOUT : 0U);
    struct epoll_event event = {.events = events, .data.ptr = client};

    CHECK(epoll_ctl(load.epoll, op, client->fd, &event) == 0);
}

static void drop(struct client *client)
{
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_SHAKING ||
        client->state == CLIENT_JOINING) {
        load.connecting--;
        load.results->refused++;
    } else if (client->state == CLIENT_READY) {
        load.ready--;
        load.results->closed++;
    }
    client->state = CLIENT_GONE;
    close(client->fd);
}

static void write_out(struct client *client, const void *data, size_t len)
{
    ssize_t sent = 0;

    if (client->out_len == 0)
        sent = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        sent = 0; /* what is broken is noticed by reading */
    if ((size_t)sent == len)
        return;
    client->out = mem_realloc(client->out, client->out_len + len - (size_t)sent);
    memcpy(client->out + client->out_len, (const uint8_t *)data + sent, len - (size_t)sent);
    if (client->out_len == 0)
        arm(client, EPOLL_CTL_MOD, true);
    client->out_len += len - (size_t)sent;
}

static void flush_out(struct client *client)
{
    ssize_t sent = send(client->fd, client->out, client->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent <= 0)
        return;
    client->out_len -= (size_t)sent;
    memmove(client->out, client->out + sent, client->out_len);
    if (client->out_len == 0)
        arm(client, EPOLL_CTL_MOD, false);
}

static void say(struct client *client, uint8_t opcode, const void *text, size_t len)
{
    uint8_t frame[TEXT_MAX + FRAME_ROOM];

    CHECK(len <= TEXT_MAX);
    write_out(client, frame, frame_write(frame, opcode, text, len));
}

/* ---- sending ----------------------------------------------------------------------------------*/

/* Each message leaves in a call of its own, as people's do. intended_ns is when it should have
 * left: a server that stalls does not get away with being asked less often. */
static void send_message(struct member *member, uint64_t intended_ns)
{
    struct sender *sender = member->sender;
    const struct mark mark = {member->room, sender->number, sender->next, intended_ns};
    char text[TEXT_MAX];
    size_t len = protocol_message(load.options->protocol, load.options->first_room + member->room,
                                  &mark, load.options->text_bytes, text);

    sender->sent_ns[sender->next % SENT_TIMES] = intended_ns;
    sender->next++;
    load.results->sent += load.measuring;
    say(member->client, OP_TEXT, text, len);
}

/* Closed loop: as many as may be under way. */
static void send_on(struct member *member)
{
    const struct sender *sender = member->sender;

    while (load.sending && sender->next - sender->answered < load.options->outstanding)
        send_message(member, now_ns());
}

/* Of the messages that belong to the measurement, those that come late count, too. */
static bool belongs(uint64_t sent_ns)
{
    return load.measure_from_ns > 0 && sent_ns >= load.measure_from_ns &&
           (load.measuring || sent_ns < load.measure_to_ns);
}

static void on_answered(struct member *member, uint64_t now)
{
    struct sender *sender = member->sender;
    uint64_t sent_ns = sender->sent_ns[sender->answered % SENT_TIMES];

    sender->answered++;
    load.results->acknowledged += load.measuring;
    if (belongs(sent_ns))
        histogram_add(&load.results->ack, now - sent_ns);
    if (load.options->outstanding > 0)
        send_on(member);
}

/* Open loop: every room has its messages at equal distances, the rooms one after the other. */
static void send_due(uint64_t now)
{
    uint64_t period = (uint64_t)((double)NS_PER_S / load.options->rate);

    for (uint32_t checked = 0; checked < load.members.room_count; checked++) {
        struct room *room = &load.members.rooms[load.due_room];

        if (room->due_ns > now)
            return;
        if (room->senders > 0)
            send_message(room->sending[room->turn++ % room->senders], room->due_ns);
        room->due_ns += period;
        load.due_room = (load.due_room + 1) % load.members.room_count;
        if (room->due_ns <= now)
            checked = 0;
    }
}

/* ---- receiving --------------------------------------------------------------------------------*/

static void on_delivery(struct member *member, const struct mark *mark, uint64_t now)
{
    if (!members_hear(&load.members, member, mark, load.results))
        return;
    load.results->deliveries += load.measuring;
    if (belongs(mark->sent_ns))
        histogram_add(&load.results->delivery, now - mark->sent_ns);
    if (member->sender != NULL && member->sender->number == mark->sender &&
        !load.options->protocol->acknowledges)
        on_answered(member, now);
}

static void on_ready(struct client *client)
{
    if (client->state != CLIENT_JOINING)
        return;
    if (load.options->protocol->subscribes && ++client->subscribed < client->member_count)
        return;
    client->state = CLIENT_READY;
    load.connecting--;
    load.ready++;
    load.results->connected++;
}

static void on_text(struct client *client, const uint8_t *data, size_t len, uint64_t now)
{
    struct mark mark;
    enum reaction reaction = protocol_read(load.options->protocol, data, len, &mark);
    struct member *member;
    const char *reply;

    switch (reaction) {
    case REACT_DELIVERY:
    case REACT_ACK:
        member = members_find(client, mark.room);
        if (member == NULL || (reaction == REACT_ACK && member->sender == NULL))
            load.results->errors++;
        else if (reaction == REACT_ACK)
            on_answered(member, now);
        else
            on_delivery(member, &mark, now);
        break;
    case REACT_READY:
        on_ready(client);
        break;
    case REACT_REPLY:
        reply = protocol_reply(data, len, client->members[0].room);
        say(client, OP_TEXT, reply, strlen(reply));
        break;
    case REACT_ERROR:
        load.results->errors++;
        break;
    case REACT_NONE:
        break;
    }
}

/* The frames that are whole; the number of bytes that they took. */
static size_t take_frames(struct client *client, const uint8_t *data, size_t len)
{
    uint64_t now = now_ns();
    size_t at = 0;
    size_t used;
    uint8_t opcode;
    const uint8_t *payload;
    size_t payload_len;

    while ((used = frame_read(data + at, len - at, &opcode, &payload, &payload_len)) > 0) {
        at += used;
        if (opcode == OP_TEXT)
            on_text(client, payload, payload_len, now);
        else if (opcode == OP_PING)
            say(client, OP_PONG, payload, payload_len);
        else if (opcode == OP_CLOSE)
            drop(client);
        if (client->state == CLIENT_GONE)
            return len;
    }
    return at;
}

static void subscribe(struct client *client)
{
    for (uint32_t i = 0; i < client->member_count; i++) {
        const char *text = protocol_subscribe(load.options->first_room + client->members[i].room);

        say(client, OP_TEXT, text, strlen(text));
    }
}

/* The end of the response's head, if it is there; 0 if not, and the client is dropped for another
 * status than 101. */
static size_t take_head(struct client *client, const uint8_t *data, size_t len)
{
    const uint8_t *end = memmem(data, len, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    if (len < 12 || memcmp(data + 9, "101", 3) != 0) {
        drop(client);
        return len;
    }
    client->state = CLIENT_JOINING;
    if (load.options->protocol->ready_at_once)
        on_ready(client);
    if (load.options->protocol->subscribes)
        subscribe(client);
    return (size_t)(end - data) + 4;
}

static void take(struct client *client, const uint8_t *data, size_t len)
{
    size_t used = 0;

    if (client->state == CLIENT_SHAKING)
        used = take_head(client, data, len);
    if (client->state == CLIENT_JOINING || client->state == CLIENT_READY)
        used += take_frames(client, data + used, len - used);
    if (client->state == CLIENT_GONE)
        return;
    mem_free(client->rest);
    client->rest_len = len - used;
    client->rest = client->rest_len > 0 ? mem_dup(data + used, client->rest_len) : NULL;
}

/* Whether there may be more to read. */
static bool read_some(struct client *client)
{
    size_t before = client->rest_len;
    ssize_t got;

    CHECK(before < READ_BYTES / 2);
    if (before > 0)
        memcpy(load.buffer, client->rest, before);
    got = recv(client->fd, load.buffer + before, READ_BYTES - before, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        drop(client);
    if (got <= 0)
        return false;
    load.results->reads += load.measuring;
    load.results->bytes += load.measuring ? (uint64_t)got : 0;
    take(client, load.buffer, before + (size_t)got);
    return client->state != CLIENT_GONE && (size_t)got == READ_BYTES - before;
}

/* Events are edges: with levels the kernel looks at each socket twice, which is a tenth of what a
 * delivery costs here. A read that did not fill the buffer has taken all there was, but for the
 * end (epoll(7), question 9). */
static void on_readable(struct client *client, bool ends)
{
    while (client->state != CLIENT_GONE && (read_some(client) || ends))
        continue;
}

/* ---- connecting -------------------------------------------------------------------------------*/

static void begin(struct client *client, size_t index)
{
    const struct options *options = load.options;
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    int one = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        fprintf(stderr, "load: socket %zu: %s\n", index, strerror(errno));
        exit(1);
    }
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index % options->addresses));
    setsockopt(client->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(client->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof(one));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    CHECK(bind(client->fd, (const struct sockaddr *)&from, sizeof(from)) == 0);
    CHECK(inet_pton(AF_INET, options->host, &to.sin_addr) == 1);
    client->state = CLIENT_CONNECTING;
    load.connecting++;
    if (connect(client->fd, (const struct sockaddr *)&to, sizeof(to)) != 0 &&
        errno != EINPROGRESS) {
        drop(client);
        return;
    }
    arm(client, EPOLL_CTL_ADD, true);
}

static void begin_some(void)
{
    while (load.connecting < load.options->connecting &&
           load.next_to_connect < load.members.client_count) {
        begin(&load.members.clients[load.next_to_connect], load.next_to_connect);
        load.next_to_connect++;
    }
}

static void shake(struct client *client)
{
    char head[1600];
    int len = snprintf(head, sizeof(head),
                       "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
                       client->path, load.options->host, load.options->port);

    client->state = CLIENT_SHAKING;
    arm(client, EPOLL_CTL_MOD, false);
    write_out(client, head, (size_t)len);
}

static void on_epoll(const struct epoll_event *event)
{
    struct client *client = event->data.ptr;

    if (client->state == CLIENT_GONE)
        return;
    if ((event->events & EPOLLOUT) != 0 && client->state == CLIENT_CONNECTING)
        shake(client);
    else if ((event->events & EPOLLOUT) != 0 && client->out_len > 0)
        flush_out(client);
    if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        on_readable(client, (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
}

/* Never spins, since on a shared core the server's processes would wait for it. */
static void turn(uint64_t wait_ns)
{
    struct timespec wait = {(time_t)(wait_ns / NS_PER_S), (long)(wait_ns % NS_PER_S)};
    struct epoll_event events[EVENTS];
    int count = epoll_pwait2(load.epoll, events, EVENTS, &wait, NULL);

    for (int i = 0; i < count; i++)
        on_epoll(&events[i]);
}

/* ---- the whole --------------------------------------------------------------------------------*/

void clients_open(const struct options *options, const struct plan *plan, struct results *results)
{
    uint64_t from = now_ns();

    load.options = options;
    load.results = results;
    load.buffer = mem_alloc(READ_BYTES);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK(load.epoll >= 0);
    members_make(&load.members, plan);
    from = now_ns();
    begin_some();
    while ((load.connecting > 0 || load.next_to_connect < load.members.client_count) &&
           now_ns() - from < CONNECT_S * NS_PER_S) {
        turn(IDLE_NS);
        begin_some();
    }
    results->connect_s = (double)(now_ns() - from) / 1e9;
    results->refused += load.members.client_count - load.next_to_connect + load.connecting;
}

static void run_until(uint64_t end_ns)
{
    uint64_t now;

    while ((now = now_ns()) < end_ns) {
        uint64_t wake_ns = MIN(end_ns, now + IDLE_NS);

        if (load.options->outstanding == 0 && load.sending) {
            send_due(now);
            wake_ns = MIN(wake_ns, load.members.rooms[load.due_room].due_ns);
            now = now_ns();
        }
        turn(wake_ns > now ? wake_ns - now : 0);
    }
}

static void start_sending(void)
{
    uint64_t now = now_ns();

    load.sending = true;
    for (uint32_t i = 0; i < load.members.room_count; i++) {
        struct room *room = &load.members.rooms[i];

        if (load.options->outstanding == 0)
            room->due_ns = now + (uint64_t)((double)NS_PER_S / load.options->rate * i /
                                            load.members.room_count);
        else
            for (uint32_t s = 0; s < room->senders; s++)
                send_on(room->sending[s]);
    }
}

void clients_run(void (*on_begin)(void), void (*on_end)(void))
{
    const struct options *options = load.options;
    uint64_t now;

    run_until(now_ns() + (uint64_t)(options->settle_s * 1e9));
    start_sending();
    now = now_ns();
    run_until(now + (uint64_t)(options->warm_up_s * 1e9));
    on_begin();
    load.measuring = true;
    load.measure_from_ns = now_ns();
    run_until(load.measure_from_ns + (uint64_t)(options->measure_s * 1e9));
    load.measuring = false;
    load.measure_to_ns = now_ns();
    on_end();
    load.sending = false;
    for (uint64_t end = now_ns() + 10 * NS_PER_S;
         now_ns() < end && !members_heard_all(&load.members);)
        turn(IDLE_NS);
}

void clients_check(void)
{
    members_check(&load.members, load.results);
}
