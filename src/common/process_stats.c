#include "common/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t count_fds(const char *path)
{
    uint64_t count = 0;
    struct stat info;
    DIR *dir;

    /* Linux 6.2 and later say it at once; before, the size is 0. */
    if (stat(path, &info) == 0 && info.st_size > 0)
        return (uint64_t)info.st_size;
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* proc(5): fields 14, 15, 23 and 24 of stat; the second is a name in brackets, which may hold
 * anything. */
static bool parse_stat(const char *text, struct process_stats *stats)
{
    const char *end = strrchr(text, ')');
    unsigned long user, system, size;
    long pages;

    if (end == NULL ||
        sscanf(end + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d "
               "%*u %lu %ld",
               &user, &system, &size, &pages) != 4)
        return false;
    stats->cpu_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    stats->virtual_bytes = size;
    stats->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

bool process_stats_read(pid_t pid, struct process_stats *stats_out)
{
    char path[64];
    char text[1024];
    struct rlimit limit;
    size_t len;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    if (!parse_stat(text, stats_out))
        return false;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    stats_out->open_fds = count_fds(path);
    stats_out->max_fds = prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0 ? limit.rlim_cur : 0;
    return true;
}

uint64_t process_stats_own_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long resident = 0;
    unsigned long shared = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu %lu", &resident, &shared) != 2)
        resident = shared = 0;
    fclose(file);
    return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}
