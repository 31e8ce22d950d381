#include "gateway/sessions.h"

#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/store_admission.h"

#include <string.h>

/* The list is walked in so many steps for each check interval, so that look-ups are spread: of ten
 * thousand sessions sixteen are due at a time, which is one statement, and no message waits behind
 * hundreds of them. */
#define CHECK_STEPS 640
/* Of few sessions each is looked up so often as if there were as many as this. */
#define CHECK_COUNT_MIN 16

struct sessions {
    struct pool *db;
    struct map *by_hash;
    struct list all; /* the one that was checked longest ago first */
    struct loop_timer *timer;
    uint64_t revoked; /* how many revocations were heard */
    uint64_t steps;   /* of a check interval */
    uint64_t due;     /* look-ups times steps */
};

/* Looks sessions up again, with one statement. Each may be gone, and another in its place, when the
 * answer comes. */
struct recheck {
    struct pool_job job;
    struct sessions *sessions;
    size_t count;
    struct question {
        struct store_admission asked;
        uint8_t token_hash[DIGEST_SHA256_SIZE];
    } questions[];
};

static void end(struct session *session)
{
    metrics_add(METRIC_SESSIONS_REVOKED, 1);
    session->ended = true;
    /* on_ended closes a socket, which leaves the session at the end of the turn. */
    LIST_FOREACH_SAFE (node, &session->members) {
        struct session_member *member = LIST_ITEM(node, struct session_member, node);

        member->on_ended(member);
    }
}

static void run_recheck(struct pool_job *job, struct db *db)
{
    struct recheck *recheck = CONTAINER_OF(job, struct recheck, job);
    struct store_admission *asked[STORE_ADMISSIONS_MAX];

    for (size_t i = 0; i < recheck->count; i++)
        asked[i] = &recheck->questions[i].asked;
    store_admit(db, asked, recheck->count);
}

static void look_soon(struct sessions *sessions, struct session *session);

static void on_answer(struct sessions *sessions, const struct question *question)
{
    struct session *session = map_find(sessions->by_hash, question->token_hash);

    if (session == NULL)
        return;
    session->rechecking = false;
    if (question->asked.err == ERR_NO_ROW)
        end(session);
    else if (session->again)
        look_soon(sessions, session);
}

static void on_rechecked(struct pool_job *job)
{
    struct recheck *recheck = CONTAINER_OF(job, struct recheck, job);

    for (size_t i = 0; i < recheck->count; i++)
        on_answer(recheck->sessions, &recheck->questions[i]);
    mem_free(recheck);
}

static struct recheck *make_recheck(struct sessions *sessions, struct session *const *asked,
                                    size_t count)
{
    struct recheck *recheck = mem_alloc(sizeof(*recheck) + count * sizeof(struct question));

    recheck->job.run = run_recheck;
    recheck->job.done = on_rechecked;
    recheck->sessions = sessions;
    recheck->count = count;
    for (size_t i = 0; i < count; i++) {
        struct question *question = &recheck->questions[i];

        memcpy(question->token_hash, asked[i]->token_hash, sizeof(question->token_hash));
        question->asked.token_hash = question->token_hash;
        question->asked.err = ERR_DATABASE_UNAVAILABLE;
    }
    return recheck;
}

/* Up to STORE_ADMISSIONS_MAX, which then are behind all others. False when the pool takes no more:
 * they stay where they are. */
static bool look_up(struct sessions *sessions, struct session *const *asked, size_t count)
{
    struct recheck *recheck;

    if (count == 0)
        return true;
    recheck = make_recheck(sessions, asked, count);
    if (!pool_submit(sessions->db, &recheck->job)) {
        mem_free(recheck);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        asked[i]->rechecking = true;
        asked[i]->again = false;
        list_remove(&asked[i]->node);
        list_push_back(&sessions->all, &asked[i]->node);
    }
    return true;
}

/* It may have ended unheard: the next round would be too late. An answer that is on its way may be
 * older than that, and the pool may be full: then it is asked after the one, or once the other has
 * room. */
static void look_soon(struct sessions *sessions, struct session *session)
{
    session->again = true;
    if (session->rechecking || look_up(sessions, &session, 1))
        return;
    list_remove(&session->node);
    list_push_front(&sessions->all, &session->node);
}

/* Those that the pool did not take, which are the first of all. */
static void look_again(struct sessions *sessions)
{
    struct session *asked[STORE_ADMISSIONS_MAX] = {NULL};
    size_t count;

    do {
        count = 0;
        LIST_FOREACH (node, &sessions->all) {
            struct session *session = LIST_ITEM(node, struct session, node);

            if (count == ARRAY_LEN(asked) || !session->again || session->rechecking)
                break;
            asked[count++] = session;
        }
    } while (look_up(sessions, asked, count) && count == ARRAY_LEN(asked));
}

