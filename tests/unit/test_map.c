// needs: common/mem common/check
/* map: against a plain array as the model, through growth, shrinking and many collisions. */
#include "common/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS  500
#define STEPS 200000

static int values[KEYS];

static void test_empty(void **unused)
{
    struct map *map = map_create(1);
    size_t cursor = 0;

    (void)unused;
    assert_int_equal(map_count(map), 0);
    assert_null(map_find(map, "a"));
    assert_null(map_remove(map, "a"));
    assert_null(map_iter(map, &cursor));
    map_destroy(&map);
    assert_null(map);
    map_destroy(&map);
}

static void test_put_replaces(void **unused)
{
    struct map *map = map_create(3);

    (void)unused;
    assert_null(map_put(map, "key", &values[0]));
    assert_ptr_equal(map_put(map, "key", &values[1]), &values[0]);
    assert_int_equal(map_count(map), 1);
    assert_ptr_equal(map_find(map, "key"), &values[1]);
    assert_ptr_equal(map_remove(map, "key"), &values[1]);
    assert_null(map_find(map, "key"));
    map_destroy(&map);
}

static void test_keys_are_bytes(void **unused)
{
    struct map *map = map_create(2);
    char key[3] = "ab";

    (void)unused;
    map_put(map, "\0\0", &values[0]);
    map_put(map, "\0\1", &values[1]);
    map_put(map, key, &values[2]);
    key[0] = 'x'; /* the map has its own copy */
    assert_ptr_equal(map_find(map, "\0\0"), &values[0]);
    assert_ptr_equal(map_find(map, "\0\1"), &values[1]);
    assert_ptr_equal(map_find(map, "ab"), &values[2]);
    assert_null(map_find(map, "xb"));
    map_destroy(&map);
}

struct thing {
    int other;
    uint8_t key[5];
};

/* The same, with nothing but pointers in the map. */
static void test_keys_inside(void **unused)
{
    struct map *map = MAP_CREATE_INSIDE(struct thing, key);
    static struct thing things[KEYS];
    struct thing twin;

    (void)unused;
    for (size_t i = 0; i < KEYS; i++) {
        snprintf((char *)things[i].key, sizeof(things[i].key), "%04zu", i);
        assert_null(map_put(map, things[i].key, &things[i]));
    }
    twin = things[7];
    assert_ptr_equal(map_put(map, twin.key, &twin), &things[7]);
    for (size_t i = 0; i < KEYS; i += 2)
        assert_ptr_equal(map_remove(map, things[i].key), &things[i]);
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(map_find(map, things[i].key), i % 2 == 0 ? NULL
                                                       : i == 7   ? &twin
                                                                  : &things[i]);
    assert_int_equal(map_count(map), KEYS / 2);
    map_destroy(&map);
}

static void expect_same(const struct map *map, void *const model[KEYS])
{
    size_t cursor = 0;
    size_t count = 0;
    bool seen[KEYS] = {false};
    int *value;

    while ((value = map_iter(map, &cursor)) != NULL) {
        size_t index = (size_t)(value - values);

        assert_false(seen[index]);
        seen[index] = true;
        count++;
        assert_ptr_equal(model[index], value);
    }
    assert_int_equal(count, map_count(map));
    for (size_t i = 0; i < KEYS; i++)
        assert_ptr_equal(map_find_u64(map, i), model[i]);
}

static void test_against_a_model(void **unused)
{
    struct map *map = map_create_u64();
    void *model[KEYS] = {NULL};
    unsigned seed = 1;

    (void)unused;
    for (size_t step = 0; step < STEPS; step++) {
        size_t key = (size_t)rand_r(&seed) % KEYS;
        /* Long spells of mostly growing, then of mostly shrinking. */
        bool put = rand_r(&seed) % 100 < (step / 5000 % 2 == 0 ? 70 : 30);

        if (put) {
            assert_ptr_equal(map_put_u64(map, key, &values[key]), model[key]);
            model[key] = &values[key];
        } else {
            assert_ptr_equal(map_remove_u64(map, key), model[key]);
            model[key] = NULL;
        }
        if (step % 1000 == 0)
            expect_same(map, model);
    }
    for (size_t key = 0; key < KEYS; key++)
        assert_ptr_equal(map_remove_u64(map, key), model[key]);
    assert_int_equal(map_count(map), 0);
    map_destroy(&map);
}

static void test_hash(void **unused)
{
    uint8_t bytes[64];
    uint64_t seen[sizeof(bytes)];

    (void)unused;
    memset(bytes, 0, sizeof(bytes));
    for (size_t len = 0; len < sizeof(bytes); len++) {
        seen[len] = map_hash(bytes, len);
        assert_int_equal(seen[len], map_hash(bytes, len));
        for (size_t other = 0; other < len; other++)
            assert_int_not_equal(seen[len], seen[other]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),           cmocka_unit_test(test_put_replaces),
        cmocka_unit_test(test_keys_are_bytes),  cmocka_unit_test(test_keys_inside),
        cmocka_unit_test(test_against_a_model), cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
