/*
 * banterctl check-config: what a gateway or a broker would start with, and whether it could.
 */
#include "common/bus_security.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/schema.h"
#include "common/store_admin.h"
#include "ctl/bus_client.h"
#include "ctl/table.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUS_WAIT_MS 2000
/* Below this a program runs, but a gateway has few sockets. */
#define FILES_WANTED 65536

static const struct table_column value_columns[] = {
    {"SETTING", "setting"}, {"VALUE", "value"}, {"FROM", "from"}};
static const struct table_column check_columns[] = {
    {"CHECK", "check"}, {"RESULT", "result"}, {"DETAIL", "detail"}};

struct check {
    struct ctl *ctl;
    struct settings settings;
    bool broker;
    struct table *table;
    bool failed;
};

static void add_value(void *context, const char *name, const char *value, const char *from)
{
    struct table *table = context;
    char variable[80];

    snprintf(variable, sizeof(variable), "BANTER_%s", name);
    table_str(table, variable);
    table_str(table, value[0] != '\0' ? value : NULL);
    table_str(table, from);
}

enum result { GOOD, WARNING, FAILED };

/* Takes text. */
static void row(struct check *check, const char *what, enum result result, char *text)
{
    static const char *const names[] = {"ok", "warning", "failed"};

    table_str(check->table, what);
    table_str(check->table, names[result]);
    table_str(check->table, text);
    mem_free(text);
    check->failed = check->failed || result == FAILED;
}

static void check_database(struct check *check)
{
    char server[96] = "";
    char error[512] = "";
    uint64_t version = 0;
    struct db *db = db_create(check->settings.database_url, error, sizeof(error));
    enum err err;

    if (db == NULL) {
        row(check, "database", FAILED, mem_strdup(error));
        return;
    }
    err = store_admin_server(db, server, sizeof(server));
    row(check, "database", err == ERR_NONE ? GOOD : FAILED,
        mem_strdup(err == ERR_NONE ? server : err_sentence(err)));
    if (err == ERR_NONE)
        err = store_admin_schema(db, &version);
    if (err == ERR_NONE)
        /* An older schema is brought up to date by the first broker. */
        row(check, "schema",
            version == schema_version_known()  ? GOOD
            : version < schema_version_known() ? WARNING
                                               : FAILED,
            mem_printf("version %llu; this program's is %u", (unsigned long long)version,
                       schema_version_known()));
    db_destroy(&db);
}

static void check_bus(struct check *check)
{
    enum bus_side side = check->broker ? BUS_SIDE_BROKER : BUS_SIDE_PEER;
    struct bus_security security;
    struct bus_client *client;
    char error[512] = "";
    size_t heard;

    if (!bus_security_load(&check->settings, side, &security, error, sizeof(error))) {
        row(check, "bus keys", FAILED, mem_strdup(error));
        return;
    }
    row(check, "bus keys", GOOD, mem_strdup(security.curve ? "encrypted" : "not encrypted"));
    bus_security_wipe(&security);
    if (check->broker)
        return;
    client = bus_client_create(&check->settings);
    heard = client != NULL ? bus_client_shards(client, BUS_WAIT_MS) : 0;
    bus_client_destroy(&client);
    row(check, "brokers", heard == SHARD_COUNT ? GOOD : WARNING,
        mem_printf("%zu of %d shards have a broker at %s", heard, SHARD_COUNT,
                   check->settings.brokers));
}

/* NULL if the address can be had, else why not. */
static const char *try_bind(const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *why = NULL;
    char service[8];
    int on = 1;
    int error;
    int fd;

    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return "this host name is not known";
    fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
        why = strerror(errno);
    error = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    errno = error; /* for the caller, who tells "in use" from the rest */
    return why;
}

/* In use is a warning: it may be the very program that is to be updated. */
static void check_address(struct check *check, const char *what, const char *address,
                          uint16_t offset)
{
    char host[256];
    uint16_t port;
    const char *why;

    if (address[0] == '\0' || !settings_split_address(address, host, sizeof(host), &port))
        return; /* nowhere; the settings were checked before */
    why = try_bind(host, (uint16_t)(port + offset));
    row(check, what,
        why == NULL           ? GOOD
        : errno == EADDRINUSE ? WARNING
                              : FAILED,
        mem_printf("%s port %u%s%s", host, port + offset, why != NULL ? ": " : " is free",
                   why != NULL ? why : ""));
}

static void check_files(struct check *check)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    row(check, "open files", limit.rlim_cur >= FILES_WANTED ? GOOD : WARNING,
        mem_printf("%llu here (ulimit -n); a gateway needs one for each socket, so at least %d",
                   (unsigned long long)limit.rlim_cur, FILES_WANTED));
}

static void check_all(struct check *check)
{
    const struct settings *settings = &check->settings;

    check_database(check);
    check_bus(check);
    if (!check->broker) {
        check_address(check, "listen", settings->listen, 0);
        check_address(check, "proxy listen", settings->proxy_listen, 0);
    } else if (strncmp(settings->broker_listen, "tcp://", 6) == 0) {
        check_address(check, "bus commands", settings->broker_listen + 6, 0);
        check_address(check, "bus events", settings->broker_listen + 6, 1);
    }
    check_address(check, "admin listen", settings->admin_listen, check->broker ? 1 : 0);
    check_files(check);
}

static enum ctl_status run(struct ctl *ctl)
{
    struct check check = {.ctl = ctl};
    struct table *values;
    enum settings_result result;

    if (ctl->arg_count > 0 && strcmp(ctl->args[0], "gateway") != 0 &&
        strcmp(ctl->args[0], "broker") != 0)
        return ctl_fail(CTL_USAGE, "\"%s\" is neither gateway nor broker.", ctl->args[0]);
    check.broker = ctl->arg_count > 0 && strcmp(ctl->args[0], "broker") == 0;
    log_init("banterctl", LOG_ERROR);
    values = table_create(value_columns, ARRAY_LEN(value_columns));
    result = settings_explain(&check.settings, check.broker ? SETTINGS_BROKER : SETTINGS_GATEWAY,
                              ctl->setting_count, ctl->setting_words, add_value, values);
    if (!ctl->quiet)
        ctl_print_table(ctl, &values);
    table_destroy(&values);
    if (result == SETTINGS_RUN) {
        check.table = table_create(check_columns, ARRAY_LEN(check_columns));
        check_all(&check);
        if (!ctl->json && !ctl->quiet)
            putchar('\n');
        ctl_print_table(ctl, &check.table);
    }
    settings_fini(&check.settings);
    if (result != SETTINGS_RUN)
        return CTL_USAGE;
    return check.failed ? CTL_FAILED : CTL_DONE;
}

const struct ctl_command ctl_check_config = {
    .name = "check-config",
    .args = "[gateway|broker]",
    .args_max = 1,
    .summary = "Show the settings a gateway (or broker) would start with, and try them",
    .details =
        "Reads flags, environment and --config file as that program would, says where each\n"
        "value came from (passwords are hidden), and tries: database, schema, bus keys,\n"
        "brokers, whether the addresses are free, ulimits. Run it as the same user and with\n"
        "the same environment. An address in use is a warning: the program may be running.\n"
        "Exit status 2 for a bad setting, 1 if a check failed.\n",
    .examples = "banterctl check-config gateway --config=/etc/banter/gateway.conf\n"
                "banterctl check-config broker --json\n",
    .run = run,
    .own_settings = true,
};
