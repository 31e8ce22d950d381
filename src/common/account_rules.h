/*
 * account_rules.h: what a user name, an e-mail address and a password may be; the same for who
 * registers and for operators. Pure.
 *
 * Each returns NULL, or a sentence (static) that says what is needed.
 */
#ifndef BANTER_COMMON_ACCOUNT_RULES_H
#define BANTER_COMMON_ACCOUNT_RULES_H

#include "common/base.h"

/* The text must be valid UTF-8. */
const char *account_username_fault(struct span username) ATTR_MUSTCHECK;
/* local@domain without spaces: whether it receives mail, only mail can tell. Valid UTF-8, too. */
const char *account_email_fault(struct span email) ATTR_MUSTCHECK;
const char *account_password_fault(struct span password) ATTR_MUSTCHECK;

#endif
