// needs: broker/apply broker/batch broker/command broker/dedupe broker/event_rows broker/intake broker/members broker/presence_hub broker/publisher broker/sequencer gateway/bus_link gateway/cursor gateway/delivery_count gateway/frame gateway/linger gateway/log_reader gateway/notes gateway/page_reads gateway/room_log gateway/rooms gateway/ws_deflate gateway/ws_frame common/bus_proto common/errors common/event_check common/event_json common/map common/metrics common/strbuf common/utf8 common/wire

/*
 * Plays schedules, each a seed of its own, and stops at the first that breaks a promise.
 *
 *   make sim                        the seeds 1 to 100,000
 *   SIM_SEEDS=n make sim            the first n
 *   SIM_SEED=s SIM_SEEDS=n make sim n seeds from s on
 *   SIM_SEED=s make sim             s alone, and its story step by step
 */
#include "sim.h"

#include "common/metrics.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS_DEFAULT 10000
#else
#define SEEDS_DEFAULT 100000
#endif

/* So many schedules meet everything. */
#define SEEDS_ENOUGH 1000

static unsigned long played[16];

static void how_to_see_it(void)
{
    printf("# seed %llu, step %u (%s); its story: SIM_SEED=%llu make sim\n",
           (unsigned long long)sim.seed, sim.step, sim.faults->name, (unsigned long long)sim.seed);
}

void sim_fail(const char *format, ...)
{
    va_list arguments;

    printf("# ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    how_to_see_it();
    printf("not ok 1 - %s\n0 passed, 1 failed\n", sim.faults->name);
    fflush(stdout);
    _exit(1);
}

/* A crash is a failure like any other. */
static void on_crash(int number)
{
    sim_fail("signal %d", number);
}

/* How often what is simulated was met at all; what never was is not tested. */
static void tell_counters(bool must_be_met)
{
    static const struct {
        enum metric metric;
        const char *what;
    } of[] = {
        {METRIC_COMMANDS, "commands"},
        {METRIC_COMMAND_REPEATS, "repeats of them"},
        {METRIC_COMMAND_TIMEOUTS, "time-outs"},
        {METRIC_BROKER_DUPLICATES, "duplicates"},
        {METRIC_BROKER_COMMIT_ERRORS, "failed commits"},
        {METRIC_BROKER_OVERLOADS, "overloads"},
        {METRIC_BROKER_EVENTS, "events published"},
        {METRIC_WS_FRAMES_QUEUED, "events delivered"},
        {METRIC_BUS_GAPS, "gaps"},
        {METRIC_LOG_PAGES, "pages read"},
        {METRIC_CURSOR_FALLBACKS, "fallbacks"},
    };

    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        if (must_be_met && metrics_current->values[of[i].metric] == 0)
            sim_fail("there were no %s", of[i].what);
    printf("#");
    for (size_t i = 0; i < ARRAY_LEN(of); i++)
        printf("%s %llu %s", i > 0 ? "," : "",
               (unsigned long long)metrics_current->values[of[i].metric], of[i].what);
    printf(", %llu runs among them\n", sim_runs);
    if (must_be_met && sim_runs == 0)
        sim_fail("there were no runs");
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    bool one = number_of("SIM_SEED", 0) != 0 && number_of("SIM_SEEDS", 0) == 0;
    uint64_t first = number_of("SIM_SEED", 1);
    uint64_t count = one ? 1 : number_of("SIM_SEEDS", SEEDS_DEFAULT);
    struct timespec from, to;

    setvbuf(stdout, NULL, one ? _IOLBF : _IOFBF, 65536);
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (uint64_t seed = first; seed < first + count; seed++) {
        sim_play(seed, one);
        played[seed % sim_faults_count()]++;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("# %llu schedules from seed %llu in %.1f s\n", (unsigned long long)count,
           (unsigned long long)first,
           (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    tell_counters(count >= SEEDS_ENOUGH);
    for (unsigned i = 0; i < sim_faults_count(); i++)
        printf("ok %u - %lu schedules with %s\n", i + 1, played[i], sim_faults_of(i)->name);
    printf("%u passed, 0 failed\n", sim_faults_count());
    return 0;
}
