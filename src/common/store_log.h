/*
 * store_log.h: reading rooms' logs. Blocks; for pool threads and the broker's writers.
 */
#ifndef BANTER_COMMON_STORE_LOG_H
#define BANTER_COMMON_STORE_LOG_H

#include "common/db.h"
#include "common/event_json.h"

/* What the walkers below call for each row; the spans are valid during the call, which must not use
 * the connection. */
typedef void store_event_fn(void *context, const struct log_event *event);

/* Events after a seq, in order, at most limit; all kinds; with the actors' names. */
enum err store_log_after(struct db *db, uint64_t room_id, uint64_t after_seq, uint64_t limit,
                         store_event_fn *fn, void *context) ATTR_MUSTCHECK;

/* Messages only (EVENT_MESSAGE). Forward: the oldest limit above after, the oldest first. Else: the
 * newest limit below before (0: no bound), the newest first. */
struct store_page {
    bool forward;
    uint64_t before;
    uint64_t after;
    uint64_t limit;
};
enum err store_log_messages(struct db *db, uint64_t room_id, const struct store_page *page,
                            store_event_fn *fn, void *context) ATTR_MUSTCHECK;

/* The last seq of a room's log, 0 if it is empty; also for a room that does not exist. */
enum err store_log_head(struct db *db, uint64_t room_id, uint64_t *head_out) ATTR_MUSTCHECK;
/* The row with this dedupe key, or ERR_NO_ROW. */
enum err store_log_find_key(struct db *db, uint64_t room_id, const uint8_t key[DEDUPE_KEY_BYTES],
                            uint64_t *seq_out, uint64_t *created_at_us_out) ATTR_MUSTCHECK;
/* What a room's log holds; reads all of its keys. A log without holes begins at 1 and has count ==
 * last_seq; the first two are 0 when it is empty. */
struct store_audit {
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t count;
    uint64_t epoch;
};
enum err store_log_audit(struct db *db, uint64_t room_id,
                         struct store_audit *audit_out) ATTR_MUSTCHECK;
/* The log's epoch (meta.epoch). */
enum err store_log_epoch(struct db *db, uint64_t *epoch_out) ATTR_MUSTCHECK;
/* Gives the log a new epoch, random, and never 0. Brokers read it when they start. */
enum err store_log_renew_epoch(struct db *db, uint64_t *epoch_out) ATTR_MUSTCHECK;

#endif
