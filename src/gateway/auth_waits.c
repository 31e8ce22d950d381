#include "gateway/auth_waits.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/map.h"
#include "common/mem.h"
#include "gateway/shares.h"

struct auth_wait {
    struct list_node node;
    struct chat_client *client;
    uint64_t until_ms;
    uint64_t address;
    struct chat_request request;
};

struct auth_waits {
    struct map *by_client;
    struct list all; /* who came first is first: all wait the same time */
    struct loop_timer *timer;
    uint64_t wait_ms;
    struct shares *addresses;
    auth_wait_over_fn *over;
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
    shares_give(waits->addresses, wait->address);
    list_remove(&wait->node);
    mem_free(wait);
}

static void end_first(struct auth_waits *waits, bool late)
{
    struct auth_wait *first = LIST_ITEM(list_first(&waits->all), struct auth_wait, node);
    struct chat_client *client = first->client;

    remove_wait(waits, first);
    waits->over(client, late);
}

static void on_timer(void *context)
{
    struct auth_waits *waits = context;
    uint64_t now_ms = clock_mono_ms();
    struct list_node *first;

    while ((first = list_first(&waits->all)) != NULL) {
        if (LIST_ITEM(first, struct auth_wait, node)->until_ms > now_ms)
            break;
        end_first(waits, true);
    }
    start_timer(waits);
}

struct auth_waits *auth_waits_create(struct loop *loop, uint64_t wait_ms, auth_wait_over_fn *over)
{
    struct auth_waits *waits = mem_alloc(sizeof(*waits));

    waits->by_client = MAP_CREATE_INSIDE(struct auth_wait, client);
    list_init(&waits->all);
    waits->timer = loop_timer_create(loop, on_timer, waits);
    waits->wait_ms = wait_ms;
    waits->addresses = shares_create(SOCKETS_WITHOUT_TOKEN_PER_ADDRESS_MAX);
    waits->over = over;
    return waits;
}

void auth_waits_destroy(struct auth_waits **waits)
{
    if (*waits == NULL)
        return;
    CHECK(list_empty(&(*waits)->all));
    loop_timer_destroy(&(*waits)->timer);
    map_destroy(&(*waits)->by_client);
    shares_destroy(&(*waits)->addresses);
    mem_free(*waits);
    *waits = NULL;
}

bool auth_waits_add(struct auth_waits *waits, struct chat_client *client, uint64_t address,
                    const struct chat_request *request)
{
    bool first = list_empty(&waits->all);
    struct auth_wait *wait;

    if (!shares_take(waits->addresses, address))
        return false;
    if (map_count(waits->by_client) >= SOCKETS_WITHOUT_TOKEN_MAX)
        end_first(waits, false);
    wait = mem_alloc(sizeof(*wait));
    wait->client = client;
    wait->until_ms = clock_mono_ms() + waits->wait_ms;
    wait->address = address;
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
