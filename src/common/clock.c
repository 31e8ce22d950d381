#define _GNU_SOURCE
#include "common/clock.h"

#include "common/check.h"

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

/* count digits and what follows them; returns where the next goes. */
static char *put_digits(char *out, unsigned value, size_t count, char then)
{
    for (size_t i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    out[count] = then;
    return out + count + 1;
}

/* By hand, since each event has one: snprintf() takes as long as all the rest of its JSON. */
char *clock_format_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE])
{
    time_t seconds = (time_t)(wall_us / 1000000U);
    char *at = out;
    struct tm utc;

    CHECK(gmtime_r(&seconds, &utc) != NULL);
    at = put_digits(at, (unsigned)(utc.tm_year + 1900), 4, '-');
    at = put_digits(at, (unsigned)(utc.tm_mon + 1), 2, '-');
    at = put_digits(at, (unsigned)utc.tm_mday, 2, 'T');
    at = put_digits(at, (unsigned)utc.tm_hour, 2, ':');
    at = put_digits(at, (unsigned)utc.tm_min, 2, ':');
    at = put_digits(at, (unsigned)utc.tm_sec, 2, '.');
    at = put_digits(at, (unsigned)(wall_us % 1000000U), 6, 'Z');
    *at = '\0';
    return out;
}
