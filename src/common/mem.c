#define _GNU_SOURCE
#include "common/mem.h"

#include "common/check.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must_have(void *ptr)
{
    CHECK(ptr != NULL); /* out of memory */
    return ptr;
}

void *mem_alloc(size_t size)
{
    return must_have(calloc(1, size > 0 ? size : 1));
}

void *mem_alloc_array(size_t count, size_t size)
{
    return must_have(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *mem_realloc(void *ptr, size_t size)
{
    return must_have(realloc(ptr, size > 0 ? size : 1));
}

void *mem_dup(const void *data, size_t len)
{
    void *copy = mem_alloc(len);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

char *mem_strdup(const char *text)
{
    return text != NULL ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const char *text, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    CHECK(len >= 0);
    return text;
}

void mem_free(void *ptr)
{
    free(ptr);
}

void mem_free_wiped(void *ptr)
{
    if (ptr != NULL)
        mem_wipe(ptr, malloc_usable_size(ptr));
    free(ptr);
}

void mem_give_back(void)
{
    malloc_trim(0);
}

void mem_wipe(void *ptr, size_t len)
{
    explicit_bzero(ptr, len);
}
