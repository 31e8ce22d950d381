#include "common/settings.h"

#include "common/bus_sock.h"
#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/networks.h"
#include "common/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define G SETTINGS_GATEWAY
#define B SETTINGS_BROKER
#define C SETTINGS_CTL

struct row {
    const char *name;
    const char *unit;
    const char *help;
    const char *fallback_text;
    uint64_t fallback;
    uint64_t min;
    uint64_t max;
    size_t offset;
    int programs;
    bool is_text;
};

static const struct row rows[] = {
#define SETTING_TEXT(field, name, programs, unit, fallback, help)                                  \
    {name, unit, help, fallback, 0, 0, 0, offsetof(struct settings, field), programs, true},
#define SETTING_UINT(field, name, programs, unit, fallback, min, max, help)                        \
    {name, unit, help, NULL, fallback, min, max, offsetof(struct settings, field), programs, false},
#include "common/settings.def"
#undef SETTING_TEXT
#undef SETTING_UINT
};

static char **text_of(struct settings *settings, const struct row *row)
{
    return (char **)(void *)((char *)settings + row->offset);
}

static uint64_t *number_of(struct settings *settings, const struct row *row)
{
    return (uint64_t *)(void *)((char *)settings + row->offset);
}

static void set_text(struct settings *settings, const struct row *row, const char *value)
{
    char **text = text_of(settings, row);

    mem_free(*text);
    *text = mem_strdup(value);
}

static bool parse_uint(const char *value, uint64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)value[0]))
        return false;
    errno = 0;
    *out = strtoull(value, &end, 10);
    return errno == 0 && *end == '\0';
}

/* source says where the value came from, for the sentence: "BANTER_WORKERS" or "--workers". */
static bool set_value(struct settings *settings, const struct row *row, const char *value,
                      const char *source)
{
    uint64_t number;

    if (row->is_text) {
        set_text(settings, row, value);
        return true;
    }
    if (!parse_uint(value, &number) || number < row->min || number > row->max) {
        fprintf(
            stderr, "%s: \"%s\" is not usable: a whole number from %llu to %llu (%s) is needed.\n",
            source, value, (unsigned long long)row->min, (unsigned long long)row->max, row->unit);
        return false;
    }
    *number_of(settings, row) = number;
    return true;
}

/* Reads BANTER_NAME_FILE's file, as container secrets are given; NULL and a sentence if it fails.
 */
static char *read_secret(const char *variable, const char *path)
{
    char text[4096];
    FILE *file = fopen(path, "re");
    size_t len;

    if (file == NULL) {
        fprintf(stderr, "%s: cannot read \"%s\": %s.\n", variable, path, strerror(errno));
        return NULL;
    }
    len = fread(text, 1, sizeof(text), file);
    if (ferror(file) || len == 0 || len == sizeof(text)) {
        fprintf(stderr, "%s: \"%s\" is not usable: a file of 1 to %zu bytes is needed.\n", variable,
                path, sizeof(text) - 1);
        fclose(file);
        return NULL;
    }
    fclose(file);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return mem_strndup(text, len);
}

static bool load_environment(struct settings *settings, const struct row *row)
{
    char variable[64];
    char variable_file[72];
    const char *value;
    const char *path;

    snprintf(variable, sizeof(variable), "BANTER_%s", row->name);
    snprintf(variable_file, sizeof(variable_file), "%s_FILE", variable);
    value = getenv(variable);
    path = getenv(variable_file);
    /* An empty value does not hide the file: compose files set variables that they do not use. */
    if (value != NULL && (value[0] != '\0' || path == NULL))
        return set_value(settings, row, value, variable);
    if (path != NULL && row->is_text) {
        char *secret = read_secret(variable_file, path);

        if (secret != NULL)
            set_text(settings, row, secret);
        mem_free(secret);
        return secret != NULL;
    }
    return true;
}

/* "--db-threads" for DB_THREADS. */
static void flag_name(const struct row *row, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "--");

    for (const char *c = row->name; *c != '\0' && at + 1 < size; c++)
        out[at++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    out[at] = '\0';
}

