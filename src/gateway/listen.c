#define _GNU_SOURCE
#include "gateway/listen.h"

#include "common/mem.h"
#include "common/settings.h"
#include "common/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as may connect at once while a worker is replaced; the kernel caps it (somaxconn). */
#define BACKLOG 4096

/* The caller frees the result; NULL and a sentence if the address cannot be used. */
static struct addrinfo *resolve(const char *address, char *error, size_t error_size)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[256];
    char port_text[8];
    uint16_t port;
    int problem;

    if (!settings_split_address(address, host, sizeof(host), &port)) {
        snprintf(error, error_size, "%s is not an address", address);
        return NULL;
    }
    snprintf(port_text, sizeof(port_text), "%u", port);
    problem = getaddrinfo(host, port_text, &hints, &found);
    if (problem != 0) {
        snprintf(error, error_size, "%s: %s", address, gai_strerror(problem));
        return NULL;
    }
    return found;
}

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

bool listen_is_free(const char *address, char *error, size_t error_size)
{
    struct addrinfo *info = resolve(address, error, error_size);
    int fd = info != NULL ? open_one(info, false) : -1;

    if (info != NULL)
        freeaddrinfo(info);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void add(struct listen_set *set, int fd)
{
    set->fds = mem_realloc(set->fds, (set->count + 1) * sizeof(int));
    set->fds[set->count++] = fd;
}

static bool grow(struct listen_set *set, const struct addrinfo *info, size_t count)
{
    int alone = set->count == 0 ? open_one(info, false) : -1;

    if (set->count == 0 && alone < 0)
        return false; /* somebody listens there */
    if (alone >= 0)
        close(alone);
    while (set->count < count) {
        int fd = open_one(info, true);

        if (fd < 0)
            return false;
        add(set, fd);
    }
    return true;
}

bool listen_set_grow(struct listen_set *set, const char *address, size_t count, char *error,
                     size_t error_size)
{
    struct addrinfo *info;
    bool good;

    if (set->count >= count)
        return true;
    info = resolve(address, error, error_size);
    if (info == NULL)
        return false;
    good = grow(set, info, count);
    if (!good)
        snprintf(error, error_size, "cannot listen on %s: %s", address, strerror(errno));
    freeaddrinfo(info);
    return good;
}

/* New connections go to the first count sockets, however many there are. */
static bool attach(const struct listen_set *set, size_t count)
{
    /* Random number modulo count: the kernel numbers the sockets in the order of their listen(). */
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)},
        {BPF_ALU | BPF_MOD | BPF_K, 0, 0, (uint32_t)count},
        {BPF_RET | BPF_A, 0, 0, 0},
    };
    struct sock_fprog program;

    memset(&program, 0, sizeof(program)); /* the kernel gets its padding, too */
    program.len = ARRAY_LEN(code);
    program.filter = code;
    return setsockopt(set->fds[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                      sizeof(program)) == 0;
}

bool listen_set_hold(const struct listen_set *set, size_t count)
{
    return set->count == 0 || attach(set, count);
}

bool listen_set_use(const struct listen_set *set, size_t count)
{
    int none = 0;

    if (set->count == 0)
        return true;
    if (count < set->count)
        return attach(set, count);
    return setsockopt(set->fds[0], SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof(none)) == 0 ||
           errno == ENOENT; /* nothing was attached */
}

void listen_set_close(struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        close(set->fds[i]);
    mem_free(set->fds);
    *set = (struct listen_set){NULL, 0};
}

/* ---- through an exec() ---- */

void listen_set_print(const struct listen_set *set, struct strbuf *out)
{
    if (set->count == 0)
        strbuf_add_char(out, '-');
    for (size_t i = 0; i < set->count; i++)
        strbuf_printf(out, "%s%d", i > 0 ? "," : "", set->fds[i]);
}

void listen_set_let_through(const struct listen_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        fcntl(set->fds[i], F_SETFD, 0);
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    const struct sockaddr_in *a4 = (const void *)a;
    const struct sockaddr_in *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a;
    const struct sockaddr_in6 *b6 = (const void *)b;

    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET)
        return a4->sin_addr.s_addr == b4->sin_addr.s_addr &&
               (a4->sin_port == b4->sin_port || b4->sin_port == 0);
    return a->sa_family == AF_INET6 && memcmp(&a6->sin6_addr, &b6->sin6_addr, 16) == 0 &&
           (a6->sin6_port == b6->sin6_port || b6->sin6_port == 0);
}

/* info is what the settings say; its port may be 0, any. */
static bool listens_at(int fd, const struct addrinfo *info)
{
    struct sockaddr_storage name;
    socklen_t name_len = sizeof(name);
    int listening = 0;
    socklen_t len = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening != 0 &&
           getsockname(fd, (struct sockaddr *)&name, &name_len) == 0 &&
           same_address((const struct sockaddr *)&name, info->ai_addr);
}

bool listen_set_inherit(struct listen_set *set, const char *text, const char *address, char *error,
                        size_t error_size)
{
    struct addrinfo *info = resolve(address, error, error_size);
    bool good = info != NULL;

    while (good && *text != '\0') {
        char *end;
        long fd = strtol(text, &end, 10);

        good =
            end != text && fd > STDERR_FILENO && fd <= INT32_MAX && (*end == ',' || *end == '\0');
        if (!good || !listens_at((int)fd, info)) {
            snprintf(error, error_size, "what was inherited does not listen on %s", address);
            good = false;
            break;
        }
        fcntl((int)fd, F_SETFD, FD_CLOEXEC);
        add(set, (int)fd);
        text = end + (*end == ',');
    }
    if (info != NULL)
        freeaddrinfo(info);
    return good;
}
