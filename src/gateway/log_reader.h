/*
 * log_reader.h: pages of a room's log, read on the pool and made into frames there.
 */
#ifndef BANTER_GATEWAY_LOG_READER_H
#define BANTER_GATEWAY_LOG_READER_H

#include "common/pool.h"
#include "gateway/frame.h"

struct log_read {
    struct pool_job job;
    uint64_t room_id;
    uint64_t after;
    uint64_t limit;
    /* The result, for done: */
    enum err err;
    struct frame **frames; /* count of them; the references are the reader's */
    size_t count;
};

/* Fills the job; done is the caller's. Submit read->job to a database pool. */
void log_read_init(struct log_read *read, uint64_t room_id, uint64_t after, uint64_t limit,
                   void (*done)(struct pool_job *job));
/* Gives the frames back. */
void log_read_fini(struct log_read *read);

#endif