/* Whether it is to be asked for; if not it has had its turn. */
static bool wants_look(struct sessions *sessions, struct session *session)
{
    bool expired = session->expires_at_us <= clock_wall_us();

    if (!expired && !session->rechecking)
        return true;
    list_remove(&session->node);
    list_push_back(&sessions->all, &session->node);
    if (expired)
        end(session);
    return false;
}

/* So many of those that were looked up longest ago. They stay the first while the pool does not
 * take them. */
static void check_next(struct sessions *sessions, size_t max)
{
    struct session *asked[STORE_ADMISSIONS_MAX] = {NULL};
    size_t count = 0;
    size_t seen = 0;

    LIST_FOREACH_SAFE (node, &sessions->all) {
        struct session *session = LIST_ITEM(node, struct session, node);

        if (seen++ == max)
            break;
        if (wants_look(sessions, session))
            asked[count++] = session;
    }
    look_up(sessions, asked, count);
}

static void on_timer(void *context)
{
    struct sessions *sessions = context;
    uint64_t due;

    look_again(sessions);
    sessions->due += MAX(map_count(sessions->by_hash), (size_t)CHECK_COUNT_MIN);
    for (due = sessions->due / sessions->steps; due > 0; due -= MIN(due, STORE_ADMISSIONS_MAX))
        check_next(sessions, MIN(due, STORE_ADMISSIONS_MAX));
    sessions->due %= sessions->steps;
}

struct sessions *sessions_create(struct loop *loop, struct pool *db, uint64_t check_ms)
{
    struct sessions *sessions = mem_alloc(sizeof(*sessions));
    uint64_t tick_ms = MAX(check_ms / CHECK_STEPS, (uint64_t)1);

    sessions->steps = MAX(check_ms / tick_ms, (uint64_t)1);
    sessions->db = db;
    sessions->by_hash = MAP_CREATE_INSIDE(struct session, token_hash);
    list_init(&sessions->all);
    sessions->timer = loop_timer_create(loop, on_timer, sessions);
    loop_timer_start_periodic(sessions->timer, tick_ms);
    return sessions;
}

void sessions_destroy(struct sessions **sessions)
{
    if (*sessions == NULL)
        return;
    loop_timer_destroy(&(*sessions)->timer);
    map_destroy(&(*sessions)->by_hash);
    mem_free(*sessions);
    *sessions = NULL;
}

static struct session *ensure(struct sessions *sessions, const uint8_t *token_hash,
                              const struct store_session *found, uint64_t revoked_before)
{
    struct session *session = map_find(sessions->by_hash, token_hash);
    size_t name_size = strlen(found->username) + 1;

    if (session != NULL && session->ended)
        look_soon(sessions, session);
    if (session != NULL)
        return session;
    session = mem_alloc(sizeof(*session) + name_size);
    session->user_id = found->user_id;
    session->expires_at_us = found->expires_at_us;
    memcpy(session->token_hash, token_hash, sizeof(session->token_hash));
    memcpy(session->username, found->username, name_size);
    list_init(&session->members);
    list_push_back(&sessions->all, &session->node);
    map_put(sessions->by_hash, session->token_hash, session);
    metrics_set(METRIC_SESSIONS_HELD, map_count(sessions->by_hash));
    if (revoked_before != sessions->revoked)
        look_soon(sessions, session);
    return session;
}

uint64_t sessions_revoked(const struct sessions *sessions)
{
    return sessions->revoked;
}

void sessions_attach(struct sessions *sessions, struct session_member *member,
                     const uint8_t token_hash[DIGEST_SHA256_SIZE],
                     const struct store_session *found, uint64_t revoked_before)
{
    member->session = ensure(sessions, token_hash, found, revoked_before);
    list_push_back(&member->session->members, &member->node);
}

void sessions_detach(struct sessions *sessions, struct session_member *member)
{
    struct session *session = member->session;

    if (session == NULL)
        return;
    list_remove(&member->node);
    member->session = NULL;
    if (!list_empty(&session->members))
        return;
    map_remove(sessions->by_hash, session->token_hash);
    metrics_set(METRIC_SESSIONS_HELD, map_count(sessions->by_hash));
    list_remove(&session->node);
    mem_free(session);
}

void sessions_on_revoke(struct sessions *sessions, const struct bus_revoke *revoke)
{
    struct session *session;

    sessions->revoked++;
    for (size_t at = 0; at < revoke->token_hashes.len; at += DIGEST_SHA256_SIZE) {
        session = map_find(sessions->by_hash, revoke->token_hashes.data + at);
        if (session != NULL)
            end(session);
    }
    if (revoke->token_hashes.len > 0)
        return;
    LIST_FOREACH_SAFE (node, &sessions->all) {
        session = LIST_ITEM(node, struct session, node);
        if (session->user_id == revoke->user_id)
            end(session);
    }
}
