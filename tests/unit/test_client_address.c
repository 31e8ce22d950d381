// needs: common/networks common/mem common/check
#include "gateway/client_address.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static struct client_address peer_of(const char *ip, uint16_t port)
{
    struct client_address peer = {.port = port};

    assert_true(ip_address_parse((struct span){(const uint8_t *)ip, strlen(ip)}, &peer.ip));
    return peer;
}

static const struct {
    const char *peer;
    const char *lines[3];
    const char *client;
} rows[] = {
    /* Nobody is believed who is not trusted. */
    {"203.0.113.1", {"198.51.100.1"}, "203.0.113.1:9"},
    {"203.0.113.1", {"10.0.0.1"}, "203.0.113.1:9"},
    {"10.0.0.1", {NULL}, "10.0.0.1:9"},
    {"10.0.0.1", {""}, "10.0.0.1:9"},
    {"10.0.0.1", {"198.51.100.1"}, "198.51.100.1"},
    {"::ffff:10.0.0.1", {"198.51.100.1"}, "198.51.100.1"},
    {"fd00::1", {" 2001:db8::7\t"}, "2001:db8::7"},
    /* What the client itself wrote is to the left of what the balancer added. */
    {"10.0.0.1", {"6.6.6.6, 198.51.100.1"}, "198.51.100.1"},
    {"10.0.0.1", {"6.6.6.6", "198.51.100.1"}, "198.51.100.1"},
    {"10.0.0.1", {"6.6.6.6", "198.51.100.1,10.0.0.2", "10.0.0.3"}, "198.51.100.1"},
    {"10.0.0.1", {"10.9.9.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
    /* All trusted: the left-most. */
    {"10.0.0.1", {"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
    /* Ports and brackets. */
    {"10.0.0.1", {"198.51.100.1:4711"}, "198.51.100.1:4711"},
    {"10.0.0.1", {"[2001:db8::1]:4711"}, "[2001:db8::1]:4711"},
    {"10.0.0.1", {"[2001:db8::1]"}, "2001:db8::1"},
    {"10.0.0.1", {"[::ffff:198.51.100.1]:1"}, "198.51.100.1:1"},
    {"10.0.0.1", {"198.51.100.1:0"}, "198.51.100.1"},
    /* Empty elements mean nothing. */
    {"10.0.0.1", {"198.51.100.1, ,", ",,"}, "198.51.100.1"},
    /* What cannot be read ends the search. */
    {"10.0.0.1", {"unknown"}, "10.0.0.1:9"},
    {"10.0.0.1", {"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
    {"10.0.0.1", {"198.51.100.1", "garbage"}, "10.0.0.1:9"},
    {"10.0.0.1", {"198.51.100.1:65536"}, "10.0.0.1:9"},
    {"10.0.0.1", {"198.51.100.1:"}, "10.0.0.1:9"},
    {"10.0.0.1", {"198.51.100.1:x"}, "10.0.0.1:9"},
    {"10.0.0.1", {"[198.51.100.1]"}, "10.0.0.1:9"},
    {"10.0.0.1", {"[2001:db8::1"}, "10.0.0.1:9"},
    {"10.0.0.1", {"[2001:db8::1]4711"}, "10.0.0.1:9"},
    {"10.0.0.1", {"[2001:db8::1]:"}, "10.0.0.1:9"},
    {"10.0.0.1", {"[]:1"}, "10.0.0.1:9"},
    {"10.0.0.1", {"]:["}, "10.0.0.1:9"},
    {"10.0.0.1", {":"}, "10.0.0.1:9"},
    {"10.0.0.1", {"\"198.51.100.1\""}, "10.0.0.1:9"},
    {"10.0.0.1", {"for=198.51.100.1"}, "10.0.0.1:9"},
    {"10.0.0.1", {"198.51.100.1 10.0.0.2"}, "10.0.0.1:9"},
};

static void test_find(void **state ATTR_UNUSED)
{
    static const char nets[] = "10.0.0.0/8, fd00::/8";
    struct networks trusted;
    char error[128];

    assert_true(networks_parse(nets, &trusted, error, sizeof(error)));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t count = 0;
        char text[CLIENT_ADDRESS_TEXT_SIZE];
        struct client_address client;

        while (count < ARRAY_LEN(rows[i].lines) && rows[i].lines[count] != NULL)
            count++;
        client = client_address_find(&trusted, peer_of(rows[i].peer, 9), rows[i].lines, count);
        if (strcmp(client_address_format(&client, text), rows[i].client) != 0)
            fail_msg("row %zu, %s: %s, not %s", i, count > 0 ? rows[i].lines[0] : "-", text,
                     rows[i].client);
    }
    networks_fini(&trusted);
    /* Without a list nobody is trusted. */
    const char *line = "198.51.100.1";
    struct client_address client = client_address_find(&trusted, peer_of("10.0.0.1", 9), &line, 1);
    struct client_address peer = peer_of("10.0.0.1", 9);
    assert_memory_equal(&client.ip, &peer.ip, sizeof(peer.ip));
}

static void test_sockets(void **state ATTR_UNUSED)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char text[CLIENT_ADDRESS_TEXT_SIZE];
    struct client_address address;

    in.sin_addr.s_addr = htonl(0xc0000201);
    address = client_address_of_socket((struct sockaddr *)&in);
    assert_string_equal(client_address_format(&address, text), "192.0.2.1:80");
    memset(&in6.sin6_addr, 0xff, sizeof(in6.sin6_addr));
    address = client_address_of_socket((struct sockaddr *)&in6);
    assert_string_equal(client_address_format(&address, text),
                        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
    address = client_address_of_socket((struct sockaddr *)&in6);
    assert_string_equal(client_address_format(&address, text), "192.0.2.1:65535");
    address = client_address_of_socket((struct sockaddr *)&un);
    assert_string_equal(client_address_format(&address, text), "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_sockets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
