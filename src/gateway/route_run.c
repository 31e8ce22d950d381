#include "gateway/route_run.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/settings.h"
#include "gateway/admissions.h"

#include <string.h>

/* A request that asks who sent it. */
struct check {
    struct admission admission;
    struct request *request;
    bool complete; /* it was alone: the query is done, too */
};

static bool needs_member(const struct request *request)
{
    return (request->route->flags & ROUTE_MEMBER) == ROUTE_MEMBER;
}

static enum err take_of_user(struct request *request)
{
    enum rate_class kind;

    if (!route_rate(request->route, &kind) || rate_is_of_address(kind))
        return ERR_NONE;
    return request_take(request, kind, request->session.user_id);
}

static void finish(struct request *request)
{
    if (request->err != ERR_NONE) {
        request_reply_error(request, request->err);
        return;
    }
    request->services->database_ok = true;
    if (request->route->finish != NULL)
        request->route->finish(request);
    else
        request_reply(request);
}

static void run_query(struct request *request, struct db *db)
{
    request->err = request->route->query(request, db);
}

/* The session was looked up: err says whether there is one. */
static void on_session(struct request *request, enum err err)
{
    request->err = err == ERR_NO_ROW ? ERR_INVALID_TOKEN : err;
    if (request->err == ERR_NONE)
        request->err = take_of_user(request);
}

static void run_alone(struct admission *admission, struct db *db)
{
    struct check *check = CONTAINER_OF(admission, struct check, admission);
    struct request *request = check->request;
    enum err err;

    if (needs_member(request))
        err = store_session_check_member(db, request->token_hash, request->room_id,
                                         &request->session);
    else
        err = store_session_find(db, request->token_hash, &request->session);
    on_session(request, err);
    if (request->err == ERR_NONE && request->route->query != NULL)
        run_query(request, db);
    check->complete = true;
}

static void on_checked(struct admission *admission)
{
    struct check *check = CONTAINER_OF(admission, struct check, admission);
    struct request *request = check->request;
    bool complete = check->complete;

    if (!complete) {
        request->session = admission->ask.session;
        on_session(request, admission->ask.err);
    }
    mem_wipe(check, sizeof(*check));
    mem_free(check);
    if (complete || request->err != ERR_NONE || request->route->query == NULL)
        finish(request);
    else
        request_run(request, request->services->db, run_query, finish);
}

static bool submit(struct request *request)
{
    struct services *services = request->services;
    struct check *check;

    if (services->admissions == NULL)
        return false;
    check = mem_alloc(sizeof(*check));
    check->request = request;
    check->admission.by = ADMISSION_BY_TOKEN;
    check->admission.line = ADMISSION_OF_REQUEST;
    memcpy(check->admission.hash, request->token_hash, sizeof(check->admission.hash));
    check->admission.ask.wants_room = needs_member(request);
    check->admission.ask.room_id = request->room_id;
    check->admission.alone = run_alone;
    check->admission.done = on_checked;
    if (admissions_submit(services->admissions, &check->admission))
        return true;
    mem_free(check);
    return false;
}

void route_run(struct request *request)
{
    if ((request->route->flags & ROUTE_AUTH) == 0)
        request_run(request, request->services->db, run_query, finish);
    else if (!submit(request))
        request_refuse(request, request->services->db);
}
