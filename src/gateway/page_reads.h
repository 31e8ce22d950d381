/*
 * page_reads.h: reading the logs of rooms for subscribers that are behind what their rooms' rings
 * hold: one page at a time, and one page for all who wait for it.
 *
 * At most PAGE_READS_MAX are read at a time, so that other queries need not stand behind a crowd
 * that catches up; beyond them users have their turns one after the other, however many rooms each
 * of them reads.
 *
 * A page that could not be read is tried again, after a while and for ever: the database is away,
 * and who waits is told so by nobody else. While reads fail, one waiter tries for all.
 */
#ifndef BANTER_GATEWAY_PAGE_READS_H
#define BANTER_GATEWAY_PAGE_READS_H

#include "common/list.h"
#include "common/loop.h"
#include "common/pool.h"
#include "gateway/log_reader.h"

/* The room's end; embedded in it. */
struct page_source {
    uint64_t room_id;
    struct list reads; /* under way */
};

/* A waiter is a list node of its owner's: linked while it waits, and list_remove() ends that. */
struct page_reads_ops {
    /* A page was read: before the waiters have it, once. Not for a source that was dropped. */
    void (*page)(void *context, struct page_source *source, const struct log_read *read);
    /* What a waiter waited for; without an error. */
    void (*serve)(void *context, struct list_node *waiter, const struct log_read *read);
    /* It waits no more and has nothing: it should ask again. */
    void (*again)(void *context, struct list_node *waiter);
};

struct page_reads;

struct page_reads *page_reads_create(struct loop *loop, struct pool *db, uint64_t page_events,
                                     const struct page_reads_ops *ops, void *context);
/* No read may be under way: the pool is gone. */
void page_reads_destroy(struct page_reads **reads);

void page_source_init(struct page_source *source, uint64_t room_id);
/* The room goes away; nobody waits any more. */
void page_source_drop(struct page_source *source);

/* The waiter, which is the user's, wants what follows the event `after`. */
void page_reads_want(struct page_reads *reads, struct page_source *source, uint64_t after,
                     uint64_t user_id, struct list_node *waiter);
/* The page lacks what the waiter wants, and it should ask again later. */
void page_reads_later(struct page_reads *reads, struct list_node *waiter);

#endif
