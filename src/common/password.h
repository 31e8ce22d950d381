/*
 * password.h: hashing and checking passwords with scrypt (RFC 7914). The only user of
 * <libscrypt.h>.
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
/* Whether the password has this hash, an array of PASSWORD_HASH_SIZE. hash NULL takes as long as
 * log2n does and is false: so that nobody can tell an unknown user by the time. */
bool password_check(const char *password, const char *hash, unsigned log2n) ATTR_MUSTCHECK;

#endif
