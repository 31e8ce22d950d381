/*
 * Logins: which there are, and ending them. A session's id is the first 16 hexadecimal digits of
 * its token's hash; the token itself is nowhere.
 */
#include "common/mem.h"
#include "common/store_admin.h"
#include "ctl/bus_client.h"
#include "ctl/table.h"
#include "ctl/user_commands.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void format_id(const uint8_t *token_hash, char out[2 * SESSION_ID_BYTES + 1])
{
    digest_hex(token_hash, SESSION_ID_BYTES, out);
}

static void add_session(void *context, const struct admin_session *session)
{
    struct table *table = context;
    char id[2 * SESSION_ID_BYTES + 1];

    format_id(session->token_hash, id);
    table_str(table, id);
    table_time(table, session->created_at_us);
    table_time(table, session->expires_at_us);
}

static enum ctl_status list(struct ctl *ctl)
{
    static const struct table_column columns[] = {
        {"ID", "id"}, {"CREATED", "created_at"}, {"EXPIRES", "expires_at"}};
    struct table *table;
    struct store_user user;
    enum err err;
    enum ctl_status status = users_find(ctl, &user);

    if (status != CTL_DONE)
        return status;
    table = table_create(columns, ARRAY_LEN(columns));
    err = store_admin_sessions(ctl_db(ctl), user.id, add_session, table);
    if (err == ERR_NONE) {
        ctl_print_table(ctl, &table);
        return CTL_DONE;
    }
    table_destroy(&table);
    return ctl_fail_err(err);
}

const struct ctl_command ctl_session_list = {
    .name = "session list",
    .args = "USER",
    .args_min = 1,
    .args_max = 1,
    .summary = "List an account's logins",
    .examples = "banterctl session list ada\n",
    .run = list,
};

/* The one session whose id begins as the word does. */
struct search {
    const char *id;
    size_t found;
    uint8_t token_hash[DIGEST_SHA256_SIZE];
};

static void look(void *context, const struct admin_session *session)
{
    struct search *search = context;
    char id[2 * SESSION_ID_BYTES + 1];

    format_id(session->token_hash, id);
    if (strcasecmp(id, search->id) != 0)
        return;
    search->found++;
    memcpy(search->token_hash, session->token_hash, sizeof(search->token_hash));
}

static enum ctl_status revoke_all(struct ctl *ctl, const struct store_user *user)
{
    uint64_t ended;
    enum err err = store_admin_end_sessions(ctl_db(ctl), user->id, &ended);
    enum ctl_status status;

    if (err != ERR_NONE)
        return ctl_fail_err(err);
    status = bus_client_revoke(ctl, user->id, NULL);
    if (ctl->json)
        printf("{\"ended\":%llu,\"sockets_told\":%s}\n", (unsigned long long)ended,
               status == CTL_DONE ? "true" : "false");
    ctl_say(ctl, "%llu sessions of %s have ended.", (unsigned long long)ended, user->username);
    return status;
}

static enum ctl_status revoke_one(struct ctl *ctl, const struct store_user *user)
{
    struct search search = {.id = ctl->args[1]};
    enum err err = store_admin_sessions(ctl_db(ctl), user->id, look, &search);
    enum ctl_status status;

    if (err == ERR_NONE && search.found == 0)
        return ctl_fail(CTL_NOT_FOUND, "%s has no session %s.", user->username, ctl->args[1]);
    if (err == ERR_NONE)
        err = store_session_delete(ctl_db(ctl), search.token_hash);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    status = bus_client_revoke(ctl, user->id, search.token_hash);
    if (ctl->json)
        printf("{\"ended\":1,\"sockets_told\":%s}\n", status == CTL_DONE ? "true" : "false");
    ctl_say(ctl, "Session %s of %s has ended.", ctl->args[1], user->username);
    return status;
}

static enum ctl_status revoke(struct ctl *ctl)
{
    struct store_user user;
    bool all = ctl_option(ctl, "all") != NULL;
    enum ctl_status status;

    if (all == (ctl->arg_count == 2))
        return ctl_fail(CTL_USAGE, "either a session's ID or --all is needed.");
    status = users_find(ctl, &user);
    if (status != CTL_DONE)
        return status;
    return all ? revoke_all(ctl, &user) : revoke_one(ctl, &user);
}

const struct ctl_command ctl_session_revoke = {
    .name = "session revoke",
    .args = "USER [ID]",
    .args_min = 1,
    .args_max = 2,
    .summary = "End one login of an account, or all of them with --all",
    .details = "Its sockets close within a second; without a broker when a gateway looks the\n"
               "session up again (exit status 4; the session has ended all the same).\n",
    .examples = "banterctl session revoke ada 5f2b9c0e1d3a4b67\n"
                "banterctl session revoke ada --all\n",
    .options =
        (const struct ctl_option[]){
            {"all", NULL, "every login of the account"},
            {NULL, NULL, NULL},
        },
    .run = revoke,
};
