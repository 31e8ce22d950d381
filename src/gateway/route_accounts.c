/*
 * Registering, logging in and out, and deleting an account.
 */
#include "common/account_rules.h"
#include "common/event_json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/password.h"
#include "common/settings.h"
#include "common/store_rooms.h"
#include "gateway/farewell.h"
#include "gateway/limiter.h"
#include "gateway/routes.h"

#include <string.h>

/* A login that the account changes under so often is put off. */
#define OVERTAKEN_MAX 3

/* The body of register and login; sent and password point into the request's JSON. */
struct credentials {
    struct account_name name;
    struct account_email email;
    /* Logins: the name as it was sent, where that is another one and may be an old account's; else
     * data is NULL. */
    struct span sent;
    struct span password;
    struct store_user user;
    char hash[PASSWORD_HASH_SIZE];
    bool known;
    bool right;
    bool renewed; /* hash is to replace the user's */
    char token[TOKEN_TEXT_BYTES + 1];
    uint8_t name_key[DIGEST_SHA256_SIZE]; /* logins: of all spellings of the name */
    struct limiter_login login;           /* logins: for login_delay.h */
    unsigned overtaken;                   /* logins: how often the account changed meanwhile */
    struct strbuf ended; /* logins: hashes of tokens of the account that ended for this one */
};

/* ---- reading ---- */

static struct span name_of(const struct credentials *given)
{
    return (struct span){(const uint8_t *)given->name.text, given->name.len};
}

static struct span email_of(const struct credentials *given)
{
    return (struct span){(const uint8_t *)given->email.text, given->email.len};
}

static enum err read_text(struct request *request, const char *field, const char *missing,
                          struct span *out)
{
    return json_get(request->body, field, out) == JSON_IS_TEXT
               ? ERR_NONE
               : request_invalid(request, field, missing);
}

static enum err read_credentials(struct request *request, struct span *username,
                                 struct credentials *given)
{
    enum err err =
        read_text(request, "username", "username is required and must be a string.", username);

    return err == ERR_NONE
               ? read_text(request, "password", "password is required and must be a string.",
                           &given->password)
               : err;
}

/* Names that are there already need not fit today's rules, nor be in Normalization Form C. */
static enum err take_known_name(struct request *request, struct span sent,
                                struct credentials *given)
{
    const char *fault = account_known_username_fault(sent);

    if (!account_normal_username(sent, &given->name)) {
        if (fault != NULL)
            return request_invalid(request, "username", fault);
        memcpy(given->name.text, sent.data, sent.len);
        given->name.len = sent.len;
    } else if (fault == NULL && !span_is(sent, given->name.text)) {
        given->sent = sent;
    }
    fault = account_known_username_fault(name_of(given));
    return fault != NULL ? request_invalid(request, "username", fault) : ERR_NONE;
}

enum err login_prepare(struct request *request)
{
    struct credentials *given = mem_alloc(sizeof(*given));
    struct span username;
    const char *fault;
    enum err err;

    request->state = given;
    err = read_credentials(request, &username, given);
    if (err == ERR_NONE)
        err = take_known_name(request, username, given);
    if (err != ERR_NONE)
        return err;
    fault = account_password_fault(given->password);
    return fault != NULL ? request_invalid(request, "password", fault) : ERR_NONE;
}

enum err register_prepare(struct request *request)
{
    struct credentials *given = mem_alloc(sizeof(*given));
    struct span username;
    struct span email;
    const char *fault;
    enum err err;

    request->state = given;
    err = read_credentials(request, &username, given);
    if (err == ERR_NONE)
        err = read_text(request, "email", "email is required and must be a string.", &email);
    if (err != ERR_NONE)
        return err;
    fault = account_take_username(username, &given->name);
    if (fault != NULL)
        return request_invalid(request, "username", fault);
    fault = account_take_email(email, &given->email);
    if (fault != NULL)
        return request_invalid(request, "email", fault);
    request->field = "password"; /* of this error, if it is one */
    err = account_check_new_password(given->password, name_of(given), email_of(given),
                                     &request->message);
    if (err == ERR_NONE)
        request->field = NULL;
    return err;
}

static unsigned scrypt_cost(const struct request *request)
{
    return (unsigned)request->services->settings->scrypt_log2n;
}

/* Nothing of a password stays in memory that is used again. */
static void wipe(struct request *request)
{
    struct credentials *given = request->state;

    if (given->password.data != NULL)
        mem_wipe((void *)(uintptr_t)given->password.data, given->password.len);
    mem_wipe(given->token, sizeof(given->token));
    mem_wipe(given->hash, sizeof(given->hash));
    mem_wipe(given->user.password_hash, sizeof(given->user.password_hash));
}

