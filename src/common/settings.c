#include "common/settings.h"

#include "common/check.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/settings_file.h"
#include "common/settings_impl.h"
#include "common/strbuf.h"
#include "common/version.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Far more than all settings with comments. */
#define CONFIG_BYTES_MAX (256 * 1024)

#define G SETTINGS_GATEWAY
#define B SETTINGS_BROKER
#define C SETTINGS_CTL

const struct settings_row settings_rows[SETTINGS_ROWS] = {
#define SETTING_TEXT(field, name, programs, unit, fallback, help)                                  \
    {name, unit, help, fallback, 0, 0, 0, offsetof(struct settings, field), programs, true},
#define SETTING_UINT(field, name, programs, unit, fallback, min, max, help)                        \
    {name, unit, help, NULL, fallback, min, max, offsetof(struct settings, field), programs, false},
#include "common/settings.def"
#undef SETTING_TEXT
#undef SETTING_UINT
};

static char **text_of(struct settings *settings, const struct settings_row *row)
{
    return (char **)(void *)((char *)settings + row->offset);
}

static uint64_t *number_of(struct settings *settings, const struct settings_row *row)
{
    return (uint64_t *)(void *)((char *)settings + row->offset);
}

static void set_text(struct settings *settings, const struct settings_row *row, const char *value)
{
    char **text = text_of(settings, row);
    char *copy = mem_strdup(value);

    mem_free(*text);
    *text = copy;
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

/* source says where the value came from, for the sentence: "BANTER_WORKERS" or "--workers". A bad
 * value is refused even if another source wins over it. */
static bool set_value(struct settings_load *load, const struct settings_row *row, const char *value,
                      enum settings_layer layer, const char *source)
{
    bool wins = layer >= load->layers[row - settings_rows];
    uint64_t number = 0;

    if (!row->is_text && (!parse_uint(value, &number) || number < row->min || number > row->max)) {
        char quoted[256];

        strbuf_printf(&load->sentence,
                      "%s: %s is not usable: a whole number from %llu to %llu (%s) is needed.",
                      source, log_quote(value, quoted, sizeof(quoted)),
                      (unsigned long long)row->min, (unsigned long long)row->max, row->unit);
        return false;
    }
    if (!wins || (row->programs & (int)load->program) == 0)
        return true;
    if (row->is_text)
        set_text(load->settings, row, value);
    else
        *number_of(load->settings, row) = number;
    load->layers[row - settings_rows] = layer;
    return true;
}

/* Reads BANTER_NAME_FILE's file, as container secrets are given; NULL and a sentence if it fails.
 */
static char *read_secret(struct settings_load *load, const char *source, const char *path)
{
    char text[4096];
    FILE *file = fopen(path, "re");
    size_t len;

    if (file == NULL) {
        strbuf_printf(&load->sentence, "%s: cannot read \"%s\": %s.", source, path,
                      strerror(errno));
        return NULL;
    }
    len = fread(text, 1, sizeof(text), file);
    if (ferror(file) || len == 0 || len == sizeof(text)) {
        strbuf_printf(&load->sentence,
                      "%s: \"%s\" is not usable: a file of 1 to %zu bytes is needed.", source, path,
                      sizeof(text) - 1);
        fclose(file);
        return NULL;
    }
    fclose(file);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return mem_strndup(text, len);
}

static bool set_from_secret(struct settings_load *load, const struct settings_row *row,
                            const char *path, enum settings_layer layer, const char *source)
{
    char *secret = read_secret(load, source, path);
    bool good = secret != NULL && set_value(load, row, secret, layer, source);

    if (secret != NULL)
        mem_wipe(secret, strlen(secret));
    mem_free(secret);
    return good;
}

static bool load_environment(struct settings_load *load, const struct settings_row *row)
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
        return set_value(load, row, value, SETTINGS_LAYER_ENVIRONMENT, variable);
    return path == NULL ||
           set_from_secret(load, row, path, SETTINGS_LAYER_ENVIRONMENT, variable_file);
}

/* ---- the file ---- */

/* "BANTER_X" or "BANTER_X_FILE". */
static const struct settings_row *find_variable(const char *name, bool *is_file)
{
    for (size_t i = 0; i < SETTINGS_ROWS; i++) {
        size_t len = strlen(settings_rows[i].name);

        if (strncmp(name, "BANTER_", 7) != 0 || strncmp(name + 7, settings_rows[i].name, len) != 0)
            continue;
        *is_file = strcmp(name + 7 + len, "_FILE") == 0;
        if (*is_file || name[7 + len] == '\0')
            return &settings_rows[i];
    }
    return NULL;
}

