#include "common/password.h"

#include "common/mem.h"

#include <crypt.h>
#include <libscrypt.h>
#include <string.h>

#define SCRYPT_BLOCK_SIZE  8 /* r */
#define SCRYPT_PARALLELISM 1 /* p */

/* "$2b$12$", 22 characters of salt, 31 of hash; each step of the cost doubles the time. */
#define BCRYPT_LEN      60
#define BCRYPT_COST_MAX 15

_Static_assert(PASSWORD_HASH_SIZE >= SCRYPT_MCF_LEN, "a hash must fit");

bool password_hash(const char *password, unsigned log2n, char out[PASSWORD_HASH_SIZE])
{
    return libscrypt_hash(out, password, UINT32_C(1) << log2n, SCRYPT_BLOCK_SIZE,
                          SCRYPT_PARALLELISM) > 0;
}

/* Two digits, no more than anybody waits for. */
static bool bcrypt_cost_fits(const char *digits)
{
    return digits[0] >= '0' && digits[0] <= '1' && digits[1] >= '0' && digits[1] <= '9' &&
           (digits[0] - '0') * 10 + (digits[1] - '0') <= BCRYPT_COST_MAX;
}

bool password_is_bcrypt(const char *hash)
{
    return strnlen(hash, PASSWORD_HASH_SIZE) == BCRYPT_LEN && memcmp(hash, "$2", 2) == 0 &&
           (hash[2] == 'a' || hash[2] == 'b' || hash[2] == 'y') && hash[3] == '$' &&
           bcrypt_cost_fits(hash + 4) && hash[6] == '$';
}

static bool check_bcrypt(const char *password, const char *hash)
{
    struct crypt_data *data = mem_alloc(sizeof(*data)); /* 32 KiB: not for a thread's stack */
    const char *made = crypt_r(password, hash, data);
    bool same = made != NULL && strcmp(made, hash) == 0; /* of a hash, time tells nothing */

    mem_wipe(data, sizeof(*data));
    mem_free(data);
    return same;
}

bool password_check(const char *password, const char *hash, unsigned log2n)
{
    char copy[PASSWORD_HASH_SIZE]; /* libscrypt_check() writes into it */
    bool same;

    if (hash != NULL && password_is_bcrypt(hash))
        return check_bcrypt(password, hash);
    if (hash == NULL || hash[0] == '\0') {
        bool hashed ATTR_UNUSED = password_hash(password, log2n, copy);

        return false;
    }
    memcpy(copy, hash, sizeof(copy));
    copy[sizeof(copy) - 1] = '\0';
    same = libscrypt_check(copy, password) > 0;
    mem_wipe(copy, sizeof(copy));
    return same;
}
