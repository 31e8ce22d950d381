/*
 * scrypt_alone: how many passwords so many threads can check, by the same function as a login, and
 * nothing else.
 *
 *   scrypt_alone LOG2N THREADS SECONDS       prints one JSON object
 */
#include "common/check.h"
#include "common/clock.h"
#include "common/password.h"
#include "common/store_users.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 64
#define PASSWORD    "correct horse battery"

static struct {
    char hash[PASSWORD_HASH_SIZE];
    unsigned log2n;
    atomic_bool stop;
} bench;

struct thread {
    pthread_t handle;
    uint64_t checked;
};

static void *check(void *context)
{
    struct thread *thread = context;

    while (!atomic_load(&bench.stop)) {
        CHECK(password_check(PASSWORD, bench.hash, bench.log2n));
        thread->checked++;
    }
    return NULL;
}

static double measure(unsigned count, double seconds)
{
    struct thread threads[THREADS_MAX] = {0};
    uint64_t began_us = clock_mono_us();
    uint64_t checked = 0;

    for (unsigned i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i].handle, NULL, check, &threads[i]) == 0);
    usleep((useconds_t)(seconds * 1e6));
    atomic_store(&bench.stop, true);
    for (unsigned i = 0; i < count; i++) {
        CHECK(pthread_join(threads[i].handle, NULL) == 0);
        checked += threads[i].checked;
    }
    return (double)checked * 1e6 / (double)(clock_mono_us() - began_us);
}

int main(int argc, char **argv)
{
    unsigned threads = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;

    if (threads == 0 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: scrypt_alone LOG2N THREADS SECONDS\n");
        return 2;
    }
    bench.log2n = (unsigned)strtoul(argv[1], NULL, 10);
    CHECK(password_hash(PASSWORD, bench.log2n, bench.hash));
    printf("{\"per_s\":%.2f}\n", measure(threads, strtod(argv[3], NULL)));
    return 0;
}
