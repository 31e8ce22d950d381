/*
 * progress.h: how far long work is, on stderr: a bar when that is a terminal, else a line every few
 * seconds.
 */
#ifndef BANTER_CTL_PROGRESS_H
#define BANTER_CTL_PROGRESS_H

#include "common/base.h"
#include "common/strbuf.h"

struct progress {
    const char *what; /* "reading"; static */
    const char *unit; /* "events"; static */
    uint64_t done;
    uint64_t total;      /* 0: not known */
    uint64_t started_ms; /* these are of clock_mono_ms() */
    uint64_t shown_ms;
    bool terminal;
    bool silent;
};

/* silent shows nothing at all (--quiet, --json). */
void progress_start(struct progress *progress, const char *what, const char *unit, uint64_t total,
                    bool silent);
/* done is the sum so far. Shows it when it is time to; cheap otherwise. */
void progress_update(struct progress *progress, uint64_t done);
/* Wipes the bar away; the result is for the caller to tell. */
void progress_end(struct progress *progress);

/* The line, at a moment, in at most width columns. Pure. */
void progress_format(const struct progress *progress, uint64_t now_ms, size_t width,
                     struct strbuf *out);

#endif
