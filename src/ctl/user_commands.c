#include "ctl/user_commands.h"

#include "common/account_rules.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/password.h"
#include "common/store_admin.h"
#include "common/utf8.h"
#include "ctl/bus_client.h"
#include "ctl/listing.h"
#include "ctl/prompt.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

/* Random bytes of a generated password, and its characters. */
#define GENERATED_BYTES 15
#define GENERATED_CHARS 20

/* NULL: data is NULL. */
static struct span word(const char *text)
{
    return (struct span){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

enum ctl_status users_find(struct ctl *ctl, struct store_user *user_out)
{
    struct db *db = ctl_db(ctl);
    const char *name = ctl->args[0];
    enum err err;

    if (db == NULL)
        return CTL_USAGE;
    err = utf8_valid(name, strlen(name)) ? store_user_find(db, word(name), user_out) : ERR_NO_ROW;
    if (err == ERR_NO_ROW)
        return ctl_fail(CTL_NOT_FOUND, "there is no user \"%s\".", name);
    return err == ERR_NONE ? CTL_DONE : ctl_fail_err(err);
}

/* ---- create, reset-password -------------------------------------------------------------------*/

static const struct ctl_option password_options[] = {
    {"password-stdin", NULL, "the password is the first line of stdin"},
    {"generate", NULL, "make a password, and print it once"},
    {NULL, NULL, NULL},
};

/* From where the options say, for the account with this name and address. False: it was said why
 * not. */
static bool get_password(const struct ctl *ctl, const char *name, const char *email,
                         char out[PASSWORD_BYTES_MAX + 1], bool *made_out)
{
    uint8_t random[GENERATED_BYTES];
    const char *fault;
    bool from_stdin = ctl_option(ctl, "password-stdin") != NULL;

    *made_out = ctl_option(ctl, "generate") != NULL;
    if (*made_out && from_stdin) {
        ctl_complain("--generate and --password-stdin do not go together.");
        return false;
    }
    if (*made_out) {
        _Static_assert(DIGEST_BASE64_SIZE(GENERATED_BYTES) == GENERATED_CHARS + 1, "no padding");
        digest_random(random, sizeof(random));
        digest_base64(random, sizeof(random), out);
        mem_wipe(random, sizeof(random));
        return true;
    }
    if (!from_stdin && !prompt_possible()) {
        ctl_complain("there is no terminal to ask for a password at: say --password-stdin or "
                     "--generate.");
        return false;
    }
    if (!prompt_password(from_stdin, out))
        return false;
    if (account_check_new_password(word(out), word(name), word(email), &fault) == ERR_NONE)
        return true;
    ctl_complain("%s", fault);
    mem_wipe(out, PASSWORD_BYTES_MAX + 1);
    return false;
}

/* Hashes it, and wipes it unless it was made here, to be shown. */
static bool hash(const struct ctl *ctl, char *password, bool made, char out[PASSWORD_HASH_SIZE])
{
    bool good = password_hash(password, (unsigned)ctl->settings.scrypt_log2n, out);

    if (!made)
        mem_wipe(password, PASSWORD_BYTES_MAX + 1);
    if (!good)
        ctl_complain("there is no memory to hash the password.");
    return good;
}

static void print_account(const struct ctl *ctl, uint64_t id, const char *name, const char *email,
                          const char *password)
{
    static const struct table_column columns[] = {
        {"ID", "id"}, {"Name", "username"}, {"E-mail", "email"}, {"Password", "password"}};
    struct table *table = table_create(columns, ARRAY_LEN(columns) - (password == NULL));

    table_number(table, id);
    table_str(table, name);
    table_str(table, email);
    if (password != NULL)
        table_str(table, password);
    if (ctl->quiet && !ctl->json && password != NULL) {
        puts(password);
        table_destroy(&table);
    } else if (!ctl->quiet || ctl->json) {
        ctl_print_record(ctl, &table);
    } else {
        table_destroy(&table);
    }
}

static enum ctl_status create(struct ctl *ctl)
{
    struct account_name name;
    struct account_email email;
    char password[PASSWORD_BYTES_MAX + 1];
    char text[PASSWORD_HASH_SIZE];
    struct db *db;
    const char *fault;
    uint64_t id = 0;
    bool made;
    enum err err;

    if (!utf8_valid(ctl->args[0], strlen(ctl->args[0])) ||
        !utf8_valid(ctl->args[1], strlen(ctl->args[1])))
        return ctl_fail(CTL_USAGE, "name and address must be UTF-8.");
    fault = account_take_username(word(ctl->args[0]), &name);
    if (fault == NULL)
        fault = account_take_email(word(ctl->args[1]), &email);
    if (fault != NULL)
        return ctl_fail(CTL_USAGE, "%s", fault);
    if (!get_password(ctl, name.text, email.text, password, &made) || (db = ctl_db(ctl)) == NULL)
        return CTL_USAGE;
    if (!hash(ctl, password, made, text))
        return CTL_FAILED;
    err = store_user_create(db, word(name.text), word(email.text), text, &id);
    if (err == ERR_NONE)
        print_account(ctl, id, name.text, email.text, made ? password : NULL);
    mem_wipe(password, sizeof(password));
    mem_wipe(text, sizeof(text));
    return err == ERR_NONE ? CTL_DONE : ctl_fail_err(err);
}

const struct ctl_command ctl_user_create = {
    .name = "user create",
    .args = "NAME EMAIL",
    .args_min = 2,
    .args_max = 2,
    .summary = "Make an account",
    .details =
        "The password is asked for twice without echo, unless an option says otherwise. Name,\n"
        "address and password are checked as at registration.\n",
    .examples =
        "banterctl user create ada ada@example.org\n"
        "pass show banter/ada | banterctl user create ada ada@example.org --password-stdin\n"
        "banterctl user create bot bot@example.org --generate --json\n",
    .options = password_options,
    .run = create,
};

static enum ctl_status reset_password(struct ctl *ctl)
{
    struct store_user user;
    char password[PASSWORD_BYTES_MAX + 1];
    char text[PASSWORD_HASH_SIZE];
    bool made;
    enum err err;
    enum ctl_status status = users_find(ctl, &user);

    if (status != CTL_DONE)
        return status;
    if (!get_password(ctl, user.username, NULL, password, &made))
        return CTL_USAGE;
    if (!hash(ctl, password, made, text))
        return CTL_FAILED;
    err = store_admin_set_password(ctl_db(ctl), user.id, text);
    mem_wipe(text, sizeof(text));
    if (err == ERR_NONE)
        print_account(ctl, user.id, user.username, NULL, made ? password : NULL);
    mem_wipe(password, sizeof(password));
    return err == ERR_NONE ? bus_client_revoke(ctl, user.id, NULL) : ctl_fail_err(err);
}

const struct ctl_command ctl_user_reset_password = {
    .name = "user reset-password",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Give an account another password, and end all its sessions",
    .details = "Its sockets close within a second; without a broker when a gateway looks the\n"
               "session up again (exit status 4; the password is changed all the same).\n",
    .examples = "banterctl user reset-password ada --generate\n",
    .options = password_options,
    .run = reset_password,
};

/* ---- disable, enable --------------------------------------------------------------------------*/

static enum ctl_status disable(struct ctl *ctl)
{
    struct store_user user;
    enum err err;
    enum ctl_status status = users_find(ctl, &user);

    if (status != CTL_DONE)
        return status;
    err = store_admin_disable(ctl_db(ctl), user.id);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    status = bus_client_revoke(ctl, user.id, NULL);
    if (ctl->json)
        printf("{\"id\":%llu,\"disabled\":true,\"sockets_told\":%s}\n", (unsigned long long)user.id,
               status == CTL_DONE ? "true" : "false");
    ctl_say(ctl, "%s is disabled; all sessions have ended.", user.username);
    return status;
}

const struct ctl_command ctl_user_disable = {
    .name = "user disable",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Shut an account: no login, and all its sessions and sockets end",
    .details = "The account keeps its name, messages and memberships. Who logs in with the right\n"
               "password is told that the account is disabled. Sockets close within a second;\n"
               "without a broker when a gateway looks the session up again (exit status 4; the\n"
               "account is disabled all the same).\n",
    .examples = "banterctl user disable ada\n",
    .run = disable,
};

static enum ctl_status enable(struct ctl *ctl)
{
    struct store_user user;
    enum err err;
    enum ctl_status status = users_find(ctl, &user);

    if (status != CTL_DONE)
        return status;
    err = store_admin_enable(ctl_db(ctl), user.id);
    if (err != ERR_NONE)
        return ctl_fail_err(err);
    if (ctl->json)
        printf("{\"id\":%llu,\"disabled\":false}\n", (unsigned long long)user.id);
    ctl_say(ctl, "%s can log in.", user.username);
    return CTL_DONE;
}

const struct ctl_command ctl_user_enable = {
    .name = "user enable",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Open a disabled account again",
    .examples = "banterctl user enable ada\n",
    .run = enable,
};

/* ---- list, show -------------------------------------------------------------------------------*/

static const struct table_column list_columns[] = {
    {"ID", "id"},
    {"NAME", "username"},
    {"E-MAIL", "email"},
    {"CREATED", "created_at"},
    {"SESSIONS", "sessions"},
    {"ROOMS", "rooms"},
    {"DISABLED", "disabled_at"},
};
static const struct table_column show_columns[] = {
    {"ID", "id"},
    {"Name", "username"},
    {"E-mail", "email"},
    {"Created", "created_at"},
    {"Sessions", "sessions"},
    {"Rooms", "rooms"},
    {"Disabled", "disabled_at"},
};

static void add_user(void *context, const struct admin_user *user)
{
    struct table *table = context;

    table_number(table, user->id);
    table_text(table, user->username);
    table_text(table, user->email);
    table_time(table, user->created_at_us);
    table_number(table, user->sessions);
    table_number(table, user->rooms);
    table_time(table, user->disabled_at_us);
}

static enum err fill(struct db *db, const struct listing_page *page, struct table *table)
{
    return store_admin_users(db, page->search, page->after, page->limit, add_user, table);
}

static enum ctl_status list(struct ctl *ctl)
{
    return listing_run(ctl, list_columns, ARRAY_LEN(list_columns), fill);
}

const struct ctl_command ctl_user_list = {
    .name = "user list",
    .args = "",
    .summary = "List accounts, by id",
    .examples = "banterctl user list --search=ada\n"
                "banterctl user list --after=1000 --limit=500 --json\n",
    .options =
        (const struct ctl_option[]){
            LISTING_OPTIONS("name or address"),
            {NULL, NULL, NULL},
        },
    .run = list,
};

static enum ctl_status show(struct ctl *ctl)
{
    struct table *table;
    struct db *db = ctl_db(ctl);
    const char *name = ctl->args[0];
    enum err err;

    if (db == NULL)
        return CTL_USAGE;
    table = table_create(show_columns, ARRAY_LEN(show_columns));
    err = utf8_valid(name, strlen(name)) ? store_admin_user(db, word(name), add_user, table)
                                         : ERR_NO_ROW;
    if (err == ERR_NONE) {
        ctl_print_record(ctl, &table);
        return CTL_DONE;
    }
    table_destroy(&table);
    if (err == ERR_NO_ROW)
        return ctl_fail(CTL_NOT_FOUND, "there is no user \"%s\".", name);
    return ctl_fail_err(err);
}

const struct ctl_command ctl_user_show = {
    .name = "user show",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Show an account",
    .examples = "banterctl user show ada --json\n",
    .run = show,
};
