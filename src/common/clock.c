#define _GNU_SOURCE
#include "common/clock.h"

#include "common/check.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_clock_us(clockid_t id)
{
    struct timespec now;

    CHECK(clock_gettime(id, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

uint64_t clock_mono_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000U;
}

uint64_t clock_wall_us(void)
{
    return read_clock_us(CLOCK_REALTIME);
}

char *clock_format_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE])
{
    time_t seconds = (time_t)(wall_us / 1000000U);
    struct tm utc;

    CHECK(gmtime_r(&seconds, &utc) != NULL);
    snprintf(out, CLOCK_ISO_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
             (unsigned)(utc.tm_year + 1900) % 10000U, (unsigned)(utc.tm_mon + 1) % 100U,
             (unsigned)utc.tm_mday % 100U, (unsigned)utc.tm_hour % 100U,
             (unsigned)utc.tm_min % 100U, (unsigned)utc.tm_sec % 100U,
             (unsigned)(wall_us % 1000000U));
    return out;
}
