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
#include "gateway/bus_link.h"
#include "gateway/routes.h"

#include <string.h>

/* A login that the account changes under so often is put off. */
#define OVERTAKEN_MAX 3

/* The body of register and login; the spans point into the request's JSON. */
struct credentials {
    struct span username;
    struct span email;
    struct span password;
    struct store_user user;
    char hash[PASSWORD_HASH_SIZE];
    bool known;
    bool right;
    bool renewed; /* hash is to replace the user's */
    char token[TOKEN_TEXT_BYTES + 1];
    unsigned overtaken; /* logins: how often the account changed meanwhile */
};

/* ---- reading ---- */

static enum err read_username(struct request *request, struct span *username)
{
    const char *fault;

    if (json_get(request->body, "username", username) != JSON_IS_TEXT)
        return request_invalid(request, "username", "username is required and must be a string.");
    fault = account_username_fault(*username);
    return fault != NULL ? request_invalid(request, "username", fault) : ERR_NONE;
}

static enum err read_password(struct request *request, struct span *password)
{
    const char *fault;

    if (json_get(request->body, "password", password) != JSON_IS_TEXT)
        return request_invalid(request, "password", "password is required and must be a string.");
    fault = account_password_fault(*password);
    return fault != NULL ? request_invalid(request, "password", fault) : ERR_NONE;
}

static enum err read_email(struct request *request, struct span *email)
{
    const char *fault;

    if (json_get(request->body, "email", email) != JSON_IS_TEXT)
        return request_invalid(request, "email", "email is required and must be a string.");
    fault = account_email_fault(*email);
    return fault != NULL ? request_invalid(request, "email", fault) : ERR_NONE;
}

enum err login_prepare(struct request *request)
{
    struct credentials *given = mem_alloc(sizeof(*given));
    enum err err;

    request->state = given;
    err = read_username(request, &given->username);
    return err == ERR_NONE ? read_password(request, &given->password) : err;
}

enum err register_prepare(struct request *request)
{
    enum err err = login_prepare(request);

    return err == ERR_NONE ? read_email(request, &((struct credentials *)request->state)->email)
                           : err;
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
        store_user_create(db, given->username, given->email, given->hash, &given->user.id);
}

static void on_inserted(struct request *request)
{
    struct credentials *given = request->state;

    if (request->err != ERR_NONE) {
        refuse(request, request->err);
        return;
    }
    strbuf_printf(&request->out, "{\"id\":%llu,\"username\":", (unsigned long long)given->user.id);
    json_write_string(&request->out, given->username);
    strbuf_add_str(&request->out, ",\"email\":");
    json_write_string(&request->out, given->email);
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

    request->err = store_user_find(db, given->username, &given->user);
    given->known = request->err == ERR_NONE;
    if (request->err == ERR_NO_ROW)
        request->err = ERR_NONE; /* the check takes its time all the same */
}

static void check_password(struct request *request, struct db *db ATTR_UNUSED)
{
    struct credentials *given = request->state;

    request->err = ERR_NONE;
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
    if (request->err != ERR_NONE)
        refuse(request, request->err);
    else
        request_run(request, request->services->db, insert_session, on_session);
}

static void on_found(struct request *request)
{
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

/* The commands whose answers are awaited before the client is answered. */
struct farewell {
    size_t waiting;
    const char *message;
    size_t room_count;
    uint64_t *rooms;
};

static void farewell_step(struct request *request)
{
    struct farewell *farewell = request->state;

    if (--farewell->waiting > 0)
        return;
    mem_free(farewell->rooms);
    request_reply_success(request, farewell->message);
}

static void on_told(void *context, const struct bus_answer *answer ATTR_UNUSED)
{
    /* The database has it, so it holds whatever the answer is: workers that were not told notice
     * by themselves, and the broker sweeps memberships that were left over. */
    farewell_step(context);
}

/* Without a broker nobody would answer: the client need not wait for the time-out. */
static void tell(struct request *request, const struct bus_command *command)
{
    struct farewell *farewell = request->state;

    if (!bus_link_ready(request->services->link))
        return;
    farewell->waiting++;
    bus_link_command(request->services->link, command, on_told, request);
}

static void tell_revoked(struct request *request, bool all_sessions)
{
    struct bus_command command = {.kind = COMMAND_REVOKE, .sender_id = request->session.user_id};

    bus_link_unique_key(request->services->link, command.key);
    if (!all_sessions)
        command.token_hash = (struct span){request->token_hash, sizeof(request->token_hash)};
    tell(request, &command);
}

enum err logout_query(struct request *request, struct db *db)
{
    return store_session_delete(db, request->token_hash);
}

void logout_finish(struct request *request)
{
    struct farewell *farewell = mem_alloc(sizeof(*farewell));

    farewell->message = "Logged out successfully";
    farewell->waiting = 1;
    request->state = farewell;
    tell_revoked(request, false);
    farewell_step(request);
}

static void add_room(void *context, uint64_t room_id)
{
    struct farewell *farewell = context;

    farewell->rooms =
        mem_realloc(farewell->rooms, (farewell->room_count + 1) * sizeof(*farewell->rooms));
    farewell->rooms[farewell->room_count++] = room_id;
}

enum err delete_query(struct request *request, struct db *db)
{
    struct farewell *farewell = mem_alloc(sizeof(*farewell));
    enum err err;

    request->state = farewell;
    farewell->message = "Account deleted successfully";
    err = store_user_rooms(db, request->session.user_id, add_room, farewell);
    if (err == ERR_NONE)
        err = store_user_delete(db, request->session.user_id);
    if (err != ERR_NONE) {
        mem_free(farewell->rooms);
        farewell->rooms = NULL;
    }
    return err;
}

void delete_finish(struct request *request)
{
    struct farewell *farewell = request->state;
    const char *name = request->session.username;

    farewell->waiting = 1;
    tell_revoked(request, true);
    for (size_t i = 0; i < farewell->room_count; i++) {
        struct bus_command command = {.kind = COMMAND_EXPEL,
                                      .room_id = farewell->rooms[i],
                                      .sender_id = request->session.user_id,
                                      .sender_name = {(const uint8_t *)name, strlen(name)}};

        bus_link_unique_key(request->services->link, command.key);
        tell(request, &command);
    }
    farewell_step(request);
}
