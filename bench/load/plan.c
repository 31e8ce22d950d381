#include "common/mem.h"
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void plan_read(struct plan *plan, const char *path)
{
    FILE *file = fopen(path, "re");
    char text[1024];
    char role;
    uint32_t room;

    if (file == NULL) {
        fprintf(stderr, "load: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    while (fscanf(file, "%u %c %1023s", &room, &role, text) == 3) {
        struct plan_line *line;
        bool same = strcmp(text, "+") == 0;

        if (same && plan->connections == 0)
            break;

        plan->lines = mem_realloc(plan->lines, (plan->count + 1) * sizeof(*plan->lines));
        line = &plan->lines[plan->count++];
        line->room = room;
        line->sends = role == 's';
        line->path = same ? NULL : mem_strdup(text);
        plan->connections += !same;
        plan->rooms = MAX(plan->rooms, room + 1);
    }
    if (!feof(file) || plan->count == 0) {
        fprintf(stderr, "load: %s: line %zu is not \"ROOM s|- PATH|+\"\n", path, plan->count + 1);
        exit(2);
    }
    fclose(file);
}

void plan_fini(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        mem_free(plan->lines[i].path);
    mem_free(plan->lines);
}