static const struct row *find_flag(enum settings_program program, const char *argument,
                                   const char **value_out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char flag[64];
        size_t len;

        flag_name(&rows[i], flag, sizeof(flag));
        len = strlen(flag);
        if ((rows[i].programs & (int)program) == 0 || strncmp(argument, flag, len) != 0)
            continue;
        if (argument[len] == '=' || argument[len] == '\0') {
            *value_out = argument[len] == '=' ? argument + len + 1 : NULL;
            return &rows[i];
        }
    }
    return NULL;
}

static const char *program_name(enum settings_program program)
{
    switch (program) {
    case SETTINGS_GATEWAY:
        return "banter-gateway";
    case SETTINGS_BROKER:
        return "banter-broker";
    case SETTINGS_CTL:
        return "banterctl COMMAND";
    }
    return "banter";
}

static void print_help(enum settings_program program)
{
    printf("Usage: %s [--setting=value ...]\n\n"
           "Each setting is an environment variable and a flag; the flag wins.\n"
           "BANTER_X_FILE names a file to read a text setting X from.\n\n",
           program_name(program));
    printf("%-31s %-12s %-16s %s\n", "NAME", "UNIT", "DEFAULT", "MEANING");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char number[24];
        char variable[64];

        if ((rows[i].programs & (int)program) == 0)
            continue;
        snprintf(number, sizeof(number), "%llu", (unsigned long long)rows[i].fallback);
        snprintf(variable, sizeof(variable), "BANTER_%s", rows[i].name);
        printf("%-31s %-12s %-16s %s\n", variable, rows[i].unit,
               !rows[i].is_text                ? number
               : rows[i].fallback_text[0] != 0 ? rows[i].fallback_text
                                               : "-",
               rows[i].help);
    }
    printf("\n--help, --version%s\n",
           program == SETTINGS_GATEWAY ? ", --routes (the route table as JSON)" : "");
}

static enum settings_result load_flag(struct settings *settings, enum settings_program program,
                                      int argc, char **argv, int *index)
{
    const char *argument = argv[*index];
    const char *value;
    const struct row *row;

    if (strcmp(argument, "--help") == 0) {
        print_help(program);
        return SETTINGS_EXIT_OK;
    }
    if (strcmp(argument, "--version") == 0) {
        puts("Banter " BANTER_VERSION);
        return SETTINGS_EXIT_OK;
    }
    if (program == SETTINGS_GATEWAY && strcmp(argument, "--routes") == 0)
        return SETTINGS_ROUTES;
    row = find_flag(program, argument, &value);
    if (row == NULL) {
        fprintf(stderr, "%s: there is no such setting; --help lists them.\n", argument);
        return SETTINGS_BAD;
    }
    if (value == NULL && ++*index < argc)
        value = argv[*index];
    if (value == NULL) {
        fprintf(stderr, "%s: a value is needed.\n", argument);
        return SETTINGS_BAD;
    }
    return set_value(settings, row, value, argument) ? SETTINGS_RUN : SETTINGS_BAD;
}

static void fill_in(struct settings *settings)
{
    const char *dir = settings->run_dir;

    if (settings->database_url[0] == '\0') {
        mem_free(settings->database_url);
        settings->database_url =
            mem_printf("mysql://banter@/banter?socket=%s/mariadb/mariadb.sock", dir);
    }
    if (settings->brokers[0] == '\0') {
        mem_free(settings->brokers);
        settings->brokers = mem_printf("ipc://%s/broker", dir);
    }
    if (settings->broker_listen[0] == '\0') {
        mem_free(settings->broker_listen);
        settings->broker_listen = mem_printf("ipc://%s/broker", dir);
    }
}

static bool bad(const char *name, const char *value, const char *why)
{
    char quoted[256];

    fprintf(stderr, "BANTER_%s: %s is not usable: %s.\n", name,
            log_quote(value, quoted, sizeof(quoted)), why);
    return false;
}

