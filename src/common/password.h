/*
 * password.h: hashing and checking passwords with scrypt (RFC 7914); the bcrypt hashes of accounts
 * that were imported are checked, too, through crypt(3), and never made. The only user of
 * <libscrypt.h> and <crypt.h>.
 *
 * Slow by intent (BANTER_SCRYPT_LOG2N): in a gateway for the threads of the scrypt pool only.
 */
#ifndef BANTER_COMMON_PASSWORD_H
#define BANTER_COMMON_PASSWORD_H

#include "common/base.h"
#include "common/store_users.h"

/* Writes libscrypt's salted text form, "$s1$…"; false when there is no memory for it. The password
 * ends at its NUL: the caller refuses one inside. */
bool password_hash(const char *password, unsigned log2n,
                   char out[PASSWORD_HASH_SIZE]) ATTR_MUSTCHECK;
/* Whether the password has this hash, an array of PASSWORD_HASH_SIZE. hash NULL, or an empty one
 * (an account that cannot log in), takes as long as log2n does and is false: so that nobody can
 * tell an unknown user by the time. (A bcrypt hash takes what its cost says, until its owner has
 * logged in once.) */
bool password_check(const char *password, const char *hash, unsigned log2n) ATTR_MUSTCHECK;
/* "$2a$…", "$2b$…" or "$2y$…" of a cost up to 15 (above it, a check would take longer than anybody
 * waits): one that password_check() knows, and that is to be replaced at the next login. */
bool password_is_bcrypt(const char *hash) ATTR_MUSTCHECK;

#endif
