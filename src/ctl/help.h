/*
 * help.h: what banterctl says about itself.
 */
#ifndef BANTER_CTL_HELP_H
#define BANTER_CTL_HELP_H

#include "ctl/ctl.h"

#include <stdio.h>

/* All commands, or those that begin with the word prefix; prefix NULL for all. */
void help_overview(FILE *out, const char *prefix);
/* Usage, arguments, options, examples and exit statuses of one. */
void help_command(FILE *out, const struct ctl_command *command);
/* For scripts that check or make other lists (completion, man pages): a line for each command, its
 * name, arguments, options and summary with tabs between. */
void help_list(FILE *out);

#endif
