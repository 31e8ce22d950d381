#include "ctl/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many words of a name the words begin with; *whole_out if that is all of it. */
static int match(const char *name, int count, char **words, bool *whole_out)
{
    int used = 0;

    while (used < count) {
        size_t len = strcspn(name, " ");

        if (strlen(words[used]) != len || strncmp(name, words[used], len) != 0)
            break;
        used++;
        name += len;
        if (*name == '\0') {
            *whole_out = true;
            return used;
        }
        name++;
    }
    *whole_out = false;
    return used;
}

const struct ctl_command *args_find(const struct ctl_command *const *commands, int count,
                                    char **words, int *used_out)
{
    *used_out = 0;
    for (size_t i = 0; commands[i] != NULL; i++) {
        bool whole;
        int used = match(commands[i]->name, count, words, &whole);

        if (whole) {
            *used_out = used;
            return commands[i];
        }
        *used_out = MAX(*used_out, used);
    }
    return NULL;
}

/* The place of the command's option that the word (behind its dashes) names, or -1. */
static int find_option(const struct ctl_command *command, const char *word)
{
    size_t len = strcspn(word, "=");

    for (int i = 0; command->options != NULL && command->options[i].name != NULL; i++)
        if (strlen(command->options[i].name) == len &&
            strncmp(command->options[i].name, word, len) == 0)
            return i;
    return -1;
}

static bool take_option(struct ctl *ctl, int place, int count, char **words, int *at)
{
    const struct ctl_option *option = &ctl->command->options[place];
    const char *equals = strchr(words[*at], '=');

    if (option->value == NULL) {
        if (equals != NULL)
            return ctl_complain("--%s takes no value.", option->name), false;
        ctl->option_values[place] = "";
        return true;
    }
    if (equals == NULL && *at + 1 >= count)
        return ctl_complain("--%s: a value is needed (%s).", option->name, option->value), false;
    ctl->option_values[place] = equals != NULL ? equals + 1 : words[++*at];
    return true;
}

static bool take_flag(struct ctl *ctl, const char *word)
{
    if (strcmp(word, "--json") == 0)
        return ctl->json = true;
    if (strcmp(word, "--yes") == 0 || strcmp(word, "-y") == 0)
        return ctl->yes = true;
    if (strcmp(word, "--quiet") == 0 || strcmp(word, "-q") == 0)
        return ctl->quiet = true;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return ctl->help = true;
    return false;
}

static bool take_argument(struct ctl *ctl, const char *word)
{
    if (ctl->arg_count >= ctl->command->args_max || ctl->arg_count >= CTL_ARGS_MAX)
        return ctl_complain("\"%s\" is one word too many: banterctl %s%s%s", word,
                            ctl->command->name, ctl->command->args[0] != '\0' ? " " : "",
                            ctl->command->args),
               false;
    ctl->args[ctl->arg_count++] = word;
    return true;
}

/* Every setting takes a value, in the same word or in the next. */
static bool take_setting(struct ctl *ctl, int count, char **words, int *at, char **out, int *len)
{
    if (ctl->command->no_settings || strncmp(words[*at], "--", 2) != 0)
        return ctl_complain("%s: banterctl %s has no such option; --help lists them.", words[*at],
                            ctl->command->name),
               false;
    out[(*len)++] = words[*at];
    if (strchr(words[*at], '=') == NULL && *at + 1 < count)
        out[(*len)++] = words[++*at];
    return true;
}

bool args_sort(struct ctl *ctl, int count, char **words, char **settings_out,
               int *settings_count_out)
{
    bool only_arguments = false;

    *settings_count_out = 0;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        bool plain = only_arguments || word[0] != '-' || word[1] == '\0';
        int place = !plain && word[1] == '-' ? find_option(ctl->command, word + 2) : -1;
        bool good = true;

        if (plain)
            good = take_argument(ctl, word);
        else if (strcmp(word, "--") == 0)
            only_arguments = true;
        else if (place >= 0)
            good = take_option(ctl, place, count, words, &i);
        else if (!take_flag(ctl, word))
            good = take_setting(ctl, count, words, &i, settings_out, settings_count_out);
        if (!good)
            return false;
    }
    if (!ctl->help && ctl->arg_count < ctl->command->args_min)
        return ctl_complain("more words are needed: banterctl %s %s", ctl->command->name,
                            ctl->command->args),
               false;
    return true;
}

/* ---- what commands read from their words ------------------------------------------------------*/

const char *ctl_option(const struct ctl *ctl, const char *name)
{
    int place = find_option(ctl->command, name);

    return place >= 0 ? ctl->option_values[place] : NULL;
}

bool ctl_parse_number(const char *text, uint64_t *number_out)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *number_out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *number_out <= INT64_MAX;
}

bool ctl_option_number(const struct ctl *ctl, const char *name, uint64_t min, uint64_t max,
                       uint64_t fallback, uint64_t *number_out)
{
    const char *value = ctl_option(ctl, name);

    *number_out = fallback;
    if (value == NULL)
        return true;
    if (ctl_parse_number(value, number_out) && *number_out >= min && *number_out <= max)
        return true;
    ctl_complain("--%s=%s: a whole number from %llu to %llu is needed.", name, value,
                 (unsigned long long)min, (unsigned long long)max);
    return false;
}

bool ctl_arg_id(const struct ctl *ctl, size_t index, uint64_t *id_out)
{
    if (ctl_parse_number(ctl->args[index], id_out) && *id_out > 0)
        return true;
    ctl_complain("\"%s\" is no id: a whole number from 1 on is needed.", ctl->args[index]);
    return false;
}
