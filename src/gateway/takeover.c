#define _GNU_SOURCE
#include "gateway/takeover.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum takeover takeover_socket(struct request *request, struct evbuffer *early, int *fd_out)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request->ev);
    struct bufferevent *bev;
    int old_fd;
    int fd;

    if (connection == NULL) {
        evhttp_request_free(request->ev);
        return TAKEOVER_GONE;
    }
    bev = evhttp_connection_get_bufferevent(connection);
    old_fd = bufferevent_getfd(bev);
    fd = fcntl(old_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return TAKEOVER_NO_ROOM;
    if (early != NULL)
        evbuffer_add_buffer(early, bufferevent_get_input(bev));
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    bufferevent_setfd(bev, -1);
    if (dup3(request->services->null_fd, old_fd, O_CLOEXEC) < 0) {
        /* Cannot happen with two open descriptors; were it to, evhttp would close the client. */
        close(fd);
        evhttp_connection_free(connection);
        return TAKEOVER_GONE;
    }
    evhttp_connection_free(connection);
    *fd_out = fd;
    return TAKEOVER_DONE;
}

bool takeover_send(int fd, const char *head, size_t len)
{
    return send(fd, head, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}
