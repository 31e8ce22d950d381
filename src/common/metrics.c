#include "common/metrics.h"

#include "common/check.h"

#include <sys/mman.h>

static struct metrics_slot own_slot;
struct metrics_slot *metrics_current = &own_slot;

static const struct {
    const char *name;
    const char *help;
    bool gauge;
} table[] = {
#define COUNTER(symbol, name, help) [METRIC_##symbol] = {name, help, false},
#define GAUGE(symbol, name, help)   [METRIC_##symbol] = {name, help, true},
#include "common/metrics.def"
#undef COUNTER
#undef GAUGE
};

struct metrics_slot *metrics_share(size_t count)
{
    void *slots = mmap(NULL, count * sizeof(struct metrics_slot), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(slots != MAP_FAILED);
    return slots;
}

void metrics_use(struct metrics_slot *slot)
{
    metrics_current = slot;
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (table[i].gauge)
            metrics_set((enum metric)i, 0);
}

void metrics_write(const struct metrics_slot *slots, size_t count, struct strbuf *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        uint64_t sum = 0;

        for (size_t slot = 0; slot < count; slot++)
            sum += atomic_load_explicit(&slots[slot].values[i], memory_order_relaxed);
        strbuf_printf(out, "# HELP banter_%s %s\n# TYPE banter_%s %s\nbanter_%s %llu\n",
                      table[i].name, table[i].help, table[i].name,
                      table[i].gauge ? "gauge" : "counter", table[i].name, (unsigned long long)sum);
    }
}
