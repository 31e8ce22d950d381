#include "gateway/proxy_protocol.h"

static const char v1_begin[] = "PROXY ";
/* 2.2 */
static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                         0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

#define V2_VERSION    2
#define V2_LOCAL      0
#define V2_PROXY      1
#define V2_INET       1
#define V2_INET6      2
#define V2_UNIX       3
#define V2_DGRAM      2
#define V2_INET_LEN   12 /* two addresses, two ports */
#define V2_INET6_LEN  36
#define V2_UNIX_LEN   216
#define V2_LENGTH_AT  14
#define V2_COMMAND_AT 12
#define V2_FAMILY_AT  13

_Static_assert(PROXY_V2_HEAD_BYTES + V2_INET6_LEN <= PROXY_V1_BYTES_MAX, "both fit the buffer");

void proxy_parser_init(struct proxy_parser *parser)
{
    memset(parser, 0, sizeof(*parser));
    parser->result = PROXY_MORE;
}

/* ---- version 1 ---- */

/* The bytes up to the next blank, which is passed over; without one, up to the end. */
static struct span next_word(struct span *rest)
{
    const uint8_t *blank = rest->len > 0 ? memchr(rest->data, ' ', rest->len) : NULL;
    struct span word = {rest->data, blank != NULL ? (size_t)(blank - rest->data) : rest->len};
    size_t passed = word.len + (blank != NULL ? 1 : 0);

    *rest = (struct span){rest->data + passed, rest->len - passed};
    return word;
}

/* "0" to "65535", without a zero before it. */
static bool read_port(struct span text, uint16_t *out)
{
    uint32_t port = 0;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

static bool read_address(struct span text, bool v6, struct ip_address *out)
{
    bool has_colon = text.len > 0 && memchr(text.data, ':', text.len) != NULL;

    return has_colon == v6 && ip_address_parse(text, out);
}

static enum proxy_result read_line(struct proxy_parser *parser)
{
    struct span rest = {parser->bytes + sizeof(v1_begin) - 1,
                        (size_t)parser->len - (sizeof(v1_begin) - 1)};
    struct ip_address destination;
    uint16_t destination_port;
    struct span family;
    bool v6;

    if (rest.len < 2 || rest.data[rest.len - 2] != '\r')
        return PROXY_BAD;
    rest.len -= 2;
    family = next_word(&rest);
    if (span_is(family, "UNKNOWN"))
        return PROXY_DONE; /* whatever follows is to be ignored */
    v6 = span_is(family, "TCP6");
    /* A blank at the end would begin a field more. */
    if ((!v6 && !span_is(family, "TCP4")) || rest.len == 0 || rest.data[rest.len - 1] == ' ')
        return PROXY_BAD;
    if (!read_address(next_word(&rest), v6, &parser->source.ip) ||
        !read_address(next_word(&rest), v6, &destination) ||
        !read_port(next_word(&rest), &parser->source.port) ||
        !read_port(next_word(&rest), &destination_port) || rest.len > 0)
        return PROXY_BAD;
    return PROXY_DONE;
}

/* ---- version 2 ---- */

static uint16_t read_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* How many of the address bytes are wanted here, and how many there must be. */
static uint16_t addresses_wanted(const struct proxy_parser *parser, uint16_t *least_out)
{
    bool local = (parser->bytes[V2_COMMAND_AT] & 0x0f) == V2_LOCAL;
    uint16_t wanted = 0;

    *least_out = 0;
    if (local)
        return 0; /* the rest is to be ignored, whatever it is */
    switch (parser->bytes[V2_FAMILY_AT] >> 4) {
    case V2_INET:
        *least_out = wanted = V2_INET_LEN;
        break;
    case V2_INET6:
        *least_out = wanted = V2_INET6_LEN;
        break;
    case V2_UNIX:
        *least_out = V2_UNIX_LEN;
        break;
    default: /* UNSPEC */
        break;
    }
    return wanted;
}

static bool head_good(const struct proxy_parser *parser)
{
    uint8_t command = parser->bytes[V2_COMMAND_AT];
    uint8_t family = parser->bytes[V2_FAMILY_AT];
    uint16_t length = read_u16(parser->bytes + V2_LENGTH_AT);
    uint16_t least;

    /* What is not assigned is to be refused. */
    if (command >> 4 != V2_VERSION || (command & 0x0f) > V2_PROXY)
        return false;
    if ((command & 0x0f) == V2_PROXY && (family >> 4 > V2_UNIX || (family & 0x0f) > V2_DGRAM))
        return false;
    addresses_wanted(parser, &least);
    return length >= least && length <= PROXY_V2_REST_MAX;
}

static void read_source(struct proxy_parser *parser, uint16_t wanted)
{
    const uint8_t *at = parser->bytes + PROXY_V2_HEAD_BYTES;

    if (wanted == V2_INET_LEN) {
        parser->source.ip = ip_address_v4(at);
        parser->source.port = read_u16(at + 8);
    } else if (wanted == V2_INET6_LEN) {
        memcpy(parser->source.ip.bytes, at, IP_ADDRESS_BYTES);
        parser->source.port = read_u16(at + 32);
    }
}

static enum proxy_result read_v2(struct proxy_parser *parser)
{
    uint16_t least;
    uint16_t wanted;

    if (parser->len < PROXY_V2_HEAD_BYTES)
        return PROXY_MORE;
    if (!head_good(parser))
        return PROXY_BAD;
    wanted = addresses_wanted(parser, &least);
    if (parser->len < PROXY_V2_HEAD_BYTES + wanted)
        return PROXY_MORE;
    read_source(parser, wanted);
    parser->skip = (uint16_t)(read_u16(parser->bytes + V2_LENGTH_AT) - wanted);
    return parser->skip > 0 ? PROXY_MORE : PROXY_DONE;
}

/* ---- both ---- */

static bool begins(const struct proxy_parser *parser, const void *text, size_t len)
{
    return memcmp(parser->bytes, text, MIN(len, (size_t)parser->len)) == 0;
}

/* One byte more is in the buffer. */
static enum proxy_result look(struct proxy_parser *parser)
{
    if (begins(parser, v2_signature, sizeof(v2_signature)))
        return read_v2(parser);
    if (!begins(parser, v1_begin, sizeof(v1_begin) - 1))
        return PROXY_BAD;
    if (parser->bytes[parser->len - 1] == '\n')
        return parser->len > sizeof(v1_begin) - 1 ? read_line(parser) : PROXY_BAD;
    return parser->len < PROXY_V1_BYTES_MAX ? PROXY_MORE : PROXY_BAD;
}

enum proxy_result proxy_parser_feed(struct proxy_parser *parser, const uint8_t *data, size_t len,
                                    size_t *taken)
{
    size_t at = 0;

    while (parser->result == PROXY_MORE && at < len) {
        if (parser->skip > 0) {
            size_t passed = MIN((size_t)parser->skip, len - at);

            parser->skip = (uint16_t)(parser->skip - passed);
            at += passed;
            parser->result = parser->skip > 0 ? PROXY_MORE : PROXY_DONE;
        } else {
            parser->bytes[parser->len++] = data[at++];
            parser->result = (uint8_t)look(parser);
        }
    }
    if (parser->result == PROXY_BAD) /* nothing of it is to be believed */
        parser->source = (struct client_address){.port = 0};
    *taken = at;
    return (enum proxy_result)parser->result;
}