static bool load_line(struct settings_load *load, const char *path, unsigned line, const char *name,
                      const char *value)
{
    bool is_file = false;
    const struct settings_row *row = find_variable(name, &is_file);
    char *source = mem_printf("%s:%u: %s", path, line, name);
    bool good = false;

    if (row == NULL) {
        strbuf_printf(&load->sentence, "%s: there is no such setting; --help lists them.", source);
    } else if (row->offset == offsetof(struct settings, config)) {
        strbuf_printf(&load->sentence, "%s: a file cannot name another one.", source);
    } else if (load->lines[row - settings_rows] != 0) {
        strbuf_printf(&load->sentence, "%s: it is set in line %u already.", source,
                      load->lines[row - settings_rows]);
    } else {
        load->lines[row - settings_rows] = line;
        good = is_file ? set_from_secret(load, row, value, SETTINGS_LAYER_FILE, source)
                       : set_value(load, row, value, SETTINGS_LAYER_FILE, source);
    }
    mem_free(source);
    return good;
}

static bool load_lines(struct settings_load *load, const char *path, char *text, size_t len)
{
    struct settings_file file;
    const char *name;
    const char *value;
    const char *why;

    settings_file_init(&file, text, len);
    for (;;) {
        switch (settings_file_next(&file, &name, &value, &why)) {
        case SETTINGS_FILE_END:
            return true;
        case SETTINGS_FILE_BAD:
            strbuf_printf(&load->sentence, "%s:%u: %s.", path, file.line, why);
            return false;
        case SETTINGS_FILE_LINE:
            if (!load_line(load, path, file.line, name, value))
                return false;
        }
    }
}

static bool load_file(struct settings_load *load)
{
    const char *path = load->settings->config;
    FILE *file;
    char *text;
    size_t len;
    bool good;

    if (path[0] == '\0')
        return true;
    file = fopen(path, "re");
    if (file == NULL) {
        strbuf_printf(&load->sentence, "BANTER_CONFIG: cannot read \"%s\": %s.", path,
                      strerror(errno));
        return false;
    }
    text = mem_alloc(CONFIG_BYTES_MAX + 1);
    len = fread(text, 1, CONFIG_BYTES_MAX + 1, file);
    good = !ferror(file) && len <= CONFIG_BYTES_MAX;
    fclose(file);
    if (good)
        good = load_lines(load, path, text, len);
    else
        strbuf_printf(&load->sentence,
                      "BANTER_CONFIG: \"%s\" is not usable: a file of at most %d bytes is needed.",
                      path, CONFIG_BYTES_MAX);
    mem_wipe(text, CONFIG_BYTES_MAX + 1); /* it may have held a password */
    mem_free(text);
    return good;
}

/* ---- flags ---- */

/* "--db-threads" for DB_THREADS. */
static void flag_name(const struct settings_row *row, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "--");

    for (const char *c = row->name; *c != '\0' && at + 1 < size; c++)
        out[at++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    out[at] = '\0';
}

