#include "common/password.h"

#include "common/mem.h"

#include <libscrypt.h>
#include <string.h>

#define SCRYPT_BLOCK_SIZE  8 /* r */
#define SCRYPT_PARALLELISM 1 /* p */

_Static_assert(PASSWORD_HASH_SIZE >= SCRYPT_MCF_LEN, "a hash must fit");

bool password_hash(const char *password, unsigned log2n, char out[PASSWORD_HASH_SIZE])
{
    return libscrypt_hash(out, password, UINT32_C(1) << log2n, SCRYPT_BLOCK_SIZE,
                          SCRYPT_PARALLELISM) > 0;
}

bool password_check(const char *password, const char *hash, unsigned log2n)
{
    char copy[PASSWORD_HASH_SIZE]; /* libscrypt_check() writes into it */
    bool same;

    if (hash == NULL) {
        bool hashed ATTR_UNUSED = password_hash(password, log2n, copy);

        return false;
    }
    memcpy(copy, hash, sizeof(copy));
    copy[sizeof(copy) - 1] = '\0';
    same = libscrypt_check(copy, password) > 0;
    mem_wipe(copy, sizeof(copy));
    return same;
}
