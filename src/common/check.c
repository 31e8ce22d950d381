#include "common/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "check failed: %s at %s:%d in %s\n", condition, file, line, function);
    fflush(stderr);
    abort();
}

void fatal(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("fatal: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    fflush(stderr);
    exit(1);
}
