// needs: common/mem common/check
/* Any text is a rate within the bounds or none; what is taken means the same in seconds. A setting
 * is one text: there is nothing to cut. */
#include "common/rate.h"

#include "common/check.h"
#include "common/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    struct rate rate;
    struct rate again;

    if (rate_parse(text, &rate) && rate.count > 0) {
        char *seconds = mem_printf("%u/%us", rate.count, rate.period_s);

        CHECK(rate.count <= RATE_COUNT_MAX);
        CHECK(rate.period_s >= 1 && rate.period_s <= RATE_PERIOD_S_MAX);
        CHECK(rate_parse(seconds, &again));
        CHECK(again.count == rate.count && again.period_s == rate.period_s);
        mem_free(seconds);
    } else {
        CHECK(rate.count == 0);
    }
    mem_free(text);
    return 0;
}
