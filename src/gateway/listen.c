#define _GNU_SOURCE
#include "gateway/listen.h"

#include "common/settings.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as may connect at once while a worker is replaced; the kernel caps it (somaxconn). */
#define BACKLOG 4096

static int open_one(const struct addrinfo *info, bool reuse_port)
{
    int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

int listen_open(const char *address, bool reuse_port, char *error, size_t error_size)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256];
    char port_text[8];
    uint16_t port;
    int fd;
    int problem;

    if (!settings_split_address(address, host, sizeof(host), &port)) {
        snprintf(error, error_size, "%s is not an address", address);
        return -1;
    }
    snprintf(port_text, sizeof(port_text), "%u", port);
    problem = getaddrinfo(host, port_text, &hints, &found);
    if (problem != 0) {
        snprintf(error, error_size, "%s: %s", address, gai_strerror(problem));
        return -1;
    }
    fd = open_one(found, reuse_port);
    if (fd < 0)
        snprintf(error, error_size, "cannot listen on %s: %s", address, strerror(errno));
    freeaddrinfo(found);
    return fd;
}

bool listen_is_free(const char *address, char *error, size_t error_size)
{
    int fd = listen_open(address, false, error, error_size);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}
