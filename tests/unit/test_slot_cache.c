// needs: common/map common/mem common/check common/digest
#include "gateway/slot_cache.h"

#include "common/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t key_of(uint64_t number)
{
    return slot_cache_key(&number, sizeof(number));
}

static void test_keeps_numbers(void **state ATTR_UNUSED)
{
    struct slot_cache *cache = slot_cache_create(4096);

    for (uint64_t i = 1; i <= 500; i++) {
        assert_null(slot_cache_find(cache, key_of(i)));
        assert_int_equal(*slot_cache_at(cache, key_of(i)), 0);
        *slot_cache_at(cache, key_of(i)) = i;
    }
    for (uint64_t i = 1; i <= 500; i++)
        assert_int_equal(*slot_cache_find(cache, key_of(i)), i);
    slot_cache_destroy(&cache);
    assert_null(cache);
    slot_cache_destroy(&cache);
}

/* Whoever has a number that lies further ahead than those of strangers keeps his place. */
static void test_strangers_push_out_the_least(void **state ATTR_UNUSED)
{
    struct slot_cache *cache = slot_cache_create(64);
    size_t kept = 0;

    for (uint64_t i = 1; i <= 8; i++)
        *slot_cache_at(cache, key_of(i)) = 1000000 + i;
    for (uint64_t i = 100; i < 100100; i++)
        *slot_cache_at(cache, key_of(i)) = i;
    for (uint64_t i = 1; i <= 8; i++)
        if (slot_cache_find(cache, key_of(i)) != NULL)
            kept++;
    assert_int_equal(kept, 8);
    /* A stranger's own place is new again when he comes back. */
    assert_null(slot_cache_find(cache, key_of(100)));
    assert_int_equal(*slot_cache_at(cache, key_of(100)), 0);
    slot_cache_destroy(&cache);
}

static void test_is_shared_by_forked_processes(void **state ATTR_UNUSED)
{
    struct slot_cache *cache = slot_cache_create(1024);
    int status;

    for (int child = 0; child < 4; child++) {
        pid_t pid = fork();

        if (pid == 0) {
            for (int round = 0; round < 10000; round++)
                for (uint64_t i = 1; i <= 10; i++)
                    atomic_fetch_add(slot_cache_at(cache, key_of(i)), 1);
            _exit(0);
        }
        assert_true(pid > 0);
    }
    for (int child = 0; child < 4; child++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (uint64_t i = 1; i <= 10; i++) {
        /* Two that make the same key at once may make it twice; one of the places is used then. */
        uint64_t value = *slot_cache_find(cache, key_of(i));

        assert_true(value > 0 && value <= 40000);
    }
    slot_cache_destroy(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_numbers),
        cmocka_unit_test(test_strangers_push_out_the_least),
        cmocka_unit_test(test_is_shared_by_forked_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
