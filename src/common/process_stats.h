/*
 * process_stats.h: what the kernel says about a process of ours (proc(5)).
 */
#ifndef BANTER_COMMON_PROCESS_STATS_H
#define BANTER_COMMON_PROCESS_STATS_H

#include "common/base.h"

#include <sys/types.h>

struct process_stats {
    double cpu_seconds; /* user and system */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t open_fds;
    uint64_t max_fds; /* its soft limit */
};

/* False when there is no such process, or it is not ours to look at. Does not block. */
bool process_stats_read(pid_t pid, struct process_stats *stats_out) ATTR_MUSTCHECK;

/* Of this process: resident memory that is its own, neither a file's nor shared; 0 if that cannot
 * be read. */
uint64_t process_stats_own_bytes(void);

#endif
