#include "gateway/notes.h"

#include "common/mem.h"

struct notes_pace {
    struct loop_timer *timer;
    struct list held; /* struct notes, by held_node */
    uint32_t period;  /* counts them, from 1 */
    bool running;     /* somebody has left in this period, so it has an end */
    void (*due)(void *context, struct notes *notes);
    void *context;
};

static void on_period_end(void *context)
{
    struct notes_pace *pace = context;
    struct list_node *node;

    pace->running = false;
    pace->period++;
    while ((node = list_pop_front(&pace->held)) != NULL)
        pace->due(pace->context, LIST_ITEM(node, struct notes, held_node));
}

struct notes_pace *notes_pace_create(struct loop *loop,
                                     void (*due)(void *context, struct notes *notes), void *context)
{
    struct notes_pace *pace = mem_alloc(sizeof(*pace));

    pace->timer = loop_timer_create(loop, on_period_end, pace);
    pace->period = 1;
    pace->due = due;
    pace->context = context;
    list_init(&pace->held);
    return pace;
}

void notes_pace_destroy(struct notes_pace **pace)
{
    if (*pace == NULL)
        return;
    loop_timer_destroy(&(*pace)->timer);
    mem_free(*pace);
    *pace = NULL;
}

bool notes_add(struct notes *notes, const struct bus_ephemeral *note)
{
    struct frame *frame;

    if (notes->count >= NOTES_MAX)
        return false;
    frame = frame_create(WS_OP_TEXT, note->json.data, note->json.len);
    frame->ephemeral_kind = (uint8_t)note->kind;
    notes->frames = mem_realloc(notes->frames, (notes->count + 1) * sizeof(*notes->frames));
    notes->frames[notes->count++] = frame;
    return true;
}

bool notes_may_leave(struct notes_pace *pace, struct notes *notes)
{
    if (notes->count == 0)
        return false;
    if (notes->period == pace->period) {
        if (!list_node_linked(&notes->held_node))
            list_push_back(&pace->held, &notes->held_node);
        return false;
    }
    notes->period = pace->period;
    if (!pace->running)
        loop_timer_start(pace->timer, NOTES_PERIOD_MS);
    pace->running = true;
    return true;
}

void notes_clear(struct notes *notes)
{
    for (uint32_t i = 0; i < notes->count; i++)
        frame_unref(notes->frames[i]);
    mem_free(notes->frames);
    notes->frames = NULL;
    notes->count = 0;
    list_remove(&notes->held_node);
}
