// needs: common/clock common/check common/log common/mem common/strbuf
#include "ctl/progress.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check(const struct progress *progress, uint64_t now_ms, size_t width, const char *line)
{
    struct strbuf out = STRBUF_EMPTY;

    progress_format(progress, now_ms, width, &out);
    assert_string_equal(strbuf_str(&out), line);
    strbuf_fini(&out);
}

static void test_format(void **state)
{
    struct progress progress = {
        .what = "reading", .unit = "events", .done = 250, .total = 1000, .started_ms = 1000};

    (void)state;
    check(&progress, 6000, 200, "reading 250 of 1000 events, 25 %, 50/s, 0:15 left");
    check(&progress, 1000, 200, "reading 250 of 1000 events, 25 %, 0/s");
    check(&progress, 6000, 15, "reading 250 of ");
    progress.terminal = true;
    check(&progress, 6000, 200,
          "reading [#######.......................] 250 of 1000 events, 25 %, 50/s, 0:15 left");
    check(&progress, 6000, 60, "reading [#......] 250 of 1000 events, 25 %, 50/s, 0:15 left");
    progress.done = 2000;
    check(&progress, 6000, 50, "reading 1000 of 1000 events, 100 %, 200/s, 0:00 le");
    progress.total = 0;
    check(&progress, 6000, 200, "reading 2000 events, 400/s");
    progress.total = 4000000;
    progress.terminal = false;
    check(&progress, 6000, 200, "reading 2000 of 4000000 events, 0 %, 400/s, 2:46:35 left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_format)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
