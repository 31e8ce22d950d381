#include "gateway/http_pause.h"

#include "common/check.h"
#include "common/list.h"
#include "common/mem.h"

#include <event2/event.h>
#include <event2/listener.h>

#define PAUSE_MS      100
#define LISTENERS_MAX 8

struct paused_listener {
    struct evconnlistener *listener;
    bool paused;
};

struct http_pause {
    struct list_node node; /* on all_pauses */
    struct event *unpause;
    uint64_t errors;
    struct paused_listener listeners[LISTENERS_MAX];
};

/* A listener's error callback gets evhttp as its argument, so the pause has to be looked for. */
static struct list all_pauses = {{&all_pauses.head, &all_pauses.head}};

static struct paused_listener *find(struct http_pause *pause, const struct evconnlistener *listener)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (pause->listeners[i].listener == listener)
            return &pause->listeners[i];
    }
    return NULL;
}

static void on_accept_error(struct evconnlistener *listener, void *evhttp)
{
    static const struct timeval interval = {.tv_usec = PAUSE_MS * 1000};
    (void)evhttp;
    LIST_FOREACH (node, &all_pauses) {
        struct http_pause *pause = LIST_ITEM(node, struct http_pause, node);
        struct paused_listener *entry = find(pause, listener);
        if (entry == NULL)
            continue;
        pause->errors++;
        entry->paused = evconnlistener_disable(listener) == 0;
        event_add(pause->unpause, &interval);
    }
}

static void on_unpause(evutil_socket_t fd, short what, void *context)
{
    struct http_pause *pause = context;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < LISTENERS_MAX; i++) {
        if (pause->listeners[i].paused)
            evconnlistener_enable(pause->listeners[i].listener);
        pause->listeners[i].paused = false;
    }
}

struct http_pause *http_pause_create(struct event_base *base)
{
    struct http_pause *pause = mem_alloc(sizeof(*pause));
    pause->unpause = event_new(base, -1, 0, on_unpause, pause);
    CHECK(pause->unpause != NULL);
    list_push_back(&all_pauses, &pause->node);
    return pause;
}

void http_pause_destroy(struct http_pause **pause)
{
    if (*pause == NULL)
        return;
    list_remove(&(*pause)->node);
    event_free((*pause)->unpause);
    mem_free(*pause);
    *pause = NULL;
}

void http_pause_watch(struct http_pause *pause, struct evconnlistener *listener)
{
    struct paused_listener *entry = find(pause, NULL);
    CHECK(entry != NULL);
    entry->listener = listener;
    evconnlistener_set_error_cb(listener, on_accept_error);
}

void http_pause_forget(struct http_pause *pause, struct evconnlistener *listener)
{
    struct paused_listener *entry = find(pause, listener);
    if (entry == NULL)
        return;
    evconnlistener_set_error_cb(listener, NULL);
    entry->listener = NULL;
    entry->paused = false;
}

uint64_t http_pause_errors(const struct http_pause *pause)
{
    return pause->errors;
}
