/*
 * answers.h: reads what a worker has answered to HTTP requests, strictly, and checks all that must
 * hold for each: its form, its status, its body.
 */
#ifndef BANTER_TESTS_FUZZ_ANSWERS_H
#define BANTER_TESTS_FUZZ_ANSWERS_H

#include "common/strbuf.h"

struct json_t;

struct answer {
    unsigned status;
    struct span head; /* with its empty line */
    struct span body;
    bool stream;         /* what follows is no HTTP: a WebSocket, or server-sent events */
    struct json_t *json; /* of application/json that has a body; else NULL */
};

/*
 * Takes the next answer off *rest; false when there is none. heads: there were HEAD requests, whose
 * answers have a length and no body. calm: nothing went wrong below, so there is no 500.
 * answer_fini() is due.
 */
bool answer_next(struct span *rest, bool heads, bool calm, struct answer *answer);
void answer_fini(struct answer *answer);
/* The value of a header field up to its line's end; data NULL if there is none. */
struct span answer_header(const struct answer *answer, const char *name);

/* Takes out what differs between two equal stories: the date and the numbers of requests. */
void answers_make_comparable(struct strbuf *bytes);

#endif
