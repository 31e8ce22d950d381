/*
 * clock.h: the two clocks, and the text form of time.
 *
 * Monotonic time is for deadlines and intervals, wall time for what people and the log see. Both
 * are in microseconds or milliseconds, as the name says. Nothing else in the program asks the
 * system for the time.
 */
#ifndef BANTER_COMMON_CLOCK_H
#define BANTER_COMMON_CLOCK_H

#include "common/base.h"

/* Milliseconds since some fixed point in the past; never steps back. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Microseconds since 1970-01-01T00:00:00Z. */
uint64_t clock_wall_us(void);

/* Room for clock_format_iso(), with the NUL. */
#define CLOCK_ISO_SIZE 32

/* Writes "2026-01-02T03:04:05.678901Z" (RFC 3339), and returns out. */
char *clock_format_iso(uint64_t wall_us, char out[CLOCK_ISO_SIZE]);

#endif
