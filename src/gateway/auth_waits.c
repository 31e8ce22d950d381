#include "gateway/auth_waits.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/map.h"
#include "common/mem.h"

struct auth_wait {
    struct list_node node;
    struct chat_client *client;
    uint64_t until_ms;
    struct chat_request request;
};

struct auth_waits {
    struct map *by_client;
    struct list all; /* who came first is first: all wait the same time */
    struct loop_timer *timer;
    uint64_t wait_ms;
    void (*on_late)(struct chat_client *client);
};

static void start_timer(struct auth_waits *waits)
{
    struct list_node *first = list_first(&waits->all);
    uint64_t now_ms = clock_mono_ms();
    uint64_t until_ms;

    if (first == NULL)
        return;
    until_ms = LIST_ITEM(first, struct auth_wait, node)->until_ms;
    loop_timer_start(waits->timer, until_ms > now_ms ? until_ms - now_ms : 0);
}

static void remove_wait(struct auth_waits *waits, struct auth_wait *wait)
{
    map_remove(waits->by_client, &wait->client);
    list_remove(&wait->node);
    mem_free(wait);
}

static void on_timer(void *context)
{
    struct auth_waits *waits = context;
    uint64_t now_ms = clock_mono_ms();
    struct list_node *first;

    while ((first = list_first(&waits->all)) != NULL) {
        struct auth_wait *wait = LIST_ITEM(first, struct auth_wait, node);
        struct chat_client *client = wait->client;

        if (wait->until_ms > now_ms)
            break;
        remove_wait(waits, wait);
        waits->on_late(client);
    }
    start_timer(waits);
}

struct auth_waits *auth_waits_create(struct loop *loop, uint64_t wait_ms,
                                     void (*on_late)(struct chat_client *client))
{
    struct auth_waits *waits = mem_alloc(sizeof(*waits));

    waits->by_client = MAP_CREATE_INSIDE(struct auth_wait, client);
    list_init(&waits->all);
    waits->timer = loop_timer_create(loop, on_timer, waits);
    waits->wait_ms = wait_ms;
    waits->on_late = on_late;
    return waits;
}

void auth_waits_destroy(struct auth_waits **waits)
{
    if (*waits == NULL)
        return;
    CHECK(list_empty(&(*waits)->all));
    loop_timer_destroy(&(*waits)->timer);
    map_destroy(&(*waits)->by_client);
    mem_free(*waits);
    *waits = NULL;
}

bool auth_waits_add(struct auth_waits *waits, struct chat_client *client,
                    const struct chat_request *request)
{
    bool first = list_empty(&waits->all);
    struct auth_wait *wait;

    if (map_count(waits->by_client) >= SOCKETS_WITHOUT_TOKEN_MAX)
        return false;
    wait = mem_alloc(sizeof(*wait));
    wait->client = client;
    wait->until_ms = clock_mono_ms() + waits->wait_ms;
    wait->request = *request;
    CHECK(map_put(waits->by_client, &wait->client, wait) == NULL);
    list_push_back(&waits->all, &wait->node);
    if (first)
        start_timer(waits);
    return true;
}

bool auth_waits_take(struct auth_waits *waits, struct chat_client *client,
                     struct chat_request *request_out)
{
    struct auth_wait *wait = map_find(waits->by_client, &client);

    if (wait == NULL)
        return false;
    if (request_out != NULL)
        *request_out = wait->request;
    remove_wait(waits, wait);
    if (list_empty(&waits->all))
        loop_timer_stop(waits->timer);
    return true;
}
