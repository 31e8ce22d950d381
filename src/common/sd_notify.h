/*
 * sd_notify.h: tells systemd, or whoever else started us, how the service is: datagrams of
 * VARIABLE=value lines to the Unix socket that NOTIFY_SOCKET names (sd_notify(3): a path, or with
 * "@" an abstract name).
 *
 * Not libsystemd: it would bring its own dependencies into every image for one sendto(), and the
 * protocol is documented as stable for clients of their own.
 *
 * Without NOTIFY_SOCKET every call does nothing. A manager that does not read is waited for for a
 * second at most.
 */
#ifndef BANTER_COMMON_SD_NOTIFY_H
#define BANTER_COMMON_SD_NOTIFY_H

#include "common/base.h"

/* Sends one datagram of lines, "READY=1\nSTATUS=..."; whether it was sent. */
bool sd_notify_send(const char *format, ...) ATTR_PRINTF(1, 2);
/* RELOADING=1 with the time that Type=notify-reload asks for; READY=1 must follow. */
bool sd_notify_reloading(void);
/* How often WATCHDOG=1 is due: half of what WATCHDOG_USEC says, as sd_watchdog_enabled(3) advises;
 * 0 if nobody waits for it from this process (WATCHDOG_PID). */
uint64_t sd_notify_watchdog_ms(void);

#endif