static void refuse(struct request *request, enum err err)
{
    wipe(request);
    request_reply_error(request, err);
}

/* ---- register: hash, then insert ---- */

static void hash_password(struct request *request, struct db *db ATTR_UNUSED)
{
    struct credentials *given = request->state;

    request->err =
        password_hash((const char *)given->password.data, scrypt_cost(request), given->hash)
            ? ERR_NONE
            : ERR_INTERNAL;
}

static void insert_user(struct request *request, struct db *db)
{
    struct credentials *given = request->state;

    request->err =
        store_user_create(db, name_of(given), email_of(given), given->hash, &given->user.id);
}

static void on_inserted(struct request *request)
{
    struct credentials *given = request->state;

    if (request->err != ERR_NONE) {
        refuse(request, request->err);
        return;
    }
    strbuf_printf(&request->out, "{\"id\":%llu,\"username\":", (unsigned long long)given->user.id);
    json_write_string(&request->out, name_of(given));
    strbuf_add_str(&request->out, ",\"email\":");
    json_write_string(&request->out, email_of(given));
    strbuf_add_char(&request->out, '}');
    wipe(request);
    request_reply(request);
}

static void on_hashed(struct request *request)
{
    if (request->err != ERR_NONE)
        refuse(request, request->err);
    else
        request_run(request, request->services->db, insert_user, on_inserted);
}

void register_start(struct request *request)
{
    request_run(request, request->services->scrypt, hash_password, on_hashed);
}

/* ---- login: find, check, insert the session ---- */

static void find_user(struct request *request, struct db *db)
{
    struct credentials *given = request->state;
    struct store_user as_sent;
    enum err err;

    request->err = store_user_find(db, name_of(given), &given->user);
    /* Asked for whether the first was found or not: the time tells nothing. */
    if (given->sent.data != NULL) {
        err = store_user_find(db, given->sent, &as_sent);
        if (request->err == ERR_NO_ROW) {
            request->err = err;
            if (err == ERR_NONE)
                given->user = as_sent;
        }
        mem_wipe(&as_sent, sizeof(as_sent));
    }
    given->known = request->err == ERR_NONE;
    if (request->err == ERR_NONE || request->err == ERR_NO_ROW) /* the check takes its time, too */
        request->err = store_user_name_key(db, name_of(given), given->name_key);
}

static void check_password(struct request *request, struct db *db ATTR_UNUSED)
{
    struct credentials *given = request->state;

    /* Again, since many may have been let through to the queue. */
    request->wait_ms = limiter_login_begin(request->services->limiter, &given->login);
    request->err = request->wait_ms > 0 ? ERR_RATE_LIMITED : ERR_NONE;
    if (request->err != ERR_NONE)
        return;
    given->right =
        password_check((const char *)given->password.data,
                       given->known ? given->user.password_hash : NULL, scrypt_cost(request));
    /* An imported account's: this is the one moment in which its password is known. */
    given->renewed =
        given->right && password_is_bcrypt(given->user.password_hash) &&
        password_hash((const char *)given->password.data, scrypt_cost(request), given->hash);
}

/* A login does not fail for it: the next one does it again. */
static void renew_hash(struct request *request, struct db *db)
{
    const struct credentials *given = request->state;
    enum err err =
        store_user_renew_hash(db, given->user.id, given->user.password_hash, given->hash);

    if (err == ERR_NONE)
        log_info("account.hash_renewed", "user=%llu", (unsigned long long)given->user.id);
}

/* A login does not fail for it: the next one does it again. */
static void end_oldest(struct request *request, struct db *db)
{
    uint64_t max = request->services->settings->sessions_per_user;
    struct credentials *given = request->state;
    enum err ignored =
        max == 0 ? ERR_NONE
                 : store_session_trim(db, given->user.id, max, request->token_hash, &given->ended);

    (void)ignored;
}

static void insert_session(struct request *request, struct db *db)
{
    struct credentials *given = request->state;
    uint8_t secret[TOKEN_BYTES];

    digest_random(secret, sizeof(secret));
    digest_hex(secret, sizeof(secret), given->token);
    mem_wipe(secret, sizeof(secret));
    digest_sha256(given->token, TOKEN_TEXT_BYTES, request->token_hash);
    request->err =
        store_session_create(db, request->token_hash, given->user.id, given->user.password_hash,
                             request->services->settings->session_ttl_s);
    /* Afterwards: the session is for the hash that was checked. */
    if (request->err == ERR_NONE && given->renewed)
        renew_hash(request, db);
    if (request->err == ERR_NONE)
        end_oldest(request, db);
}

