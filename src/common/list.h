/*
 * list.h: an intrusive, circular, doubly linked list.
 *
 * The list owns nothing. A node is on at most one list at a time; a node that is on none is
 * "unlinked" and must have been initialised with list_node_init().
 */
#ifndef BANTER_COMMON_LIST_H
#define BANTER_COMMON_LIST_H

#include "common/base.h"
#include "common/check.h"

struct list_node {
    struct list_node *prev;
    struct list_node *next;
};

struct list {
    struct list_node head;
};

static inline void list_init(struct list *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline void list_node_init(struct list_node *node)
{
    node->prev = node->next = NULL;
}

static inline bool list_node_linked(const struct list_node *node)
{
    return node->next != NULL;
}

static inline bool list_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline void list_insert_before_(struct list_node *at, struct list_node *node)
{
    CHECK(!list_node_linked(node));
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
    list_insert_before_(&list->head, node);
}

static inline void list_push_front(struct list *list, struct list_node *node)
{
    list_insert_before_(list->head.next, node);
}

/* Unlinks the node; does nothing when it is on no list. */
static inline void list_remove(struct list_node *node)
{
    if (!list_node_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_node_init(node);
}

/* The first node, or NULL. */
static inline struct list_node *list_first(const struct list *list)
{
    return list_empty(list) ? NULL : list->head.next;
}

/* The last node, or NULL. */
static inline struct list_node *list_last(const struct list *list)
{
    return list_empty(list) ? NULL : list->head.prev;
}

/* Unlinks and returns the first node, or NULL. */
static inline struct list_node *list_pop_front(struct list *list)
{
    struct list_node *node = list_first(list);

    if (node != NULL)
        list_remove(node);
    return node;
}

/* Moves every node of from to the end of to. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    struct list_node *first = from->head.next;
    struct list_node *last = from->head.prev;

    if (list_empty(from))
        return;
    first->prev = to->head.prev;
    to->head.prev->next = first;
    last->next = &to->head;
    to->head.prev = last;
    list_init(from);
}

#define LIST_ITEM(node, type, member) CONTAINER_OF(node, type, member)

/* Walks the list; the body must not unlink any node. */
#define LIST_FOREACH(node, list)                                                                   \
    for (struct list_node *node = (list)->head.next; node != &(list)->head; node = node->next)

/* Walks the list; the body may unlink (and free) the current node, and no other. */
#define LIST_FOREACH_SAFE(node, list)                                                              \
    for (struct list_node *node = (list)->head.next, *node##_next = node->next;                    \
         node != &(list)->head; node = node##_next, node##_next = node->next)

#endif
