#include "common/digest.h"

#include "common/check.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

/* Looked up once: OpenSSL 3 otherwise does so for every digest, which costs more than the digest of
 * a short text (crypto(7), "performance"). Kept until the process ends. */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *sha1;
static EVP_MD *sha256;

static void fetch(void)
{
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(sha1 != NULL && sha256 != NULL);
}

static void digest_with(EVP_MD *const *kind, const void *data, size_t len, uint8_t *out)
{
    CHECK(pthread_once(&fetched, fetch) == 0);
    CHECK(EVP_Digest(data, len, out, NULL, *kind, NULL) == 1);
}

void digest_sha1(const void *data, size_t len, uint8_t out[DIGEST_SHA1_SIZE])
{
    digest_with(&sha1, data, len, out);
}

void digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_SIZE])
{
    digest_with(&sha256, data, len, out);
}

void digest_base64(const void *data, size_t len, char *out)
{
    CHECK(len < INT32_MAX);
    EVP_EncodeBlock((unsigned char *)out, data, (int)len);
}

void digest_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool digest_unhex(const char *text, size_t text_len, void *out, size_t len)
{
    uint8_t *bytes = out;

    if (text_len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void digest_random(void *out, size_t len)
{
    uint8_t *bytes = out;

    while (len > 0) {
        ssize_t got = getrandom(bytes, MIN(len, (size_t)256), 0);

        if (got < 0)
            continue; /* EINTR: the only failure that a valid buffer leaves */
        bytes += got;
        len -= (size_t)got;
    }
}