static bool check_address(const char *name, const char *value)
{
    char host[256];
    uint16_t port;

    if (settings_split_address(value, host, sizeof(host), &port))
        return true;
    return bad(name, value, "host:port is needed, as 127.0.0.1:8000 or [::1]:8000");
}

static bool check_brokers(const char *value)
{
    bool good = true;

    for (const char *at = value; good; at++) {
        size_t len = strcspn(at, ",");
        char *one = mem_strndup(at, len);

        good = strchr(one, ' ') == NULL && bus_address_valid(one);
        mem_free(one);
        at += len;
        if (*at == '\0')
            break;
    }
    return good || bad("BROKERS", value,
                       "tcp://host:port or ipc:///path is needed, several with commas between");
}

static bool check_trusted_proxies(const char *value)
{
    struct networks networks;
    char why[128];

    if (!networks_parse(value, &networks, why, sizeof(why)))
        return bad("TRUSTED_PROXIES", value, why);
    networks_fini(&networks);
    return true;
}

static bool check_all(const struct settings *settings)
{
    char error[160];

    if (!log_usable(settings->log_level, "logfmt", error, sizeof(error)))
        return bad("LOG_LEVEL", settings->log_level, error);
    if (!log_usable("info", settings->log_format, error, sizeof(error)))
        return bad("LOG_FORMAT", settings->log_format, error);
    if (!check_address("LISTEN", settings->listen))
        return false;
    if (settings->admin_listen[0] != '\0' && !check_address("ADMIN_LISTEN", settings->admin_listen))
        return false;
    if (settings->proxy_listen[0] != '\0' && !check_address("PROXY_LISTEN", settings->proxy_listen))
        return false;
    if (!check_trusted_proxies(settings->trusted_proxies))
        return false;
    if (!bus_address_valid(settings->broker_listen))
        return bad("BROKER_LISTEN", settings->broker_listen,
                   "tcp://host:port or ipc:///path is needed");
    if (strncmp(settings->database_url, "mysql://", 8) != 0) {
        /* The value is not shown: it may hold a password. */
        fputs("BANTER_DATABASE_URL: mysql://user:password@host:port/name is needed.\n", stderr);
        return false;
    }
    return check_brokers(settings->brokers);
}

enum settings_result settings_load(struct settings *settings, enum settings_program program,
                                   int argc, char **argv)
{
    memset(settings, 0, sizeof(*settings));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].is_text)
            set_text(settings, &rows[i], rows[i].fallback_text);
        else
            *number_of(settings, &rows[i]) = rows[i].fallback;
        if ((rows[i].programs & (int)program) != 0 && !load_environment(settings, &rows[i]))
            return SETTINGS_BAD;
    }
    for (int i = 1; i < argc; i++) {
        enum settings_result result = load_flag(settings, program, argc, argv, &i);

        if (result != SETTINGS_RUN)
            return result;
    }
    fill_in(settings);
    return check_all(settings) ? SETTINGS_RUN : SETTINGS_BAD;
}

void settings_fini(struct settings *settings)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].is_text)
            mem_free(*text_of(settings, &rows[i]));
    memset(settings, 0, sizeof(*settings));
}

bool settings_split_address(const char *address, char *host, size_t host_size, uint16_t *port_out)
{
    const char *colon = strrchr(address, ':');
    const char *begin = address;
    size_t len;
    uint64_t port;

    if (colon == NULL || !parse_uint(colon + 1, &port) || port > UINT16_MAX)
        return false;
    len = (size_t)(colon - address);
    if (len >= 2 && begin[0] == '[' && begin[len - 1] == ']') {
        begin++;
        len -= 2;
    } else if (memchr(begin, ':', len) != NULL) {
        return false; /* an IPv6 address needs its brackets */
    }
    if (len == 0 || len >= host_size)
        return false;
    memcpy(host, begin, len);
    host[len] = '\0';
    *port_out = (uint16_t)port;
    return true;
}
