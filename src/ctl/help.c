#include "ctl/help.h"

#include "common/mem.h"

#include <string.h>

#define NAME_WIDTH 34

static const struct ctl_option common_options[] = {
    {"json", NULL, "print JSON: one object, or one on each line"},
    {"yes", NULL, "ask nothing (-y)"},
    {"quiet", NULL, "say only what was asked for, and errors (-q)"},
    {"help", NULL, "this text (-h)"},
    {NULL, NULL, NULL},
};

static void print_row(FILE *out, char *left, const char *right)
{
    fprintf(out, "  %-*s %s\n", NAME_WIDTH, left, right);
    mem_free(left);
}

static bool begins_with_word(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(name, prefix, len) == 0 && (name[len] == ' ' || name[len] == '\0');
}

void help_overview(FILE *out, const char *prefix)
{
    fputs("Usage: banterctl COMMAND [ARGUMENTS] [OPTIONS] [--setting=value ...]\n\n", out);
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const struct ctl_command *command = ctl_commands[i];

        if (prefix == NULL || begins_with_word(command->name, prefix))
            print_row(out, mem_printf("%s %s", command->name, command->args), command->summary);
    }
    fputs(
        "\nbanterctl COMMAND --help says more about one; banterctl --settings lists the settings,\n"
        "which are the environment's (BANTER_DATABASE_URL …) or flags (--database-url=…).\n",
        out);
}

static void print_options(FILE *out, const struct ctl_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        const char *value = options->value != NULL ? options->value : "";

        print_row(out, mem_printf("--%s%s%s", options->name, value[0] != '\0' ? "=" : "", value),
                  options->help);
    }
}

static void print_lines(FILE *out, const char *title, const char *lines)
{
    if (lines == NULL)
        return;
    fprintf(out, "\n%s", title);
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");

        fprintf(out, "%s%.*s\n", title[0] != '\0' ? "  " : "", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

void help_command(FILE *out, const struct ctl_command *command)
{
    fprintf(out, "Usage: banterctl %s%s%s [OPTIONS]%s\n\n%s.\n", command->name,
            command->args[0] != '\0' ? " " : "", command->args,
            command->no_settings ? "" : " [--setting=value ...]", command->summary);
    print_lines(out, "", command->details);
    fputs("\nOptions:\n", out);
    print_options(out, command->options);
    print_options(out, common_options);
    print_lines(out, "Examples:\n", command->examples);
    fputs("\nExit status: 0 done, 1 failed, 2 wrong words or settings, 3 not found,\n"
          "4 database, broker or admin listener unreachable, 5 not confirmed.\n",
          out);
}

void help_list(FILE *out)
{
    for (size_t i = 0; ctl_commands[i] != NULL; i++) {
        const struct ctl_command *command = ctl_commands[i];

        fprintf(out, "%s\t%s\t", command->name, command->args);
        for (const struct ctl_option *o = command->options; o != NULL && o->name != NULL; o++)
            fprintf(out, "%s--%s%s", o == command->options ? "" : " ", o->name,
                    o->value != NULL ? "=" : "");
        fprintf(out, "\t%s\n", command->summary);
    }
}
