#include "world.h"

#include "common/check.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/settings.h"
#include "gateway/assets.h"
#include "gateway/bus_link.h"
#include "gateway/http_server.h"
#include "gateway/inherit.h"
#include "gateway/services.h"
#include "gateway/worker.h"
#include "gateway/worker_status.h"
#include "gateway/ws_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PORTS        2
#define UNREAD_TURNS 64 /* while something is there to be read: 4 KiB a turn at least */
#define QUIET_TURNS                                                                                \
    3 /* one for evhttp, one for the guard's own, one that shows that all is done                  \
       */
#define CLIENTS_MAX 4
#define PIECES_MAX  4
#define STORY_MS    86400000 /* between two stories: no rate and no delay remembers the one before */

static struct worker *worker;
static struct services *services;
static struct sockaddr_un ports[PORTS];
static struct client *clients[CLIENTS_MAX];

/* ---- the worker ---- */

/* A name without a file, which nobody else has. */
static int listen_at(struct sockaddr_un *address, unsigned index)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "banter-fuzz-%d-%u",
             (int)getpid(), index);
    CHECK(bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
    CHECK(listen(fd, 64) == 0);
    return fd;
}

static void write_asset(const char *dir, const char *name, const char *text)
{
    char *path = mem_printf("%s/%s", dir, name);
    FILE *file = fopen(path, "we");

    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    mem_free(path);
}

/* As the web client's build leaves them, but small. */
static struct assets *make_assets(void)
{
    static const char *const files[][2] = {
        {"index.html", "<!doctype html><title>Banter</title>"},
        {"index.html.gz", "not really"},
        {"openapi.json", "{\"openapi\":\"3.1.0\",\"info\":{},\"paths\":{}}"},
        {"assets/app.js", "1"},
        {"docs/index.html", "<!doctype html><title>API</title>"},
    };
    char dir[] = "/tmp/banter-fuzz-XXXXXX";
    struct assets *assets;
    char path[64];

    CHECK(mkdtemp(dir) != NULL);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "assets" : "docs");
        CHECK(mkdir(path, 0700) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        write_asset(dir, files[i][0], files[i][1]);
    assets = assets_load(dir);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i][0]);
        CHECK(unlink(path) == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, i == 0 ? "assets" : "docs");
        CHECK(rmdir(path) == 0);
    }
    CHECK(rmdir(dir) == 0);
    return assets;
}

static void load_settings(struct settings *settings)
{
    static const char *const flags[] = {
        "fuzz",
        "--brokers=ipc:///played",
        "--database-url=mysql://played@/played?socket=/played",
        "--trusted-proxies=10.0.0.0/8",
        "--origins=https://good.example",
        "--access-log=1",
        "--worker-memory-bytes=0",
        "--socket-auth-ms=600000",
        "--deflate-min-bytes=64",
    };
    char *argv[ARRAY_LEN(flags) + 1] = {NULL};

    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        argv[i] = mem_strdup(flags[i]);
    CHECK(settings_load(settings, SETTINGS_GATEWAY, (int)ARRAY_LEN(flags), argv) == SETTINGS_RUN);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        mem_free(argv[i]);
}

void world_own_shards(void)
{
    for (uint64_t shard = 0; shard < SHARD_COUNT; shard++) {
        uint8_t subscription[1 + BUS_TOPIC_SIZE] = {1};

        bus_topic_encode(BUS_TOPIC_SHARD, shard, subscription + 1);
        played_bus_receive(true, subscription, sizeof(subscription));
    }
}

static void create_worker(void)
{
    static struct settings settings;
    static struct worker_status status;
    static struct limiter_memory limits;
    struct inherit inherit = {.settings = &settings, .status = &status, .limits = &limits};
    struct sigaction on_term;
    struct sigaction on_int;

    load_settings(&settings);
    limiter_memory_create(&limits);
    inherit.assets = make_assets();
    inherit.listen_fd = listen_at(&ports[0], 0);
    inherit.proxy_fd = listen_at(&ports[1], 1);
    /* The fuzzer wants to be stopped, not drained. */
    sigaction(SIGTERM, NULL, &on_term);
    sigaction(SIGINT, NULL, &on_int);
    worker = worker_create(&inherit);
    sigaction(SIGTERM, &on_term, NULL);
    sigaction(SIGINT, &on_int, NULL);
    signal(SIGPIPE, SIG_IGN);
    services = worker_services(worker);
    world_own_shards();
    world_settle();
}

void world_begin(struct played_choice choice)
{
    played_begin(choice);
    if (worker == NULL)
        create_worker();
    world_pass(STORY_MS);
    services->database_ok = true; /* the story before may have had another one */
    played_begin(choice);
}

static bool receive_all(void)
{
    bool received = false;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        char bytes[16384];
        ssize_t got;

        if (clients[i] == NULL)
            continue;
        while ((got = recv(clients[i]->fd, bytes, sizeof(bytes), 0)) > 0) {
            strbuf_add(&clients[i]->got, bytes, (size_t)got);
            received = true;
        }
        if (got == 0 || errno != EAGAIN)
            clients[i]->ended = true;
    }
    return received;
}

/* Whether clients have sent what the worker has not read: it takes a piece a turn, or takes none of
 * a socket that is held. (The kernel counts what is left in whole buffers, so not by how much.) */
static bool has_unread(void)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        int bytes = 0;

        if (clients[i] != NULL && ioctl(clients[i]->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0)
            return true;
    }
    return false;
}

void world_settle(void)
{
    for (unsigned quiet = 0; quiet < (has_unread() ? UNREAD_TURNS : QUIET_TURNS); quiet++) {
        loop_no_wait(services->loop);
        loop_turn(services->loop, 0);
        while (played_step())
            quiet = 0;
        if (receive_all())
            quiet = 0;
    }
}

void world_pass(uint64_t ms)
{
    played_pass(ms);
    world_settle();
}

void world_end(void)
{
    world_settle();
    CHECK(http_server_busy(worker_http(worker)) == 0);
    CHECK(http_server_connections(worker_http(worker)) == 0);
    CHECK(ws_set_count(services->sockets) == 0);
    CHECK(bus_link_in_flight(services->link) == 0);
}

/* ---- clients ---- */

void client_open(struct client *client, bool proxy)
{
    const struct sockaddr_un *address = &ports[proxy ? 1 : 0];
    size_t place = 0;

    while (place < CLIENTS_MAX && clients[place] != NULL)
        place++;
    CHECK(place < CLIENTS_MAX);
    *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CHECK(client->fd >= 0);
    CHECK(connect(client->fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
    CHECK(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0);
    clients[place] = client;
}

void client_send(struct client *client, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    while (len > 0 && !client->ended) {
        ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            break; /* it is closed, or not read from, which the worker has settled by now */
        bytes += sent;
        len -= (size_t)sent;
        world_settle();
    }
    world_settle();
}

void client_send_cut(struct client *client, const uint8_t *data, size_t len, uint8_t cuts)
{
    size_t at = 0;

    for (unsigned piece = 0; cuts != 0 && piece < cuts % PIECES_MAX + 1U && at < len; piece++) {
        size_t size = 1 + (size_t)(cuts * (piece + 1) * 37U) % MAX(len - at, (size_t)1);

        size = MIN(size, len - at);
        client_send(client, data + at, size);
        at += size;
    }
    if (at < len)
        client_send(client, data + at, len - at);
}

void client_close(struct client *client)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] == client)
            clients[i] = NULL;
    close(client->fd);
    strbuf_fini(&client->got);
    world_settle();
}
