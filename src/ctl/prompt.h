/*
 * prompt.h: asking whoever sits at the terminal. Without one, nothing is asked.
 */
#ifndef BANTER_CTL_PROMPT_H
#define BANTER_CTL_PROMPT_H

#include "common/limits.h"
#include "ctl/ctl.h"

/* Before something is destroyed. True with --yes, or if the answer is "yes"; otherwise false, and a
 * sentence on stderr says so: return CTL_REFUSED. question is a sentence that ends in "?". */
bool prompt_confirm(const struct ctl *ctl, const char *question) ATTR_MUSTCHECK;

/* A password without echo, twice the same; or, with from_stdin, the first line of stdin. False and
 * a sentence if there is none that can be used. The caller wipes it. */
bool prompt_password(bool from_stdin, char out[PASSWORD_BYTES_MAX + 1]) ATTR_MUSTCHECK;
/* Whether somebody could be asked. */
bool prompt_possible(void);

#endif
