/*
 * mem.h: allocation that succeeds or does not return.
 *
 * Running out of memory aborts the process: a worker that dies costs its own connections only, and
 * its clients resume elsewhere. Therefore anything whose size a peer chooses is bounded before it
 * is allocated (limits.h). The caller owns what these return and gives it back with mem_free().
 */
#ifndef BANTER_COMMON_MEM_H
#define BANTER_COMMON_MEM_H

#include "common/base.h"

/* Zeroed memory; size 0 gives a valid pointer. */
void *mem_alloc(size_t size);
/* Zeroed array; aborts when count * size overflows. */
void *mem_alloc_array(size_t count, size_t size);
/* Grows or shrinks; new bytes are not zeroed. ptr may be NULL. */
void *mem_realloc(void *ptr, size_t size);
/* A copy of len bytes. */
void *mem_dup(const void *data, size_t len);
/* A copy of a string; NULL gives NULL. */
char *mem_strdup(const char *text);
/* A copy of the first len bytes of text, NUL-terminated. */
char *mem_strndup(const char *text, size_t len);
/* printf into fresh memory. */
char *mem_printf(const char *format, ...) ATTR_PRINTF(1, 2);
/* NULL is allowed. */
void mem_free(void *ptr);
/* The same, and all of it is wiped first, as mem_wipe() does. */
void mem_free_wiped(void *ptr);
/* Gives back to the system what was freed and is kept for later; takes a while. */
void mem_give_back(void);
/* Overwrites a secret in a way that the compiler keeps. */
void mem_wipe(void *ptr, size_t len);

/*
 * Asks the processor for what is about to be read, so that nobody waits for it then: at least
 * MEM_PREFETCHED bytes of anything that is aligned as a pointer. Any address will do, NULL too.
 */
#define MEM_LINE       64
#define MEM_PREFETCHED (2 * MEM_LINE - (MEM_LINE - sizeof(void *)))

static inline void mem_prefetch(const void *at)
{
    __builtin_prefetch(at);
    __builtin_prefetch((const void *)((uintptr_t)at + MEM_LINE));
}

#endif
