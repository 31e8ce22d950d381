#include "gateway/delivery_count.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"

void delivery_count_received(struct delivery_count *count, uint64_t received_at_us)
{
    if (received_at_us == 0)
        return;
    if (count->received_count == count->received_capacity) {
        count->received_capacity = MAX(count->received_capacity * 2, (size_t)64);
        count->received_us =
            mem_realloc(count->received_us, count->received_capacity * sizeof(uint64_t));
    }
    count->received_us[count->received_count++] = received_at_us;
}

/* What the clocks of two hosts differ by may make a time negative: then it counts as none. */
static void observe(struct delivery_count *count)
{
    uint64_t now_us = clock_wall_us();

    for (size_t i = 0; i < count->received_count; i++)
        metrics_observe_us(METRIC_DELIVERY,
                           now_us > count->received_us[i] ? now_us - count->received_us[i] : 0);
    count->received_count = 0;
}

void delivery_count_flush(struct delivery_count *count)
{
    if (count->deliveries > 0)
        metrics_add(METRIC_WS_FRAMES_QUEUED, count->deliveries);
    if (count->shed > 0) {
        metrics_add(METRIC_EPHEMERAL_SHED, count->shed);
        metrics_add_by(METRIC_SHED, METRICS_SHED_EPHEMERAL, count->shed);
    }
    count->deliveries = count->shed = 0;
    if (count->received_count > 0)
        observe(count);
}

void delivery_count_fini(struct delivery_count *count)
{
    mem_free(count->received_us);
    count->received_us = NULL;
}
