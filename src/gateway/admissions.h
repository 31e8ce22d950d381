/*
 * admissions.h: who may come in, asked of the database for many at once.
 *
 * A first question goes to the pool at once. What comes while it is under way waits for it to
 * return and goes together (store_admission.h), or beside it once a batch is full: so a lone
 * handshake or request waits for nobody, and thousands that come at once make batches larger, not a
 * queue in front of everybody else's queries. Requests and sockets stand in a line each, of which
 * batches take by turns: who opens thousands of sockets holds up nobody's requests. Nothing is
 * remembered between two questions: each is answered by the database as it is then.
 */
#ifndef BANTER_GATEWAY_ADMISSIONS_H
#define BANTER_GATEWAY_ADMISSIONS_H

#include "common/pool.h"
#include "common/store_admission.h"

struct admissions;

/* By what it is known who asks. */
enum admission_by {
    ADMISSION_BY_USER,  /* ask.user_id */
    ADMISSION_BY_TOKEN, /* hash is the token's */
    ADMISSION_BY_TICKET /* hash is the ticket's, and in the answer the token's: it is used up */
};

enum admission_line { ADMISSION_OF_SOCKET, ADMISSION_OF_REQUEST, ADMISSION_LINES };

/* Embedded in the caller's question, whose memory stays the caller's. */
struct admission {
    struct list_node node;      /* the module's own */
    struct store_admission ask; /* but for token_hash, which is the module's own, too */
    enum admission_by by;
    enum admission_line line;
    uint8_t hash[DIGEST_SHA256_SIZE];
    bool wants_epoch; /* of the log */
    uint64_t epoch;   /* the answer */
    /* NULL; or how it asks for itself, and does what follows from the answer, when nobody else asks
     * anything: on the pool's thread. */
    void (*alone)(struct admission *admission, struct db *db);
    /* On the loop, never inside admissions_submit(). ask.err is ERR_OVERLOADED if nobody asked.
     * May free the question and submit others. */
    void (*done)(struct admission *admission);
};

/* At most waiting_max wait in each line, beside those under way. */
struct admissions *admissions_create(struct pool *pool, const size_t waiting_max[ADMISSION_LINES]);
/* The pool must be gone: it has called done for all. Sets *admissions to NULL. */
void admissions_destroy(struct admissions **admissions);

/* How many wait, in both. */
size_t admissions_waiting(const struct admissions *admissions);
/* False when too many wait in its line, or the pool's queue is full: it is not taken. Does not
 * block. */
bool admissions_submit(struct admissions *admissions, struct admission *admission) ATTR_MUSTCHECK;

#endif
