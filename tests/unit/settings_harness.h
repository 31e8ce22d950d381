/*
 * settings_harness.h: for tests: settings loaded from the environment and flags, with what that
 * wrote.
 */
#ifndef BANTER_TESTS_SETTINGS_HARNESS_H
#define BANTER_TESTS_SETTINGS_HARNESS_H

#include "common/settings.h"

#define ARGS_MAX 8 /* flags that load() takes */

struct outcome {
    enum settings_result result;
    struct settings settings;
    char err[2048]; /* what it wrote to stderr */
    char out[16384];
};

/* Loads with the environment that the test has set. The caller gives the settings back. */
void load(struct outcome *outcome, enum settings_program program, const char *const *flags);
/* Removes every BANTER_ variable; for setup and teardown. */
int clear(void **unused);

#endif
