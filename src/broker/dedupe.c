#include "broker/dedupe.h"

#include "common/check.h"
#include "common/map.h"
#include "common/mem.h"

#include <stddef.h>
#include <string.h>

#define ID_BYTES (sizeof(uint64_t) + DEDUPE_KEY_BYTES)

/* What a command is known by. */
struct id {
    uint64_t room_id;
    uint8_t key[DEDUPE_KEY_BYTES];
};

/* Both maps find it inside their values: a copy would be one more cold line of memory for each of a
 * command's seven look-ups. */
_Static_assert(sizeof(struct id) == ID_BYTES, "no padding");
_Static_assert(offsetof(struct dedupe_pending, key) ==
                   offsetof(struct dedupe_pending, room_id) + sizeof(uint64_t),
               "a pending command begins as an id does");

/* An answer in the window. The room of the answer differs from the room of the id for CREATE_ROOM.
 */
struct remembered {
    struct id id;
    bool used;
    bool duplicate;
    struct waiter first;
    uint64_t room_id;
    uint64_t seq;
    uint64_t created_at_us;
    char *text;
};

struct dedupe {
    struct map *pending;     /* id -> struct dedupe_pending */
    struct map *answers;     /* id -> struct remembered */
    struct remembered *ring; /* in the order of the answers; the oldest is overwritten */
    size_t window;
    size_t next;
};

static struct id make_id(uint64_t room_id, const uint8_t key[DEDUPE_KEY_BYTES])
{
    struct id id = {.room_id = room_id};

    memcpy(id.key, key, DEDUPE_KEY_BYTES);
    return id;
}

static bool same_waiter(struct waiter a, struct waiter b)
{
    return a.worker_id == b.worker_id && a.command_id == b.command_id;
}

void dedupe_pending_fini(struct dedupe_pending *pending)
{
    mem_free(pending->more);
    pending->more = NULL;
    pending->more_count = 0;
}

struct dedupe *dedupe_create(size_t window)
{
    struct dedupe *dedupe = mem_alloc(sizeof(*dedupe));

    dedupe->pending = map_create_inside(offsetof(struct dedupe_pending, room_id), ID_BYTES);
    dedupe->answers = MAP_CREATE_INSIDE(struct remembered, id);
    dedupe->ring = mem_alloc_array(window, sizeof(*dedupe->ring));
    dedupe->window = window;
    return dedupe;
}

void dedupe_destroy(struct dedupe **dedupe)
{
    if (*dedupe == NULL)
        return;
    for (size_t i = 0; i < (*dedupe)->window; i++)
        mem_free((*dedupe)->ring[i].text);
    mem_free((*dedupe)->ring);
    map_destroy(&(*dedupe)->answers);
    map_destroy(&(*dedupe)->pending);
    mem_free(*dedupe);
    *dedupe = NULL;
}

static void attach(struct dedupe_pending *pending, struct waiter waiter)
{
    if (same_waiter(pending->first, waiter) || pending->more_count >= DEDUPE_WAITERS_MAX)
        return;
    for (unsigned i = 0; i < pending->more_count; i++)
        if (same_waiter(pending->more[i], waiter))
            return;
    pending->more = mem_realloc(pending->more, (pending->more_count + 1) * sizeof(*pending->more));
    pending->more[pending->more_count++] = waiter;
}

enum dedupe_verdict dedupe_check(struct dedupe *dedupe, uint64_t room_id,
                                 const uint8_t key[DEDUPE_KEY_BYTES], struct waiter waiter,
                                 struct dedupe_answer *answer_out)
{
    const struct id id = make_id(room_id, key);
    struct dedupe_pending *pending = map_find(dedupe->pending, &id);
    struct remembered *known;

    if (pending != NULL) {
        attach(pending, waiter);
        return DEDUPE_ATTACHED;
    }
    known = map_find(dedupe->answers, &id);
    if (known == NULL)
        return DEDUPE_NEW;
    *answer_out = (struct dedupe_answer){
        .room_id = known->room_id,
        .seq = known->seq,
        .created_at_us = known->created_at_us,
        /* The first asker lost its answer and hears it again; for any other it is a repeat. */
        .duplicate = known->duplicate || !same_waiter(known->first, waiter),
        .text = known->text,
    };
    return DEDUPE_ANSWERED;
}

void dedupe_begin(struct dedupe *dedupe, struct dedupe_pending *pending)
{
    CHECK(map_put(dedupe->pending, &pending->room_id, pending) == NULL);
}

static void remember(struct dedupe *dedupe, const struct dedupe_pending *pending,
                     const struct dedupe_answer *answer)
{
    struct remembered *slot = &dedupe->ring[dedupe->next];

    dedupe->next = (dedupe->next + 1) % dedupe->window;
    if (slot->used && map_find(dedupe->answers, &slot->id) == slot)
        map_remove(dedupe->answers, &slot->id);
    mem_free(slot->text);
    *slot = (struct remembered){
        .id = make_id(pending->room_id, pending->key),
        .used = true,
        .duplicate = answer->duplicate,
        .first = pending->first,
        .room_id = answer->room_id,
        .seq = answer->seq,
        .created_at_us = answer->created_at_us,
        .text = mem_strdup(answer->text),
    };
    map_put(dedupe->answers, &slot->id, slot);
}

void dedupe_end(struct dedupe *dedupe, struct dedupe_pending *pending,
                const struct dedupe_answer *answer)
{
    CHECK(map_remove(dedupe->pending, &pending->room_id) == pending);
    if (answer != NULL && dedupe->window > 0)
        remember(dedupe, pending, answer);
}

size_t dedupe_pending_count(const struct dedupe *dedupe)
{
    return map_count(dedupe->pending);
}
