#include "load.h"

#define LINEAR 64

static size_t cell_of(uint64_t value)
{
    unsigned power;

    if (value < LINEAR * 2)
        return (size_t)value;
    power = 63U - (unsigned)__builtin_clzll(value) - 6U; /* how far down to 7 bits */
    return MIN((size_t)power * LINEAR + (size_t)(value >> power), (size_t)HISTOGRAM_CELLS - 1);
}

/* The middle of a cell. */
static uint64_t value_of(size_t cell)
{
    unsigned power;

    if (cell < LINEAR * 2)
        return cell;
    power = (unsigned)(cell / LINEAR) - 1;
    return ((uint64_t)(cell - (size_t)power * LINEAR) << power) + ((UINT64_C(1) << power) / 2);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->cells[cell_of(value)]++;
    histogram->count++;
    histogram->max = MAX(histogram->max, value);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_CELLS; i++)
        into->cells[i] += from->cells[i];
    into->count += from->count;
    into->max = MAX(into->max, from->max);
}

uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)histogram->count);
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
        seen += histogram->cells[i];
        if (seen > wanted)
            return MIN(value_of(i), histogram->max);
    }
    return histogram->max;
}
