// needs: common/check
/* list: order, unlinking while walking, and splicing. */
#include "common/list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ITEMS 5

struct item {
    int number;
    struct list_node node;
};

struct fixture {
    struct list list;
    struct item items[ITEMS];
};

static void set_up(struct fixture *fixture)
{
    list_init(&fixture->list);
    for (int i = 0; i < ITEMS; i++) {
        fixture->items[i].number = i;
        list_node_init(&fixture->items[i].node);
    }
}

/* The numbers in order, as one decimal: 0, 1, 2 are 12; a leading 9 keeps the zeros. */
static int digits(const struct list *list)
{
    int sum = 9;

    LIST_FOREACH (node, list)
        sum = sum * 10 + LIST_ITEM(node, struct item, node)->number;
    return sum;
}

static void test_empty(void **unused)
{
    struct fixture fixture;

    (void)unused;
    set_up(&fixture);
    assert_true(list_empty(&fixture.list));
    assert_null(list_first(&fixture.list));
    assert_null(list_last(&fixture.list));
    assert_null(list_pop_front(&fixture.list));
    assert_false(list_node_linked(&fixture.items[0].node));
    list_remove(&fixture.items[0].node);
    assert_int_equal(digits(&fixture.list), 9);
}

static void test_order(void **unused)
{
    struct fixture fixture;

    (void)unused;
    set_up(&fixture);
    list_push_back(&fixture.list, &fixture.items[1].node);
    list_push_back(&fixture.list, &fixture.items[2].node);
    list_push_front(&fixture.list, &fixture.items[0].node);
    assert_int_equal(digits(&fixture.list), 9012);
    assert_ptr_equal(list_first(&fixture.list), &fixture.items[0].node);
    assert_ptr_equal(list_last(&fixture.list), &fixture.items[2].node);
    assert_ptr_equal(list_pop_front(&fixture.list), &fixture.items[0].node);
    assert_false(list_node_linked(&fixture.items[0].node));
    assert_int_equal(digits(&fixture.list), 912);
}

static void test_remove(void **unused)
{
    struct fixture fixture;

    (void)unused;
    set_up(&fixture);
    for (int i = 0; i < ITEMS; i++)
        list_push_back(&fixture.list, &fixture.items[i].node);
    list_remove(&fixture.items[2].node);
    assert_int_equal(digits(&fixture.list), 90134);
    list_remove(&fixture.items[0].node);
    list_remove(&fixture.items[4].node);
    assert_int_equal(digits(&fixture.list), 913);
    list_push_back(&fixture.list, &fixture.items[0].node);
    assert_int_equal(digits(&fixture.list), 9130);
}

static void test_remove_while_walking(void **unused)
{
    struct fixture fixture;

    (void)unused;
    set_up(&fixture);
    for (int i = 0; i < ITEMS; i++)
        list_push_back(&fixture.list, &fixture.items[i].node);
    LIST_FOREACH_SAFE (node, &fixture.list)
        if (LIST_ITEM(node, struct item, node)->number % 2 == 0)
            list_remove(node);
    assert_int_equal(digits(&fixture.list), 913);
    LIST_FOREACH_SAFE (node, &fixture.list)
        list_remove(node);
    assert_true(list_empty(&fixture.list));
}

static void test_splice(void **unused)
{
    struct fixture fixture;
    struct list other;

    (void)unused;
    set_up(&fixture);
    list_init(&other);
    list_splice_back(&fixture.list, &other);
    assert_true(list_empty(&fixture.list));
    list_push_back(&other, &fixture.items[0].node);
    list_push_back(&other, &fixture.items[1].node);
    list_splice_back(&fixture.list, &other);
    assert_true(list_empty(&other));
    assert_int_equal(digits(&fixture.list), 901);
    list_push_back(&other, &fixture.items[2].node);
    list_splice_back(&fixture.list, &other);
    list_splice_back(&fixture.list, &other);
    assert_int_equal(digits(&fixture.list), 9012);
    assert_ptr_equal(list_last(&fixture.list), &fixture.items[2].node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),  cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove), cmocka_unit_test(test_remove_while_walking),
        cmocka_unit_test(test_splice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
