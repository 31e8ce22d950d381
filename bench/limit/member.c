#include "limit.h"

#include "common/check.h"
#include "common/digest.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define OP_TEXT     1
#define OP_CLOSE    8
#define PAYLOAD_MAX 65535
#define KEY_HEADER  "\r\nSec-WebSocket-Key: "
#define KEY_LEN     24
#define GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */

static void wait_for(struct member *member, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = member};

    CHECK(epoll_ctl(member->epoll, EPOLL_CTL_MOD, member->fd, &event) == 0);
}

void member_send(struct member *member, const uint8_t *data, size_t len)
{
    ssize_t sent = 0;

    if (member->out_len == 0)
        sent = send(member->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        sent = 0; /* what is broken is noticed by reading */
    if ((size_t)sent == len)
        return;
    if (member->out_len == 0)
        wait_for(member, EPOLLIN | EPOLLOUT);
    member->out = mem_realloc(member->out, member->out_len + len - (size_t)sent);
    memcpy(member->out + member->out_len, data + sent, len - (size_t)sent);
    member->out_len += len - (size_t)sent;
}

void member_flush(struct member *member)
{
    ssize_t sent = send(member->fd, member->out, member->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent <= 0)
        return;
    member->out_len -= (size_t)sent;
    memmove(member->out, member->out + sent, member->out_len);
    if (member->out_len > 0)
        return;
    mem_free(member->out);
    member->out = NULL;
    wait_for(member, EPOLLIN);
}

/* ---- the handshake ----------------------------------------------------------------------------*/

static void accept_key(const char *key, char accept[DIGEST_BASE64_SIZE(DIGEST_SHA1_SIZE)])
{
    uint8_t hash[DIGEST_SHA1_SIZE];
    char text[KEY_LEN + sizeof(GUID)];

    memcpy(text, key, KEY_LEN);
    memcpy(text + KEY_LEN, GUID, sizeof(GUID));
    digest_sha1(text, strlen(text), hash);
    digest_base64(hash, sizeof(hash), accept);
}

/* "GET /room/12 HTTP/1.1": false if it is something else. */
static bool join_by_path(struct member *member, const char *head, size_t len)
{
    char line[64];
    unsigned number;

    snprintf(line, sizeof(line), "%.*s", (int)MIN(len, sizeof(line) - 1), head);
    return sscanf(line, "GET /room/%u ", &number) == 1 && room_join(member, number);
}

/* The length of the head, 0 if it is not all there. */
static size_t take_head(struct member *member, const uint8_t *data, size_t len)
{
    const uint8_t *end = memmem(data, len, "\r\n\r\n", 4);
    const uint8_t *key;
    char accept[DIGEST_BASE64_SIZE(DIGEST_SHA1_SIZE)];
    char answer[256];
    int answer_len;

    if (end == NULL)
        return 0;
    key = memmem(data, (size_t)(end - data), KEY_HEADER, strlen(KEY_HEADER));
    if (key == NULL || end - key < (ptrdiff_t)strlen(KEY_HEADER) + KEY_LEN ||
        !join_by_path(member, (const char *)data, (size_t)(end - data))) {
        member->leaving = true;
        return len;
    }
    accept_key((const char *)key + strlen(KEY_HEADER), accept);
    answer_len = snprintf(answer, sizeof(answer),
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
    member_send(member, (const uint8_t *)answer, (size_t)answer_len);
    return (size_t)(end - data) + 4;
}

/* ---- frames -----------------------------------------------------------------------------------*/

static void unmask(uint8_t *payload, size_t len, const uint8_t mask[4])
{
    uint32_t word;

    memcpy(&word, mask, sizeof(word));
    if (word == 0)
        return;
    for (size_t i = 0; i < len; i++)
        payload[i] ^= mask[i % 4];
}

/* One frame of a client (RFC 6455, section 5.2), always masked; its length, 0 if it is not all
 * there. Fragments and what is longer than PAYLOAD_MAX are not spoken here. */
static size_t take_frame(struct member *member, uint8_t *data, size_t len)
{
    size_t head = 2 + 4;
    size_t size;

    if (len < head)
        return 0;
    size = data[1] & 0x7f;
    if (size == 127) {
        member->leaving = true;
        return len;
    }
    if (size == 126) {
        head += 2;
        size = (size_t)data[2] << 8 | data[3];
    }
    if (len < head || len - head < size)
        return 0;
    unmask(data + head, size, data + head - 4);
    if ((data[0] & 0x0f) == OP_TEXT)
        room_publish(member->room, data + head, size);
    else if ((data[0] & 0x0f) == OP_CLOSE)
        member->leaving = true;
    return head + size;
}

void member_take(struct member *member, uint8_t *data, size_t len)
{
    size_t at = member->room == NULL ? take_head(member, data, len) : 0;
    size_t used;

    while (member->room != NULL && !member->leaving &&
           (used = take_frame(member, data + at, len - at)) > 0)
        at += used;
    mem_free(member->rest);
    member->rest_len = len - at;
    member->rest = member->rest_len > 0 ? mem_dup(data + at, member->rest_len) : NULL;
    if (member->rest_len > PAYLOAD_MAX + 14)
        member->leaving = true;
}
