#include "common/sd_notify.h"

#include "common/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define DATAGRAM_BYTES_MAX 1024

/* The address that NOTIFY_SOCKET names; 0 if there is none that we can use. */
static socklen_t find_address(struct sockaddr_un *address)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name != NULL ? strlen(name) : 0;

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    /* Others, as vsock:, are for virtual machines. */
    if (len < 2 || len >= sizeof(address->sun_path) || (name[0] != '/' && name[0] != '@'))
        return 0;
    memcpy(address->sun_path, name, len);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    /* An abstract name has no zero at its end, and would not be the same with one. */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/' ? 1 : 0));
}

bool sd_notify_send(const char *format, ...)
{
    static const struct timeval patience = {1, 0};
    struct sockaddr_un address;
    socklen_t address_len = find_address(&address);
    char text[DATAGRAM_BYTES_MAX];
    va_list args;
    ssize_t sent;
    int len;
    int fd;

    if (address_len == 0)
        return false;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || len < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    do
        sent = sendto(fd, text, MIN((size_t)len, sizeof(text) - 1), MSG_NOSIGNAL,
                      (const struct sockaddr *)&address, address_len);
    while (sent < 0 && errno == EINTR);
    close(fd);
    return sent >= 0;
}

bool sd_notify_reloading(void)
{
    return sd_notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_us());
}

static bool get_number(const char *name, uint64_t *out)
{
    const char *text = getenv(name);
    char *end;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

uint64_t sd_notify_watchdog_ms(void)
{
    uint64_t usec;
    uint64_t pid;

    if (getenv("WATCHDOG_PID") != NULL &&
        (!get_number("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
        return 0;
    if (!get_number("WATCHDOG_USEC", &usec) || usec == 0)
        return 0;
    return MAX(usec / 2000, (uint64_t)1);
}
