/*
 * Another password: the current one is checked as at a login, and every other session ends.
 */
#include "common/account_rules.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/password.h"
#include "common/settings.h"
#include "gateway/farewell.h"
#include "gateway/limiter.h"
#include "gateway/routes.h"

#include <string.h>

/* A change that the account changes under so often is put off. */
#define OVERTAKEN_MAX 3

/* The passwords point into the request's JSON. */
struct change {
    struct span current;
    struct span next;
    struct store_user user;
    char hash[PASSWORD_HASH_SIZE];
    bool right;
    struct limiter_login login; /* a login's: guesses here and there are counted together */
    unsigned overtaken;         /* how often the account changed meanwhile */
    struct strbuf ended;
};

static void forget(struct request *request)
{
    struct change *change = request->state;

    mem_wipe((void *)(uintptr_t)change->current.data, change->current.len);
    mem_wipe((void *)(uintptr_t)change->next.data, change->next.len);
    strbuf_fini(&change->ended);
    mem_wipe(change, sizeof(*change));
}

static void refuse(struct request *request, enum err err)
{
    forget(request);
    request_reply_error(request, err);
}

static enum err read_passwords(struct request *request, struct change *change)
{
    const char *fault;

    if (json_get(request->body, "current_password", &change->current) != JSON_IS_TEXT)
        return request_invalid(request, "current_password",
                               "current_password is required and must be a string.");
    if (json_get(request->body, "new_password", &change->next) != JSON_IS_TEXT)
        return request_invalid(request, "new_password",
                               "new_password is required and must be a string.");
    fault = account_password_fault(change->current);
    return fault != NULL ? request_invalid(request, "current_password", fault) : ERR_NONE;
}

enum err password_prepare(struct request *request)
{
    struct change *change = mem_alloc(sizeof(*change));

    strbuf_init(&change->ended);
    request->state = change;
    return read_passwords(request, change);
}

static enum err find_delay(struct request *request, struct db *db)
{
    struct limiter *limiter = request->services->limiter;
    struct change *change = request->state;
    const char *name = request->session.username;
    uint8_t name_key[DIGEST_SHA256_SIZE];
    enum err err =
        store_user_name_key(db, (struct span){(const uint8_t *)name, strlen(name)}, name_key);

    if (err == ERR_NONE) {
        change->login = limiter_login_of((struct span){name_key, sizeof(name_key)},
                                         limiter_address(limiter, &request->origin.client));
        request->wait_ms = limiter_login_left(limiter, &change->login);
        err = request->wait_ms > 0 ? ERR_RATE_LIMITED : ERR_NONE;
    }
    return err;
}

static enum err find(struct request *request, struct db *db)
{
    struct change *change = request->state;
    const char *name = request->session.username;
    enum err err =
        store_user_find(db, (struct span){(const uint8_t *)name, strlen(name)}, &change->user);

    /* Deleted meanwhile, and perhaps the name is somebody else's. */
    if (err == ERR_NO_ROW || (err == ERR_NONE && change->user.id != request->session.user_id))
        return ERR_INVALID_TOKEN;
    return err == ERR_NONE ? find_delay(request, db) : err;
}

/* The name is known only here. */
enum err password_query(struct request *request, struct db *db)
{
    struct change *change = request->state;
    const char *name = request->session.username;
    enum err err;

    request->field = "new_password"; /* of this error, if it is one */
    err =
        account_check_new_password(change->next, (struct span){(const uint8_t *)name, strlen(name)},
                                   (struct span){NULL, 0}, &request->message);
    if (err != ERR_NONE)
        return err;
    request->field = NULL;
    return find(request, db);
}

static void find_again(struct request *request, struct db *db)
{
    request->err = find(request, db);
}

static void check_and_hash(struct request *request, struct db *db ATTR_UNUSED)
{
    struct change *change = request->state;
    unsigned cost = (unsigned)request->services->settings->scrypt_log2n;

    request->wait_ms = limiter_login_begin(request->services->limiter, &change->login);
    request->err = request->wait_ms > 0 ? ERR_RATE_LIMITED : ERR_NONE;
    if (request->err != ERR_NONE)
        return;
    change->right =
        password_check((const char *)change->current.data, change->user.password_hash, cost);
    if (change->right)
        limiter_login_clear(request->services->limiter, &change->login);
    if (change->right && !password_hash((const char *)change->next.data, cost, change->hash))
        request->err = ERR_INTERNAL;
}

static void store(struct request *request, struct db *db)
{
    struct change *change = request->state;

    request->err =
        store_user_change_password(db, request->session.user_id, change->user.password_hash,
                                   change->hash, request->token_hash, &change->ended);
}

static void check(struct request *request);

static void on_found_again(struct request *request)
{
    if (request->err != ERR_NONE)
        refuse(request, request->err);
    else
        check(request);
}

static void on_stored(struct request *request)
{
    struct change *change = request->state;
    struct strbuf ended = change->ended;
    size_t count = ended.len / DIGEST_SHA256_SIZE;

    /* While it was checked the account got another password, or another hash of the same one
     * (route_accounts.c): looking again tells. */
    if (request->err == ERR_NO_ROW && ++change->overtaken < OVERTAKEN_MAX) {
        strbuf_fini(&change->ended); /* of a try that was taken back */
        strbuf_init(&change->ended);
        request_run(request, request->services->db, find_again, on_found_again);
        return;
    }
    if (request->err == ERR_NO_ROW)
        request->err = ERR_OVERLOADED;
    if (request->err != ERR_NONE) {
        refuse(request, request->err);
        return;
    }
    log_info("account.password_changed", "user=%llu sessions_ended=%zu",
             (unsigned long long)request->session.user_id, count);
    strbuf_init(&change->ended); /* ours now */
    forget(request);
    mem_free(change);
    farewell_begin(request, "Password changed");
    strbuf_printf(&request->out, "{\"ended\":%zu}", count);
    farewell_revoke(request, (const uint8_t *)ended.data, count);
    farewell_end(request);
    strbuf_fini(&ended);
}

static void on_checked(struct request *request)
{
    const struct change *change = request->state;

    if (request->err == ERR_NONE && !change->right) {
        metrics_add(METRIC_LOGINS_REFUSED, 1);
        request->field = "current_password";
        request->err = ERR_WRONG_PASSWORD;
    }
    if (request->err != ERR_NONE)
        refuse(request, request->err);
    else
        request_run(request, request->services->db, store, on_stored);
}

static void check(struct request *request)
{
    request_run(request, request->services->scrypt, check_and_hash, on_checked);
}

void password_finish(struct request *request)
{
    check(request);
}
