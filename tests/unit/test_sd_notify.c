// needs: common/clock common/check
/* sd_notify: what arrives at a notify socket, by path and by abstract name; the watchdog's time. */
#include "common/sd_notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int clear(void **unused)
{
    (void)unused;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return 0;
}

/* A bound socket; name is what NOTIFY_SOCKET gets. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    else
        len++;
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect(int fd, const char *text)
{
    char got[2048];
    ssize_t len = recv(fd, got, sizeof(got) - 1, 0);

    assert_true(len >= 0);
    got[len] = '\0';
    assert_string_equal(got, text);
}

static void test_path(void **unused)
{
    char dir[] = "/tmp/banter-notify-XXXXXX";
    char path[64];
    int fd;

    (void)unused;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    fd = listen_at(path);
    assert_true(sd_notify_send("READY=1\nSTATUS=%d workers", 2));
    expect(fd, "READY=1\nSTATUS=2 workers");
    close(fd);
    assert_false(sd_notify_send("READY=1")); /* nobody is there */
    unlink(path);
    assert_false(sd_notify_send("READY=1"));
    rmdir(dir);
}

static void test_abstract(void **unused)
{
    char name[64];
    char reloading[128];
    int fd;
    ssize_t len;

    (void)unused;
    snprintf(name, sizeof(name), "@banter-notify-%d", (int)getpid());
    fd = listen_at(name);
    assert_true(sd_notify_send("STOPPING=1"));
    expect(fd, "STOPPING=1");
    assert_true(sd_notify_reloading());
    len = recv(fd, reloading, sizeof(reloading) - 1, 0);
    assert_true(len > 0);
    reloading[len] = '\0';
    assert_memory_equal(reloading, "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_true(strtoull(reloading + 27, NULL, 10) > 0);
    close(fd);
}

static void test_nobody(void **unused)
{
    static const char *const names[] = {"", "@", "/", "vsock:2:1234", "relative/path"};
    char long_name[256];

    (void)unused;
    assert_false(sd_notify_send("READY=1"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_false(sd_notify_send("READY=1"));
    }
    memset(long_name, 'x', sizeof(long_name));
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    assert_false(sd_notify_send("READY=1"));
}

static const struct {
    const char *usec;
    const char *pid; /* "own": ours */
    uint64_t ms;
} watchdogs[] = {
    {NULL, NULL, 0},
    {"", NULL, 0},
    {"0", NULL, 0},
    {"soon", NULL, 0},
    {"-5", NULL, 0},
    {"30000000", NULL, 15000},
    {"1", NULL, 1},
    {"2000", "own", 1},
    {"30000000", "1", 0},
    {"30000000", "x", 0},
    {"30000000", "own", 15000},
    {"99999999999999999999", NULL, 0},
};

static void test_watchdog(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(watchdogs); i++) {
        char pid[16];

        clear(NULL);
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (watchdogs[i].usec != NULL)
            setenv("WATCHDOG_USEC", watchdogs[i].usec, 1);
        if (watchdogs[i].pid != NULL)
            setenv("WATCHDOG_PID", strcmp(watchdogs[i].pid, "own") == 0 ? pid : watchdogs[i].pid,
                   1);
        if (sd_notify_watchdog_ms() != watchdogs[i].ms)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_path, clear, clear),
        cmocka_unit_test_setup_teardown(test_abstract, clear, clear),
        cmocka_unit_test_setup_teardown(test_nobody, clear, clear),
        cmocka_unit_test_setup_teardown(test_watchdog, clear, clear),
    };

    return cmocka_run_group_tests_name("sd_notify", tests, NULL, NULL);
}