static const struct settings_row *find_flag(enum settings_program program, const char *argument,
                                            const char **value_out)
{
    for (size_t i = 0; i < SETTINGS_ROWS; i++) {
        char flag[64];
        size_t len;

        flag_name(&settings_rows[i], flag, sizeof(flag));
        len = strlen(flag);
        if ((settings_rows[i].programs & (int)program) == 0 || strncmp(argument, flag, len) != 0)
            continue;
        if (argument[len] == '=' || argument[len] == '\0') {
            *value_out = argument[len] == '=' ? argument + len + 1 : NULL;
            return &settings_rows[i];
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
           "Each setting is a flag, an environment variable and a line of the file that\n"
           "BANTER_CONFIG names; they win in this order. BANTER_X_FILE names a file to read\n"
           "the setting X from.\n\n",
           program_name(program));
    printf("%-31s %-12s %-16s %s\n", "NAME", "UNIT", "DEFAULT", "MEANING");
    for (size_t i = 0; i < SETTINGS_ROWS; i++) {
        char number[24];
        char variable[64];

        if ((settings_rows[i].programs & (int)program) == 0)
            continue;
        snprintf(number, sizeof(number), "%llu", (unsigned long long)settings_rows[i].fallback);
        snprintf(variable, sizeof(variable), "BANTER_%s", settings_rows[i].name);
        printf("%-31s %-12s %-16s %s\n", variable, settings_rows[i].unit,
               !settings_rows[i].is_text                ? number
               : settings_rows[i].fallback_text[0] != 0 ? settings_rows[i].fallback_text
                                                        : "-",
               settings_rows[i].help);
    }
    printf("\n--help, --version%s\n",
           program == SETTINGS_GATEWAY ? ", --routes (the route table as JSON)" : "");
}

static enum settings_result load_flag(struct settings_load *load, int argc, char **argv, int *index)
{
    const char *argument = argv[*index];
    const char *value;
    const struct settings_row *row;

    if (strcmp(argument, "--help") == 0) {
        print_help(load->program);
        return SETTINGS_EXIT_OK;
    }
    if (strcmp(argument, "--version") == 0) {
        puts("Banter " BANTER_VERSION);
        return SETTINGS_EXIT_OK;
    }
    if (load->program == SETTINGS_GATEWAY && strcmp(argument, "--routes") == 0)
        return SETTINGS_ROUTES;
    row = find_flag(load->program, argument, &value);
    if (row == NULL) {
        strbuf_printf(&load->sentence, "%s: there is no such setting; --help lists them.",
                      argument);
        return SETTINGS_BAD;
    }
    if (value == NULL && ++*index < argc)
        value = argv[*index];
    if (value == NULL) {
        strbuf_printf(&load->sentence, "%s: a value is needed.", argument);
        return SETTINGS_BAD;
    }
    return set_value(load, row, value, SETTINGS_LAYER_FLAG, argument) ? SETTINGS_RUN : SETTINGS_BAD;
}

/* Such a URL names an absolute path, with what means something in a URL written as %xx. */
static char *own_database_url(const char *run_dir)
{
    struct strbuf url = STRBUF_EMPTY;
    char here[PATH_MAX] = "";
    bool relative = run_dir[0] != '/' && getcwd(here, sizeof(here)) != NULL;
    size_t dot = strncmp(run_dir, "./", 2) == 0 ? 2 : 0;
    char *dir = relative ? mem_printf("%s/%s", here, run_dir + dot) : mem_strdup(run_dir);

    strbuf_add_str(&url, "mysql://banter@/banter?socket=");
    for (const char *at = dir; *at != '\0'; at++)
        strbuf_printf(&url, strchr("%?#&", *at) != NULL ? "%%%02x" : "%c", (unsigned char)*at);
    strbuf_add_str(&url, "/mariadb/mariadb.sock");
    mem_free(dir);
    return strbuf_take(&url);
}

static void fill_in(struct settings_load *load)
{
    struct settings *settings = load->settings;
    const char *dir = settings->run_dir;

    if (settings->database_url[0] == '\0') {
        load->layers[SETTINGS_ROW_database_url] = SETTINGS_LAYER_DEFAULT;
        mem_free(settings->database_url);
        settings->database_url = own_database_url(dir);
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

/* The sources from the one that wins to the one that loses: so --help needs no file, and the file
 * can be named by any of the others. */
static enum settings_result load_all(struct settings_load *load, int argc, char **argv)
{
    memset(load->settings, 0, sizeof(*load->settings));
    for (size_t i = 0; i < SETTINGS_ROWS; i++) {
        if (settings_rows[i].is_text)
            set_text(load->settings, &settings_rows[i], settings_rows[i].fallback_text);
        else
            *number_of(load->settings, &settings_rows[i]) = settings_rows[i].fallback;
    }
    for (int i = 1; i < argc; i++) {
        enum settings_result result = load_flag(load, argc, argv, &i);

        if (result != SETTINGS_RUN)
            return result;
    }
    for (size_t i = 0; i < SETTINGS_ROWS; i++)
        if ((settings_rows[i].programs & (int)load->program) != 0 &&
            !load_environment(load, &settings_rows[i]))
            return SETTINGS_BAD;
    if (!load_file(load))
        return SETTINGS_BAD;
    fill_in(load);
    return settings_check(load) ? SETTINGS_RUN : SETTINGS_BAD;
}

enum settings_result settings_load(struct settings *settings, enum settings_program program,
                                   int argc, char **argv)
{
    struct settings_load load = {.settings = settings, .program = program};
    enum settings_result result = load_all(&load, argc, argv);

    if (result == SETTINGS_BAD)
        fprintf(stderr, "%s\n", strbuf_str(&load.sentence));
    strbuf_fini(&load.sentence);
    return result;
}

/* ---- explaining ---- */

/* "mysql://user:***@host/name". A password ends at the first @, since one inside is written %40;
 * who has forgotten that shall not find its rest in the output, so all is hidden up to the last. */
static char *hide_password(const char *url)
{
    const char *begin = strstr(url, "://");
    const char *end = begin != NULL ? strrchr(begin, '@') : NULL;
    const char *colon = end != NULL ? memchr(begin + 3, ':', (size_t)(end - begin - 3)) : NULL;

    if (colon == NULL)
        return mem_strdup(begin != NULL ? url : "***");
    return mem_printf("%.*s:***%s", (int)(colon - url), url, end);
}

static void explain(const struct settings_load *load, size_t index, settings_value_fn *fn,
                    void *context)
{
    const struct settings_row *row = &settings_rows[index];
    char *value;
    char *from;

    if (index == SETTINGS_ROW_database_url)
        value = hide_password(load->settings->database_url);
    else if (row->is_text)
        value = mem_strdup(*text_of(load->settings, row));
    else
        value = mem_printf("%llu", (unsigned long long)*number_of(load->settings, row));
    switch (load->layers[index]) {
    case SETTINGS_LAYER_DEFAULT:
        from = mem_strdup("default");
        break;
    case SETTINGS_LAYER_FILE:
        from = mem_printf("%s:%u", load->settings->config, load->lines[index]);
        break;
    case SETTINGS_LAYER_ENVIRONMENT:
        from = mem_strdup("environment");
        break;
    case SETTINGS_LAYER_FLAG:
        from = mem_strdup("flag");
        break;
    default:
        UNREACHABLE();
    }
    fn(context, row->name, value, from);
    mem_free(value);
    mem_free(from);
}

enum settings_result settings_explain(struct settings *settings, enum settings_program program,
                                      int argc, char **argv, settings_value_fn *fn, void *context)
{
    struct settings_load load = {.settings = settings, .program = program};
    enum settings_result result = load_all(&load, argc, argv);

    for (size_t i = 0; i < SETTINGS_ROWS; i++)
        if ((settings_rows[i].programs & (int)program) != 0)
            explain(&load, i, fn, context);
    if (result == SETTINGS_BAD)
        fprintf(stderr, "%s\n", strbuf_str(&load.sentence));
    strbuf_fini(&load.sentence);
    return result;
}

bool settings_reload(struct settings *fresh, enum settings_program program, int argc, char **argv,
                     char *error, size_t error_size)
{
    struct settings_load load = {.settings = fresh, .program = program};
    bool good = load_all(&load, argc, argv) == SETTINGS_RUN;

    if (!good) {
        snprintf(error, error_size, "%s", strbuf_str(&load.sentence));
        settings_fini(fresh);
    }
    strbuf_fini(&load.sentence);
    return good;
}

/* ---- comparing ---- */

static bool same_value(const struct settings *a, const struct settings *b,
                       const struct settings_row *row)
{
    const char *at_a = (const char *)a + row->offset;
    const char *at_b = (const char *)b + row->offset;
    char *text_a;
    char *text_b;

    if (!row->is_text)
        return memcmp(at_a, at_b, sizeof(uint64_t)) == 0;
    memcpy(&text_a, at_a, sizeof(text_a));
    memcpy(&text_b, at_b, sizeof(text_b));
    return strcmp(text_a, text_b) == 0;
}

size_t settings_changed(const struct settings *old, const struct settings *fresh,
                        enum settings_program program, struct strbuf *names)
{
    size_t count = 0;

    for (size_t i = 0; i < SETTINGS_ROWS; i++) {
        if ((settings_rows[i].programs & (int)program) == 0 ||
            same_value(old, fresh, &settings_rows[i]))
            continue;
        strbuf_printf(names, "%s%s", count > 0 ? "," : "", settings_rows[i].name);
        count++;
    }
    return count;
}

bool settings_keep(struct settings *fresh, const struct settings *old, const char *name)
{
    for (size_t i = 0; i < SETTINGS_ROWS; i++) {
        const char *from = (const char *)old + settings_rows[i].offset;

        if (strcmp(settings_rows[i].name, name) != 0 || same_value(old, fresh, &settings_rows[i]))
            continue;
        if (settings_rows[i].is_text) {
            char *text;

            memcpy(&text, from, sizeof(text));
            set_text(fresh, &settings_rows[i], text);
        } else {
            memcpy((char *)fresh + settings_rows[i].offset, from, sizeof(uint64_t));
        }
        return true;
    }
    return false;
}

void settings_fini(struct settings *settings)
{
    for (size_t i = 0; i < SETTINGS_ROWS; i++)
        if (settings_rows[i].is_text)
            mem_free(*text_of(settings, &settings_rows[i]));
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
