#include "gateway/sessions.h"

#include "common/clock.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/metrics.h"

#include <string.h>

/* The list is walked in so many steps for each check interval, so that look-ups are spread: of ten
 * thousand sessions sixteen are due at a time, and no message waits behind hundreds of them. */
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

/* Looks one session up again. It may be gone, and another in its place, when the answer comes. */
struct recheck {
    struct pool_job job;
    struct sessions *sessions;
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    enum err err;
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
    struct store_session found;

    recheck->err = store_session_find(db, recheck->token_hash, &found);
}

static void look_soon(struct sessions *sessions, struct session *session);

static void on_rechecked(struct pool_job *job)
{
    struct recheck *recheck = CONTAINER_OF(job, struct recheck, job);
    struct session *session = map_find(recheck->sessions->by_hash, recheck->token_hash);

    if (session != NULL) {
        session->rechecking = false;
        if (recheck->err == ERR_NO_ROW)
            end(session);
        else if (session->again)
            look_soon(recheck->sessions, session);
    }
    mem_free(recheck);
}

/* False when the pool takes no more. */
static bool submit_recheck(struct sessions *sessions, struct session *session)
{
    struct recheck *recheck = mem_alloc(sizeof(*recheck));

    recheck->job.run = run_recheck;
    recheck->job.done = on_rechecked;
    recheck->sessions = sessions;
    recheck->err = ERR_DATABASE_UNAVAILABLE;
    memcpy(recheck->token_hash, session->token_hash, sizeof(recheck->token_hash));
    session->rechecking = pool_submit(sessions->db, &recheck->job);
    if (session->rechecking)
        session->again = false;
    else
        mem_free(recheck);
    return session->rechecking;
}

/* It may have ended unheard: the next round would be too late. An answer that is on its way may be
 * older than that, and the pool may be full: then it is asked after the one, or once the other has
 * room. */
static void look_soon(struct sessions *sessions, struct session *session)
{
    session->again = true;
    if (session->rechecking || submit_recheck(sessions, session))
        return;
    list_remove(&session->node);
    list_push_front(&sessions->all, &session->node);
}

/* Those that the pool did not take, which are the first of all. */
static void look_again(struct sessions *sessions)
{
    struct list_node *node;

    while ((node = list_first(&sessions->all)) != NULL) {
        struct session *session = LIST_ITEM(node, struct session, node);

        if (!session->again || session->rechecking || !submit_recheck(sessions, session))
            return;
        list_remove(node);
        list_push_back(&sessions->all, node);
    }
}

/* The one that was looked up longest ago. It stays the first while the pool does not take it. */
static void check_next(struct sessions *sessions)
{
    struct session *session = LIST_ITEM(list_first(&sessions->all), struct session, node);

    if (session->expires_at_us <= clock_wall_us())
        end(session);
    else if (!session->rechecking && !submit_recheck(sessions, session))
        return;
    list_remove(&session->node);
    list_push_back(&sessions->all, &session->node);
}

static void on_timer(void *context)
{
    struct sessions *sessions = context;

    look_again(sessions);
    sessions->due += MAX(map_count(sessions->by_hash), (size_t)CHECK_COUNT_MIN);
    for (; sessions->due >= sessions->steps; sessions->due -= sessions->steps)
        if (!list_empty(&sessions->all))
            check_next(sessions);
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
