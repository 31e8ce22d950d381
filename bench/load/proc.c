#include "load.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static uint64_t thread_cpu_ns(int pid, const char *task)
{
    char path[128];
    unsigned long long ns = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, task);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &ns) != 1)
        ns = 0;
    fclose(file);
    return ns;
}

uint64_t proc_cpu_ns(int pid)
{
    char path[64];
    uint64_t sum = 0;
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            sum += thread_cpu_ns(pid, entry->d_name);
    closedir(dir);
    return sum;
}

/* The number of KiB in the line that begins with name; 0 if there is none. */
static uint64_t kib_line(const char *path, const char *name)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 &&
            sscanf(line + strlen(name), "%llu kB", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

uint64_t proc_pss_bytes(int pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    return kib_line(path, "Pss:");
}

uint64_t proc_kernel_bytes(void)
{
    return kib_line("/proc/meminfo", "Slab:");
}

size_t watched_parse(const char *text, struct watched *watched, size_t max)
{
    size_t count = 0;
    int used;

    while (count < max &&
           sscanf(text, "%31[^:,]:%d%n", watched[count].name, &watched[count].pid, &used) == 2) {
        count++;
        text += used;
        if (*text++ != ',')
            break;
    }
    return count;
}
