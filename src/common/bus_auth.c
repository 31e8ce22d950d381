#include "common/bus_auth.h"

#include "common/bus_impl.h"
#include "common/bus_told.h"
#include "common/check.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <stdio.h>
#include <string.h>

#define ADDRESS   "inproc://zeromq.zap.01"
#define BUDGET    64
#define PARTS_MAX 16
#define PART_SIZE 256
#define KEY_BYTES 32

/* RFC 27: version, request id, domain, address, identity, mechanism, credentials. */
enum { VERSION, REQUEST_ID, DOMAIN, PEER, IDENTITY, MECHANISM, CREDENTIALS, PARTS };

struct part {
    uint8_t data[PART_SIZE + 1]; /* ends in a NUL for the log */
    size_t len;
};

struct bus_auth {
    char *path;
    struct bus_key_list list;
    void *socket;
    struct loop_watch *watch;
    struct bus_told told; /* the keys that were refused */
};

/* ---- one request ------------------------------------------------------------------------------*/

/* All parts of a request, cut at PART_SIZE; the number of them, 0 if nothing waits. */
static size_t receive(struct bus_auth *auth, struct part parts[PARTS_MAX])
{
    size_t count = 0;
    zmq_msg_t message;

    if (!bus_zmq_receive(auth->socket, &message))
        return 0;
    for (;;) {
        if (count < PARTS_MAX) {
            struct part *part = &parts[count];

            part->len = MIN(zmq_msg_size(&message), (size_t)PART_SIZE);
            memcpy(part->data, zmq_msg_data(&message), part->len);
            part->data[part->len] = '\0';
        }
        count++;
        zmq_msg_close(&message);
        if (!bus_zmq_more(auth->socket))
            return count;
        CHECK(bus_zmq_receive(auth->socket, &message)); /* parts arrive together */
    }
}

static void send_part(struct bus_auth *auth, const void *data, size_t len, bool more)
{
    while (zmq_send(auth->socket, data, len, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 &&
           zmq_errno() == EINTR)
        continue;
}

/* 400 and not 300: the peer is told, and can say so; it tries again by itself (bus_sock.c). */
static void answer(struct bus_auth *auth, const struct part *request_id, bool allowed,
                   const char *key)
{
    send_part(auth, "1.0", 3, true);
    send_part(auth, request_id->data, request_id->len, true);
    send_part(auth, allowed ? "200" : "400", 3, true);
    send_part(auth, allowed ? "OK" : "not on the list", allowed ? 2 : 15, true);
    send_part(auth, key, strlen(key), true); /* the user id */
    send_part(auth, "", 0, false);           /* no metadata */
}

static void refused(struct bus_auth *auth, const char *key, const struct part *peer)
{
    char quoted[PART_SIZE];
    uint64_t suppressed;

    metrics_add(METRIC_BUS_REFUSED_KEYS, 1);
    if (bus_told_allows(&auth->told, key, &suppressed))
        log_warn("bus.refused",
                 "reason=not_allowed key=\"%s\" peer=%s suppressed=%llu "
                 "note=\"add the key to BANTER_BUS_GATEWAY_KEYS if it is one of yours\"",
                 key, log_quote((const char *)peer->data, quoted, sizeof(quoted)),
                 (unsigned long long)suppressed);
}

static void allowed(struct bus_auth *auth, const struct bus_allowed *item, const struct part *peer)
{
    char quoted[PART_SIZE];

    if (bus_told_forget(&auth->told, item->key))
        log_info("bus.allowed", "key=\"%s\" name=\"%s\" peer=%s", item->key, item->name,
                 log_quote((const char *)peer->data, quoted, sizeof(quoted)));
}

static bool handle_one(struct bus_auth *auth)
{
    struct part parts[PARTS_MAX];
    size_t count = receive(auth, parts);
    const struct bus_allowed *item = NULL;
    char key[BUS_KEY_SIZE] = "";

    if (count == 0)
        return false;
    if (count == PARTS && parts[CREDENTIALS].len == KEY_BYTES &&
        strcmp((const char *)parts[MECHANISM].data, "CURVE") == 0) {
        bus_key_format(parts[CREDENTIALS].data, key);
        item = bus_key_list_find(&auth->list, key);
        if (item != NULL)
            allowed(auth, item, &parts[PEER]);
        else
            refused(auth, key, &parts[PEER]);
    }
    /* Anything else is not from our sockets' handshakes; refused, too. */
    answer(auth, &parts[MIN((size_t)REQUEST_ID, count - 1)], item != NULL, key);
    return true;
}

static void drain(void *context)
{
    struct bus_auth *auth = context;

    for (int budget = BUDGET; budget > 0 && handle_one(auth);)
        budget--;
    if (bus_zmq_readable(auth->socket))
        loop_watch_kick(auth->watch);
}

/* ---- the handler ------------------------------------------------------------------------------*/

struct bus_auth *bus_auth_create(struct bus_context *context, struct loop *loop, char *error,
                                 size_t error_size)
{
    struct bus_auth *auth = mem_alloc(sizeof(*auth));

    CHECK(context->security.allowed_path != NULL);
    if (!bus_key_list_read(context->security.allowed_path, &auth->list, error, error_size)) {
        mem_free(auth);
        return NULL;
    }
    auth->path = mem_strdup(context->security.allowed_path);
    auth->socket = zmq_socket(context->zmq, ZMQ_REP);
    CHECK(auth->socket != NULL);
    bus_zmq_set_int(auth->socket, ZMQ_LINGER, 0);
    while (zmq_bind(auth->socket, ADDRESS) != 0)
        CHECK(zmq_errno() == EINTR);
    auth->watch = loop_watch_create(loop, bus_zmq_fd(auth->socket), drain, auth);
    loop_watch_kick(auth->watch);
    log_info("bus.keys", "allowed=%zu", auth->list.count);
    return auth;
}

void bus_auth_destroy(struct bus_auth **auth)
{
    if (*auth == NULL)
        return;
    loop_watch_destroy(&(*auth)->watch);
    zmq_close((*auth)->socket);
    bus_key_list_fini(&(*auth)->list);
    mem_free((*auth)->path);
    mem_free(*auth);
    *auth = NULL;
}

bool bus_auth_reload(struct bus_auth *auth)
{
    struct bus_key_list fresh;
    char error[192];
    char quoted[256];
    size_t removed = 0;

    if (!bus_key_list_read(auth->path, &fresh, error, sizeof(error))) {
        log_error("bus.keys_kept", "reason=%s note=\"the list is as it was\"",
                  log_quote(error, quoted, sizeof(quoted)));
        return false;
    }
    for (size_t i = 0; i < auth->list.count; i++)
        removed += bus_key_list_find(&fresh, auth->list.items[i].key) == NULL;
    bus_key_list_fini(&auth->list);
    auth->list = fresh;
    log_info("bus.keys", "allowed=%zu removed=%zu", fresh.count, removed);
    return removed > 0;
}