static void tell_ended(struct request *request)
{
    struct credentials *given = request->state;
    size_t count = given->ended.len / DIGEST_SHA256_SIZE;

    metrics_add_by(METRIC_SHED, METRICS_SHED_USER_SESSIONS, count);
    farewell_mention(request->services, given->user.id, (const uint8_t *)given->ended.data, count);
    strbuf_fini(&given->ended);
}

static void on_session(struct request *request)
{
    struct credentials *given = request->state;

    /* While the password was checked the account changed: it was disabled or deleted, or has
     * another password, or (another login's renewal) the same one with another hash. Looking again
     * tells. */
    if (request->err == ERR_NO_ROW && ++given->overtaken < OVERTAKEN_MAX) {
        login_start(request);
        return;
    }
    if (request->err == ERR_NO_ROW)
        request->err = ERR_OVERLOADED;
    if (request->err != ERR_NONE) {
        refuse(request, request->err);
        return;
    }
    tell_ended(request);
    strbuf_printf(&request->out, "{\"access_token\":\"%s\",\"token_type\":\"bearer\"}",
                  given->token);
    wipe(request);
    request_reply_success(request, "Login successful");
}

static void on_checked(struct request *request)
{
    struct credentials *given = request->state;

    if (request->err == ERR_NONE && !given->right) {
        metrics_add(METRIC_LOGINS_REFUSED, 1);
        request->err = ERR_INVALID_CREDENTIALS;
    }
    /* Only who knows the password is told that the account is there, and why it stays shut. */
    if (request->err == ERR_NONE && given->user.disabled) {
        metrics_add(METRIC_LOGINS_REFUSED, 1);
        request->err = ERR_ACCOUNT_DISABLED;
    }
    if (request->err == ERR_NONE)
        limiter_login_clear(request->services->limiter, &given->login);
    if (request->err != ERR_NONE)
        refuse(request, request->err);
    else
        request_run(request, request->services->db, insert_session, on_session);
}

static void on_found(struct request *request)
{
    struct limiter *limiter = request->services->limiter;
    struct credentials *given = request->state;

    given->login = limiter_login_of((struct span){given->name_key, sizeof(given->name_key)},
                                    limiter_address(limiter, &request->origin.client));
    if (request->err == ERR_NONE) {
        request->wait_ms = limiter_login_left(limiter, &given->login);
        request->err = request->wait_ms > 0 ? ERR_RATE_LIMITED : ERR_NONE;
    }
    if (request->err != ERR_NONE)
        refuse(request, request->err);
    else
        request_run(request, request->services->scrypt, check_password, on_checked);
}

void login_start(struct request *request)
{
    request_run(request, request->services->db, find_user, on_found);
}

/* ---- logout and delete: the database first, then everyone is told ---- */

enum err logout_query(struct request *request, struct db *db)
{
    return store_session_delete(db, request->token_hash);
}

void logout_finish(struct request *request)
{
    farewell_begin(request, "Logged out successfully");
    farewell_revoke(request, request->token_hash, 1);
    farewell_end(request);
}

/* The rooms that the account is a member of. */
struct membership {
    size_t count;
    uint64_t *rooms;
};

static void add_room(void *context, uint64_t room_id)
{
    struct membership *membership = context;

    membership->rooms =
        mem_realloc(membership->rooms, (membership->count + 1) * sizeof(*membership->rooms));
    membership->rooms[membership->count++] = room_id;
}

enum err delete_query(struct request *request, struct db *db)
{
    struct membership *membership = mem_alloc(sizeof(*membership));
    enum err err;

    request->state = membership;
    err = store_user_rooms(db, request->session.user_id, add_room, membership);
    if (err == ERR_NONE)
        err = store_user_delete(db, request->session.user_id);
    if (err != ERR_NONE) {
        mem_free(membership->rooms);
        membership->rooms = NULL;
    }
    return err;
}

void delete_finish(struct request *request)
{
    struct membership *membership = request->state;

    farewell_begin(request, "Account deleted successfully");
    farewell_revoke_all(request);
    for (size_t i = 0; i < membership->count; i++)
        farewell_expel(request, membership->rooms[i]);
    farewell_end(request);
    mem_free(membership->rooms);
    mem_free(membership);
}
