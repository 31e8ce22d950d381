// needs: common/settings common/settings_file common/settings_check common/web_origins common/strbuf common/bus_sock common/loop common/log common/clock common/mem common/check common/networks common/bus_security common/bus_keys common/bus_monitor common/bus_told common/metrics common/map common/digest common/db_url common/rate
/* listen: sockets that share an address, which of them get connections, and what of them is
 * believed on the other side of an exec(). */
#include "gateway/listen.h"

#include "common/strbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS 200

static char error[512];

static uint16_t port_of(int fd)
{
    struct sockaddr_in name;
    socklen_t len = sizeof(name);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    return ntohs(name.sin_port);
}

/* A set of one at a port that the kernel chose; address gets it. */
static struct listen_set open_one(char address[32])
{
    struct listen_set set = {NULL, 0};

    assert_true(listen_set_grow(&set, "127.0.0.1:0", 1, error, sizeof(error)));
    snprintf(address, 32, "127.0.0.1:%u", port_of(set.fds[0]));
    return set;
}

static void connect_many(uint16_t port, int clients[CONNECTIONS])
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&name, sizeof(name)), 0);
    }
}

static size_t accept_all(int fd)
{
    size_t count = 0;
    int accepted;

    while ((accepted = accept(fd, NULL, NULL)) >= 0) {
        close(accepted);
        count++;
    }
    assert_int_equal(errno, EAGAIN);
    return count;
}

static void test_grow(void **unused)
{
    char address[32];
    struct listen_set set = open_one(address);
    struct listen_set second = {NULL, 0};
    int first = set.fds[0];

    (void)unused;
    assert_false(listen_is_free(address, error, sizeof(error)));
    assert_true(listen_set_grow(&set, address, 3, error, sizeof(error)));
    assert_int_equal(set.count, 3);
    assert_int_equal(set.fds[0], first);
    assert_true(listen_set_grow(&set, address, 2, error, sizeof(error)));
    assert_int_equal(set.count, 3);
    for (size_t i = 0; i < set.count; i++)
        assert_true((fcntl(set.fds[i], F_GETFD) & FD_CLOEXEC) != 0);
    /* Another program's set does not slip in. */
    assert_false(listen_set_grow(&second, address, 1, error, sizeof(error)));
    assert_non_null(strstr(error, "in use"));
    assert_false(listen_set_grow(&second, "nonsense", 1, error, sizeof(error)));
    assert_int_equal(second.count, 0);
    listen_set_close(&set);
    assert_true(listen_is_free(address, error, sizeof(error)));
}

/* Connections come to the first ones only, and to all again. */
static void test_use(void **unused)
{
    char address[32];
    struct listen_set set = open_one(address);
    struct listen_set none = {NULL, 0};
    uint16_t port = port_of(set.fds[0]);
    int clients[CONNECTIONS];
    size_t got[4];

    (void)unused;
    assert_true(listen_set_use(&none, 1));
    assert_true(listen_set_grow(&set, address, 4, error, sizeof(error)));
    for (size_t use = 1; use <= 4; use++) {
        size_t sum = 0;

        assert_true(listen_set_use(&set, use));
        connect_many(port, clients);
        for (size_t i = 0; i < 4; i++) {
            got[i] = accept_all(set.fds[i]);
            sum += got[i];
            assert_int_equal(got[i] > 0, i < use);
        }
        assert_int_equal(sum, CONNECTIONS);
        for (int i = 0; i < CONNECTIONS; i++)
            close(clients[i]);
    }
    listen_set_close(&set);
}

/* Sockets that were opened while the set was held wait for listen_set_use(). */
static void test_hold(void **unused)
{
    char address[32];
    struct listen_set set = open_one(address);
    struct listen_set none = {NULL, 0};
    uint16_t port = port_of(set.fds[0]);
    int clients[CONNECTIONS];

    (void)unused;
    assert_true(listen_set_hold(&none, 1));
    for (int held = 1; held >= 0; held--) {
        if (held) {
            assert_true(listen_set_hold(&set, 1));
            assert_true(listen_set_grow(&set, address, 3, error, sizeof(error)));
        } else {
            assert_true(listen_set_use(&set, 3));
        }
        connect_many(port, clients);
        assert_true(accept_all(set.fds[0]) > 0);
        for (size_t i = 1; i < 3; i++)
            assert_int_equal(accept_all(set.fds[i]) == 0, held);
        for (int i = 0; i < CONNECTIONS; i++)
            close(clients[i]);
    }
    listen_set_close(&set);
}

static void test_inherit(void **unused)
{
    char address[32];
    struct listen_set set = open_one(address);
    struct listen_set taken = {NULL, 0};
    struct strbuf text = STRBUF_EMPTY;

    (void)unused;
    listen_set_print(&taken, &text);
    assert_string_equal(strbuf_str(&text), "-");
    strbuf_reset(&text);
    assert_true(listen_set_grow(&set, address, 2, error, sizeof(error)));
    listen_set_print(&set, &text);
    listen_set_let_through(&set);
    assert_int_equal(fcntl(set.fds[1], F_GETFD), 0);
    assert_true(listen_set_inherit(&taken, strbuf_str(&text), address, error, sizeof(error)));
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.fds[1], set.fds[1]);
    assert_true((fcntl(taken.fds[1], F_GETFD) & FD_CLOEXEC) != 0);
    listen_set_close(&taken);
    strbuf_fini(&text);
    set.count = 0;
    listen_set_close(&set);
}

static void test_not_inherited(void **unused)
{
    char address[32];
    struct listen_set set = open_one(address);
    struct listen_set taken = {NULL, 0};
    char number[32];
    int other = socket(AF_INET, SOCK_STREAM, 0);
    int file = open("/dev/null", O_RDONLY);
    struct {
        const char *name;
        const char *address;
        int fd;
    } rows[] = {
        {"another port", "127.0.0.1:1", set.fds[0]},
        {"another address", "127.0.0.2:0", set.fds[0]},
        {"another family", "[::1]:0", set.fds[0]},
        {"a socket that does not listen", "127.0.0.1:0", other},
        {"a file", "127.0.0.1:0", file},
        {"a closed one", "127.0.0.1:0", 999},
        {"stderr", "127.0.0.1:0", 2},
        {"a negative one", "127.0.0.1:0", -1},
    };
    static const char *const texts[] = {"x", "5x", ",", "99999999999999999999", "1;2"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(number, sizeof(number), "%d", rows[i].fd);
        if (listen_set_inherit(&taken, number, rows[i].address, error, sizeof(error)))
            fail_msg("%s was taken", rows[i].name);
        assert_non_null(strstr(error, rows[i].address));
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(listen_set_inherit(&taken, texts[i], address, error, sizeof(error)));
    assert_int_equal(taken.count, 0);
    close(other);
    close(file);
    listen_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow),          cmocka_unit_test(test_use),
        cmocka_unit_test(test_hold),          cmocka_unit_test(test_inherit),
        cmocka_unit_test(test_not_inherited),
    };

    return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
