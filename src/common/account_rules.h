/*
 * account_rules.h: what a user name, an e-mail address and a password may be; the same for who
 * registers and for operators. Pure.
 *
 * Sentences are static. The texts must be valid UTF-8.
 */
#ifndef BANTER_COMMON_ACCOUNT_RULES_H
#define BANTER_COMMON_ACCOUNT_RULES_H

#include "common/base.h"
#include "common/errors.h"
#include "common/limits.h"

/* As it is stored. */
struct account_name {
    size_t len;
    char text[USERNAME_BYTES_MAX + 1];
};

struct account_email {
    size_t len;
    char text[EMAIL_CHARS_MAX * UTF8_BYTES_PER_CHAR_MAX + 1];
};

/* A name for a new account, in Normalization Form C. NULL, or a sentence that says what is
 * needed. */
const char *account_take_username(struct span sent, struct account_name *name_out) ATTR_MUSTCHECK;
/* What an account may be called that is there already: rules that came later do not shut it out,
 * nor its messages from another server's room. */
const char *account_known_username_fault(struct span username) ATTR_MUSTCHECK;
/* The name of such an account in the form that new ones have; false if it has none. */
bool account_normal_username(struct span sent, struct account_name *name_out) ATTR_MUSTCHECK;

/* A dot-atom, "@" and a domain (RFC 5321, 4.1.2; RFC 6531 for other letters than ASCII's), the
 * domain in lower case: whether it receives mail, only mail can tell. */
const char *account_take_email(struct span sent, struct account_email *email_out) ATTR_MUSTCHECK;

/* What somebody who logs in may send. */
const char *account_password_fault(struct span password) ATTR_MUSTCHECK;
/* A password that is to be: of the account with this name and address (data NULL: not known).
 * ERR_PASSWORD_TOO_SHORT, ERR_PASSWORD_TOO_COMMON, or ERR_VALIDATION if it is too long; the
 * sentence says what is needed. */
enum err account_check_new_password(struct span password, struct span username, struct span email,
                                    const char **sentence_out) ATTR_MUSTCHECK;

#endif
