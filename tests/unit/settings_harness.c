#include "settings_harness.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int capture(int fd, FILE *file)
{
    int real = dup(fd);

    fflush(NULL);
    dup2(fileno(file), fd);
    return real;
}

static void restore(int fd, int real, FILE *file, char *text, size_t size)
{
    size_t len;

    fflush(NULL);
    dup2(real, fd);
    close(real);
    rewind(file);
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
}

void load(struct outcome *outcome, enum settings_program program, const char *const *flags)
{
    char *argv[ARGS_MAX + 1] = {mem_strdup("program")};
    FILE *err = tmpfile();
    FILE *out = tmpfile();
    int argc = 1;
    int real_err;
    int real_out;

    for (; flags != NULL && flags[argc - 1] != NULL; argc++)
        argv[argc] = mem_strdup(flags[argc - 1]);
    real_err = capture(STDERR_FILENO, err);
    real_out = capture(STDOUT_FILENO, out);
    outcome->result = settings_load(&outcome->settings, program, argc, argv);
    restore(STDOUT_FILENO, real_out, out, outcome->out, sizeof(outcome->out));
    restore(STDERR_FILENO, real_err, err, outcome->err, sizeof(outcome->err));
    while (argc > 0)
        mem_free(argv[--argc]);
}

int clear(void **unused)
{
    (void)unused;
    for (bool found = true; found;) {
        found = false;
        for (char **entry = environ; *entry != NULL && !found; entry++)
            if (strncmp(*entry, "BANTER_", 7) == 0) {
                char *name = mem_strndup(*entry, strcspn(*entry, "="));

                found = unsetenv(name) == 0;
                mem_free(name);
            }
    }
    return 0;
}
