/*
 * banterctl: what an operator does to a Banter from outside. The commands are in commands.def;
 * their exit statuses are in ctl.h.
 */
#include "common/log.h"
#include "common/mem.h"
#include "common/version.h"
#include "ctl/args.h"
#include "ctl/help.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#define COMMAND(symbol) extern const struct ctl_command ctl_##symbol;
#include "ctl/commands.def"
#undef COMMAND

const struct ctl_command *const ctl_commands[] = {
#define COMMAND(symbol) &ctl_##symbol,
#include "ctl/commands.def"
#undef COMMAND
    NULL,
};

/* ---- one run ----------------------------------------------------------------------------------*/

static enum ctl_status run_loaded(struct ctl *ctl)
{
    enum ctl_status status;

    db_library_init();
    status = ctl->command->run(ctl);
    db_destroy(&ctl->db);
    db_thread_fini();
    db_library_fini();
    /* A full disk, a pipe that nobody reads: what was printed did not arrive. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_DONE)
        status = CTL_FAILED;
    return status;
}

static enum ctl_status run_with_settings(struct ctl *ctl, int argc, char **argv)
{
    enum ctl_status status = CTL_DONE;

    switch (settings_load(&ctl->settings, SETTINGS_CTL, argc, argv)) {
    case SETTINGS_RUN: {
        enum log_level level;

        if (log_level_parse(ctl->settings.log_level, &level))
            log_init("banterctl", ctl->command->logs ? level : MAX(level, LOG_WARN));
        status = run_loaded(ctl);
        break;
    }
    case SETTINGS_EXIT_OK:
    case SETTINGS_ROUTES:
        break;
    case SETTINGS_BAD:
        status = CTL_USAGE;
        break;
    }
    settings_fini(&ctl->settings);
    return status;
}

static enum ctl_status run(const struct ctl_command *command, int count, char **words)
{
    static char program[] = "banterctl";
    struct ctl ctl = {.command = command};
    char **settings = mem_alloc_array((size_t)count + 2, sizeof(*settings));
    int settings_count = 0;
    enum ctl_status status = CTL_USAGE;

    settings[0] = program;
    if (args_sort(&ctl, count, words, settings + 1, &settings_count)) {
        if (ctl.help) {
            help_command(stdout, command);
            status = CTL_DONE;
        } else if (command->no_settings || command->own_settings) {
            ctl.setting_count = settings_count + 1;
            ctl.setting_words = settings;
            status = run_loaded(&ctl);
        } else {
            status = run_with_settings(&ctl, settings_count + 1, settings);
        }
    }
    mem_free(settings);
    return status;
}

static enum ctl_status print_settings(void)
{
    static char program[] = "banterctl";
    static char help[] = "--help";
    struct settings settings;
    bool good =
        settings_load(&settings, SETTINGS_CTL, 2, (char *[]){program, help}) != SETTINGS_BAD;

    settings_fini(&settings);
    return good ? CTL_DONE : CTL_USAGE;
}

/* Words that are no command. */
static enum ctl_status run_other(int count, char **words, int known)
{
    if (count == 0) {
        help_overview(stderr, NULL);
        return CTL_USAGE;
    }
    if (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
        help_overview(stdout, NULL);
        return CTL_DONE;
    }
    if (strcmp(words[0], "--version") == 0) {
        puts("banterctl (Banter) " BANTER_VERSION);
        return CTL_DONE;
    }
    if (strcmp(words[0], "--settings") == 0)
        return print_settings();
    if (strcmp(words[0], "--list-commands") == 0) {
        help_list(stdout);
        return CTL_DONE;
    }
    if (known > 0 && count > known &&
        (strcmp(words[known], "--help") == 0 || strcmp(words[known], "-h") == 0)) {
        help_overview(stdout, words[0]);
        return CTL_DONE;
    }
    ctl_complain("there is no command \"%s%s%s\".", words[0], known > 0 && count > 1 ? " " : "",
                 known > 0 && count > 1 ? words[1] : "");
    help_overview(stderr, known > 0 ? words[0] : NULL);
    return CTL_USAGE;
}

int main(int argc, char **argv)
{
    const struct ctl_command *command;
    int count = argc - 1;
    char **words = argv + 1;
    int used;

    setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters in tables */
    if (count > 1 && strcmp(words[0], "help") == 0) {
        command = args_find(ctl_commands, count - 1, words + 1, &used);
        if (command != NULL) {
            help_command(stdout, command);
            return CTL_DONE;
        }
        help_overview(stdout, used > 0 ? words[1] : NULL);
        return used > 0 ? CTL_DONE : CTL_USAGE;
    }
    if (count == 1 && strcmp(words[0], "help") == 0) {
        help_overview(stdout, NULL);
        return CTL_DONE;
    }
    command = args_find(ctl_commands, count, words, &used);
    if (command == NULL)
        return (int)run_other(count, words, used);
    return (int)run(command, count - used, words + used);
}
