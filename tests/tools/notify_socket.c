/* A service manager's ear for tests: binds a datagram socket at the path or "@name" that is given,
 * and writes each datagram to stdout as one line, its own line feeds as tabs, with the sender's pid
 * before it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = argc == 2 ? strlen(argv[1]) : sizeof(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    int on = 1;

    if (len >= sizeof(address.sun_path))
        return 2;
    memcpy(address.sun_path, argv[1], len);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    else
        len++;
    if (bind(fd, (const struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0)
        return 1;
    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("listening");
    for (;;) {
        char text[4096];
        char control[CMSG_SPACE(sizeof(struct ucred))];
        struct iovec part = {text, sizeof(text) - 1};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        ssize_t got = recvmsg(fd, &message, 0);
        struct cmsghdr *header = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
        struct ucred sender = {0};

        if (got < 0)
            return 1;
        if (header != NULL && header->cmsg_type == SCM_CREDENTIALS)
            memcpy(&sender, CMSG_DATA(header), sizeof(sender));
        for (ssize_t i = 0; i < got; i++)
            if (text[i] == '\n')
                text[i] = '\t';
        printf("%d\t%.*s\n", (int)sender.pid, (int)got, text);
    }
}
