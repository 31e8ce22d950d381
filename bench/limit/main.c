/*
 * limit: what a WebSocket server of rooms costs at least, to measure others against.
 *
 *   limit --port=8000 --mode=at-once|batching
 *
 * One epoll loop and nothing else: no log, no accounts, no timers, no limits. Whoever connects to
 * /room/NUMBER gets every text that is sent there, the sender too. "at-once" makes a system call
 * for each message and member; "batching" collects what a turn of the loop brings to a room and
 * makes one call for each member. It listens at 127.0.0.1 and prints "ready" when it does.
 */
#include "limit.h"

#include "common/check.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS     512
#define READ_BYTES (256 * 1024)

static struct {
    int epoll;
    int listener;
    struct member *leaving[EVENTS]; /* those of this turn */
    size_t leaving_count;
    uint8_t buffer[READ_BYTES];
} loop;

static void accept_all(void)
{
    int one = 1;
    int fd;

    while ((fd = accept4(loop.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct member *member = mem_alloc(sizeof(*member));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        member->fd = fd;
        member->epoll = loop.epoll;
        CHECK(epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    }
    if (errno != EAGAIN && errno != ECONNABORTED)
        fatal("accept: %s", strerror(errno));
}

static void on_readable(struct member *member)
{
    size_t before = member->rest_len;
    ssize_t got;

    if (before > 0)
        memcpy(loop.buffer, member->rest, before);
    got = recv(member->fd, loop.buffer + before, READ_BYTES - before, MSG_DONTWAIT);
    if (got > 0)
        member_take(member, loop.buffer, before + (size_t)got);
    else if (got == 0 || errno != EAGAIN)
        member->leaving = true;
}

static void on_event(const struct epoll_event *event)
{
    struct member *member = event->data.ptr;

    if (member == NULL) {
        accept_all();
        return;
    }
    if ((event->events & EPOLLOUT) != 0)
        member_flush(member);
    if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        on_readable(member);
    if (member->leaving)
        loop.leaving[loop.leaving_count++] = member;
}

static void let_go(void)
{
    while (loop.leaving_count > 0) {
        struct member *member = loop.leaving[--loop.leaving_count];

        room_leave(member);
        close(member->fd);
        mem_free(member->rest);
        mem_free(member->out);
        mem_free(member);
    }
}

static void listen_at(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(loop.epoll >= 0 && loop.listener >= 0);
    setsockopt(loop.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(loop.listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(loop.listener, SOMAXCONN) != 0)
        fatal("limit: port %u: %s", port, strerror(errno));
    CHECK(epoll_ctl(loop.epoll, EPOLL_CTL_ADD, loop.listener, &event) == 0);
}

static void raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    unsigned port = 0;
    char mode[16] = "";

    if (argc != 3 || sscanf(argv[1], "--port=%u", &port) != 1 || port == 0 || port > UINT16_MAX ||
        sscanf(argv[2], "--mode=%15s", mode) != 1 ||
        (strcmp(mode, "at-once") != 0 && strcmp(mode, "batching") != 0))
        fatal("usage: limit --port=NUMBER --mode=at-once|batching");
    signal(SIGPIPE, SIG_IGN);
    raise_files();
    rooms_init(strcmp(mode, "at-once") == 0);
    listen_at((uint16_t)port);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(loop.epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++)
            on_event(&events[i]);
        rooms_flush();
        let_go();
    }
}
