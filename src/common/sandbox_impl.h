/*
 * sandbox_impl.h: the part of the sandbox that libseccomp does.
 */
#ifndef BANTER_COMMON_SANDBOX_IMPL_H
#define BANTER_COMMON_SANDBOX_IMPL_H

/* Limits this thread, and those that it makes, to the system calls of the list. Returns 0 or a
 * negative errno. */
int sandbox_filter_calls(void);

#endif
