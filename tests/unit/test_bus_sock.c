// needs: common/bus_sock common/loop common/log common/clock common/mem common/check common/bus_monitor common/bus_told common/metrics common/map common/digest common/strbuf

/*
 * bus_sock: ZeroMQ sockets on the loop, while signals rain on the process. ZeroMQ's calls end with
 * EINTR when one hits the moment in which they wait for their mailbox; nobody may notice.
 */
#include "common/bus_sock.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES 20000
#define TOPIC    "topic"

/* ZeroMQ's threads get signals, too, so that two handlers may run at once. */
static atomic_int signals_seen;

static void on_alarm(int number ATTR_UNUSED)
{
    int before = errno;

    atomic_fetch_add(&signals_seen, 1);
    errno = before;
}

/* A signal every 20 microseconds of this process' time, without SA_RESTART. */
static void rain(bool on)
{
    struct sigaction action = {.sa_handler = on ? on_alarm : SIG_IGN};
    struct itimerval often = {{0, on ? 20 : 0}, {0, on ? 20 : 0}};

    if (on)
        sigaction(SIGALRM, &action, NULL);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    if (!on)
        sigaction(SIGALRM, &action, NULL);
}

struct pair {
    struct loop *loop;
    struct bus_context *context;
    struct bus_sock *out;
    struct bus_sock *in;
    size_t subscriptions;
    size_t received;
};

static void on_subscription(void *context, const uint8_t *data ATTR_UNUSED, size_t len ATTR_UNUSED)
{
    ((struct pair *)context)->subscriptions++;
}

static void on_message(void *context, const uint8_t *data ATTR_UNUSED, size_t len ATTR_UNUSED)
{
    ((struct pair *)context)->received++;
}

static void connect_pair(struct pair *pair, const char *address)
{
    const char *error = NULL;

    pair->loop = loop_create();
    pair->context = bus_context_create();
    pair->out =
        bus_sock_create(pair->context, pair->loop, BUS_BROKER_EVENTS, on_subscription, pair);
    pair->in = bus_sock_create(pair->context, pair->loop, BUS_WORKER_EVENTS, on_message, pair);
    assert_true(bus_sock_attach(pair->out, address, &error));
    assert_true(bus_sock_attach(pair->in, address, &error));
    bus_sock_subscribe(pair->in, TOPIC, strlen(TOPIC));
}

static void turn_until(struct pair *pair, const size_t *count, size_t wanted)
{
    uint64_t end = clock_mono_ms() + 20000;

    while (*count < wanted && clock_mono_ms() < end)
        loop_turn(pair->loop, 1);
    assert_true(*count >= wanted);
}

static void test_signals_are_not_noticed(void **state ATTR_UNUSED)
{
    struct pair pair = {0};
    char dir[] = "/tmp/banter-bus-XXXXXX";
    char *address;

    assert_non_null(mkdtemp(dir));
    address = mem_printf("ipc://%s/b", dir);
    rain(true);
    connect_pair(&pair, address);
    turn_until(&pair, &pair.subscriptions, 1);
    for (size_t sent = 0; sent < MESSAGES; sent++) {
        bus_sock_send(pair.out, TOPIC " and more", strlen(TOPIC " and more"));
        if (sent % 500 == 499)
            turn_until(&pair, &pair.received, sent + 1);
    }
    bus_sock_unsubscribe(pair.in, TOPIC, strlen(TOPIC));
    bus_sock_destroy(&pair.in);
    bus_sock_destroy(&pair.out);
    bus_context_destroy(&pair.context);
    rain(false);
    assert_int_equal(pair.received, MESSAGES);
    assert_true(signals_seen > 100);
    loop_destroy(&pair.loop);
    mem_free(address);
    address = mem_printf("%s/b.events", dir);
    unlink(address);
    assert_int_equal(rmdir(dir), 0);
    mem_free(address);
}

struct thief {
    uint16_t port;
    int fd;
};

/* Between the closing of the old socket and the binding of the new one. */
static void take_port(void *context)
{
    struct thief *thief = context;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(thief->port)};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    thief->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(thief->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(thief->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(thief->fd, 1), 0);
}

/* Two ports in a row; this moment's, as good as any. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* A broker that cannot listen any more says so, and goes on as soon as it can. */
static void test_an_address_that_is_taken(void **state ATTR_UNUSED)
{
    struct pair pair = {0};
    struct thief thief = {.port = free_port(), .fd = -1};
    char *address = mem_printf("tcp://127.0.0.1:%u", thief.port - 1u);
    FILE *log = tmpfile();
    int before = dup(STDERR_FILENO);
    char text[4096] = "";
    uint64_t end = clock_mono_ms() + 20000;

    connect_pair(&pair, address);
    turn_until(&pair, &pair.subscriptions, 1);
    fflush(stderr);
    assert_true(dup2(fileno(log), STDERR_FILENO) >= 0);
    bus_sock_reopen(pair.out, take_port, &thief);
    while (strstr(text, "bus.attach_failed") == NULL && clock_mono_ms() < end) {
        loop_turn(pair.loop, 1);
        assert_true(pread(fileno(log), text, sizeof(text) - 1, 0) >= 0);
    }
    fflush(stderr);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    assert_non_null(strstr(text, "bus.attach_failed"));
    close(thief.fd);
    turn_until(&pair, &pair.subscriptions, 2);
    bus_sock_destroy(&pair.in);
    bus_sock_destroy(&pair.out);
    bus_context_destroy(&pair.context);
    loop_destroy(&pair.loop);
    mem_free(address);
    fclose(log);
    close(before);
}

/* How many threads of this process have the policy. */
static unsigned threads_with(int policy)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    unsigned count = 0;

    assert_non_null(tasks);
    while ((entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.' && sched_getscheduler(atoi(entry->d_name)) == policy)
            count++;
    closedir(tasks);
    return count;
}

/* ZeroMQ's threads do not interrupt whoever sends; another policy than the ordinary one stays. */
static void test_threads_let_senders_go_on(void **state ATTR_UNUSED)
{
    int own = sched_getscheduler(0);
    int theirs = own == SCHED_OTHER ? SCHED_BATCH : own;
    unsigned before = threads_with(theirs);
    uint64_t end = clock_mono_ms() + 20000;
    struct pair pair = {0};
    char *address = mem_printf("tcp://127.0.0.1:%u", free_port() - 1u);

    connect_pair(&pair, address);
    while (threads_with(theirs) < before + 2 && clock_mono_ms() < end)
        loop_turn(pair.loop, 1);
    assert_int_equal(threads_with(theirs), before + 2);
    assert_int_equal(sched_getscheduler(0), own);
    bus_sock_destroy(&pair.in);
    bus_sock_destroy(&pair.out);
    bus_context_destroy(&pair.context);
    loop_destroy(&pair.loop);
    mem_free(address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals_are_not_noticed),
                                       cmocka_unit_test(test_an_address_that_is_taken),
                                       cmocka_unit_test(test_threads_let_senders_go_on)};

    return cmocka_run_group_tests_name("bus_sock", tests, NULL, NULL);
}
