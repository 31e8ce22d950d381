/*
 * dedupe.h: which commands are under way, and what the last ones were answered. Pure.
 *
 * A worker repeats a command until it is answered, and a client may repeat a send; both carry the
 * same key. A repeat of what is under way joins it as another waiter, a repeat of what was answered
 * lately gets that answer, and neither costs the database anything. This is only a short cut: what
 * makes a repeat harmless for ever is the unique key in the log.
 *
 * A command is known by its room and key; CREATE_ROOM has room 0.
 */
#ifndef BANTER_BROKER_DEDUPE_H
#define BANTER_BROKER_DEDUPE_H

#include "common/base.h"
#include "common/limits.h"

struct dedupe;

/* Who waits for an answer. worker_id 0: nobody. */
struct waiter {
    uint64_t worker_id;
    uint64_t command_id;
};

/* More than this many others that wait for the same command are not remembered: they repeat. */
#define DEDUPE_WAITERS_MAX 64

/* A command that is under way; embedded in the caller's, who owns its memory. Starts zeroed, with
 * room_id, key and first set. */
struct dedupe_pending {
    uint64_t room_id;
    uint8_t key[DEDUPE_KEY_BYTES];
    struct waiter first;
    struct waiter *more; /* owned; these are answered as duplicates */
    unsigned more_count;
};

void dedupe_pending_fini(struct dedupe_pending *pending);

/* What a command that succeeded was answered. */
struct dedupe_answer {
    uint64_t room_id;
    uint64_t seq;
    uint64_t created_at_us;
    bool duplicate;
    const char *text; /* borrowed; NULL for none */
};

enum dedupe_verdict {
    DEDUPE_NEW,      /* never heard of it: begin it */
    DEDUPE_ATTACHED, /* it is under way, and the waiter is now among those who wait */
    DEDUPE_ANSWERED, /* *answer_out is the answer; its text is valid until the next call */
};

/* window: how many answers are remembered. */
struct dedupe *dedupe_create(size_t window);
/* Nothing may be under way any more, or the caller frees it itself; sets *dedupe to NULL. */
void dedupe_destroy(struct dedupe **dedupe);

enum dedupe_verdict dedupe_check(struct dedupe *dedupe, uint64_t room_id,
                                 const uint8_t key[DEDUPE_KEY_BYTES], struct waiter waiter,
                                 struct dedupe_answer *answer_out) ATTR_MUSTCHECK;
/* The command is under way; it must have been DEDUPE_NEW. */
void dedupe_begin(struct dedupe *dedupe, struct dedupe_pending *pending);
/* It is no longer. answer: what to tell repeats; NULL after an error, which a repeat tries anew. */
void dedupe_end(struct dedupe *dedupe, struct dedupe_pending *pending,
                const struct dedupe_answer *answer);

/* Commands under way. */
size_t dedupe_pending_count(const struct dedupe *dedupe);

#endif
