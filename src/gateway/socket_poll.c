#include "gateway/socket_poll.h"

#include "common/check.h"
#include "common/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Sockets of one turn: as many as keep the others' wait short. */
#define READY_MAX 512

struct socket_poll {
    int epoll;
    struct loop_watch *watch;
    void (*fn)(void *item, unsigned ready);
    struct epoll_event ready[READY_MAX];
};

static void on_ready(void *context)
{
    struct socket_poll *poll = context;
    int count = epoll_wait(poll->epoll, poll->ready, READY_MAX, 0);

    for (int i = 0; i < count; i++) {
        uint32_t events = poll->ready[i].events;
        bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;

        poll->fn(poll->ready[i].data.ptr,
                 (broken || (events & EPOLLIN) != 0 ? SOCKET_READ : 0) |
                     (broken || (events & EPOLLOUT) != 0 ? SOCKET_WRITE : 0));
    }
}

struct socket_poll *socket_poll_create(struct loop *loop, void (*fn)(void *item, unsigned ready))
{
    struct socket_poll *poll = mem_alloc(sizeof(*poll));

    poll->fn = fn;
    poll->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poll->epoll < 0)
        fatal("cannot create an epoll: %s", strerror(errno));
    poll->watch = loop_watch_create(loop, poll->epoll, on_ready, poll);
    return poll;
}

void socket_poll_destroy(struct socket_poll **poll)
{
    if (*poll == NULL)
        return;
    loop_watch_destroy(&(*poll)->watch);
    close((*poll)->epoll);
    mem_free(*poll);
    *poll = NULL;
}

bool socket_poll_watch(struct socket_poll *poll, int fd, void *item, uint8_t *watched,
                       uint8_t wanted)
{
    struct epoll_event event = {.data.ptr = item};
    int op = EPOLL_CTL_MOD;

    if (wanted == *watched)
        return true;
    if (*watched == 0)
        op = EPOLL_CTL_ADD;
    else if (wanted == 0)
        op = EPOLL_CTL_DEL;
    event.events = ((wanted & SOCKET_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
                   ((wanted & SOCKET_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
    if (epoll_ctl(poll->epoll, op, fd, &event) != 0) {
        CHECK(errno == ENOSPC || errno == ENOMEM);
        return false;
    }
    *watched = wanted;
    return true;
}
