/*
 * args.h: finds the command that words name, and sorts the rest of them. Says its objections on
 * stderr.
 */
#ifndef BANTER_CTL_ARGS_H
#define BANTER_CTL_ARGS_H

#include "ctl/ctl.h"

/* The command of the first words ("user", "create"), or NULL. *used_out is how many words it took;
 * without a command, how many of them some command begins with. */
const struct ctl_command *args_find(const struct ctl_command *const *commands, int count,
                                    char **words, int *used_out);

/*
 * Sorts the words after the command into ctl->args, ctl->option_values and the flags; ctl->command
 * is set, the rest of ctl is zeroed. What is a setting goes to settings_out, which has room for
 * count + 1 and begins with settings_out[0]; *settings_count_out counts from there. After "--"
 * everything is an argument. False and a sentence when something does not fit.
 */
bool args_sort(struct ctl *ctl, int count, char **words, char **settings_out,
               int *settings_count_out) ATTR_MUSTCHECK;

#endif
