#include "gateway/client_address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

struct client_address client_address_of_socket(const struct sockaddr *socket_address)
{
    struct client_address address = {.port = 0};

    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in in;
        uint8_t bytes[4];

        memcpy(&in, socket_address, sizeof(in));
        memcpy(bytes, &in.sin_addr, sizeof(bytes));
        address.ip = ip_address_v4(bytes);
        address.port = ntohs(in.sin_port);
    } else if (socket_address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, socket_address, sizeof(in6));
        memcpy(address.ip.bytes, &in6.sin6_addr, sizeof(address.ip.bytes));
        address.port = ntohs(in6.sin6_port);
    }
    return address;
}

struct client_address client_address_of_peer(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);

    if (getpeername(fd, (struct sockaddr *)&address, &len) < 0)
        address.ss_family = AF_UNSPEC; /* it has gone already */
    return client_address_of_socket((struct sockaddr *)&address);
}

char *client_address_format(const struct client_address *address,
                            char out[CLIENT_ADDRESS_TEXT_SIZE])
{
    char ip[IP_ADDRESS_TEXT_SIZE];

    if (!ip_address_known(&address->ip))
        snprintf(out, CLIENT_ADDRESS_TEXT_SIZE, "-");
    else if (address->port == 0)
        ip_address_format(&address->ip, out);
    else if (strchr(ip_address_format(&address->ip, ip), ':') != NULL)
        snprintf(out, CLIENT_ADDRESS_TEXT_SIZE, "[%s]:%u", ip, address->port);
    else
        snprintf(out, CLIENT_ADDRESS_TEXT_SIZE, "%s:%u", ip, address->port);
    return out;
}

static bool parse_port(struct span text, uint16_t *out)
{
    uint32_t port = 0;

    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

static struct span part(struct span text, size_t from, size_t to)
{
    return (struct span){text.data + from, to - from};
}

/* An address, with or without a port; IPv6 in brackets, or bare when there is no port. */
static bool parse_hop(struct span hop, struct client_address *out)
{
    const uint8_t *colon = memchr(hop.data, ':', hop.len);
    size_t at = colon != NULL ? (size_t)(colon - hop.data) : hop.len;

    out->port = 0;
    if (hop.data[0] == '[') {
        const uint8_t *close = memchr(hop.data, ']', hop.len);
        size_t end = close != NULL ? (size_t)(close - hop.data) : 0;

        /* Brackets are for IPv6: the text in them has a colon. */
        if (close == NULL || at > end || !ip_address_parse(part(hop, 1, end), &out->ip))
            return false;
        return end + 1 == hop.len ||
               (hop.data[end + 1] == ':' && parse_port(part(hop, end + 2, hop.len), &out->port));
    }
    if (colon == NULL || memchr(colon + 1, ':', hop.len - at - 1) != NULL)
        return ip_address_parse(hop, &out->ip);
    return ip_address_parse(part(hop, 0, at), &out->ip) &&
           parse_port(part(hop, at + 1, hop.len), &out->port);
}

/* The last element of the line's first *len bytes, without the blanks around it; *len is then
 * where the comma before it stands. */
static struct span take_last(const char *line, size_t *len)
{
    size_t end = *len;
    size_t begin = end;

    while (begin > 0 && line[begin - 1] != ',')
        begin--;
    *len = begin > 0 ? begin - 1 : 0;
    while (begin < end && (line[begin] == ' ' || line[begin] == '\t'))
        begin++;
    while (end > begin && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    return (struct span){(const uint8_t *)line + begin, end - begin};
}

struct client_address client_address_find(const struct networks *trusted,
                                          struct client_address peer, const char *const *lines,
                                          size_t line_count)
{
    struct client_address at = peer;

    if (!networks_contain(trusted, &peer.ip))
        return peer;
    while (line_count > 0) {
        const char *line = lines[--line_count];
        size_t len = strlen(line);

        while (len > 0) {
            struct span hop = take_last(line, &len);
            struct client_address before;

            if (hop.len == 0)
                continue; /* an empty element of a list means nothing (RFC 9110, 5.6.1) */
            if (!parse_hop(hop, &before))
                return at;
            at = before;
            if (!networks_contain(trusted, &at.ip))
                return at;
        }
    }
    return at;
}
