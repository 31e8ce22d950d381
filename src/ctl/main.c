/*
 * banterctl: what an operator does to a Banter from outside.
 *
 *   banterctl keys DIR [NAME ...] [--json]
 *                          key files for an encrypted bus; without names for one gateway
 *   banterctl migrate      brings the database's schema up to this program's
 *   banterctl new-epoch    after a backup was restored: clients' positions are of another log now
 *
 * Exit status: 0 done, 1 it failed (the reason is on stderr), 2 the words are off.
 */
#include "common/check.h"
#include "common/db.h"
#include "common/log.h"
#include "common/schema.h"
#include "common/settings.h"
#include "common/store_log.h"
#include "ctl/keys.h"

#include <stdio.h>
#include <string.h>

static int migrate(const struct settings *settings)
{
    char error[512];

    if (schema_migrate(settings->database_url, error, sizeof(error)) == ERR_NONE)
        return 0;
    fprintf(stderr, "banterctl: %s\n", error);
    return 1;
}

static int new_epoch(const struct settings *settings)
{
    char error[512] = "";
    struct db *db = db_create(settings->database_url, error, sizeof(error));
    uint64_t epoch = 0;
    enum err err = ERR_DB_FAILED;

    if (db != NULL)
        err = store_log_renew_epoch(db, &epoch);
    else
        fprintf(stderr, "banterctl: %s\n", error);
    if (err == ERR_NONE)
        printf("The log's epoch is now %llu. Restart the brokers, so that they say so.\n",
               (unsigned long long)epoch);
    else if (db != NULL)
        fprintf(stderr, "banterctl: %s\n", err_sentence(err));
    db_destroy(&db);
    return err == ERR_NONE ? 0 : 1;
}

static const struct {
    const char *name;
    const char *help;
    int (*run)(const struct settings *settings);
} commands[] = {
    {"migrate", "bring the database's schema up to this program's", migrate},
    {"new-epoch", "after a restored backup: tell clients that the log is another one", new_epoch},
};

static int usage(FILE *out, int status)
{
    fputs("Usage: banterctl COMMAND [--setting=value ...]\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "  %-12s %s\n", "keys",
            "make the key files of an encrypted bus: keys DIR [NAME ...]");
    fputs("\nbanterctl COMMAND --help lists the settings.\n", out);
    return status;
}

static int run(int (*command)(const struct settings *settings), int argc, char **argv)
{
    struct settings settings;
    char error[160];
    int status = 0;

    switch (settings_load(&settings, SETTINGS_CTL, argc, argv)) {
    case SETTINGS_RUN:
        log_init("banterctl", LOG_INFO);
        if (!log_set(settings.log_level, settings.log_format, error, sizeof(error)))
            fatal("%s", error); /* the settings have checked it */
        db_library_init();
        status = command(&settings);
        db_thread_fini();
        db_library_fini();
        break;
    case SETTINGS_EXIT_OK:
    case SETTINGS_ROUTES:
        break;
    case SETTINGS_BAD:
        status = 2;
        break;
    }
    settings_fini(&settings);
    return status;
}

/* Needs no settings. */
static int make_keys(int argc, char **argv)
{
    static char gateway[] = "gateway";
    char *only_gateway[] = {gateway};
    bool json = false;
    int count = 0;

    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else
            argv[count++] = argv[i];
    if (count < 1 || argv[0][0] == '-') {
        fputs("Usage: banterctl keys DIR [NAME ...] [--json]\n", stderr);
        return 2;
    }
    if (count == 1)
        return keys_make(argv[0], only_gateway, 1, json) ? 0 : 1;
    return keys_make(argv[0], argv + 1, (size_t)count - 1, json) ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, 0);
    if (strcmp(argv[1], "keys") == 0)
        return make_keys(argc - 2, argv + 2);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(commands[i].run, argc - 1, argv + 1);
    fprintf(stderr, "banterctl: there is no command \"%s\".\n", argv[1]);
    return usage(stderr, 2);
}
