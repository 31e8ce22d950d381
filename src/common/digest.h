/*
 * digest.h: hashes, base64, hex and randomness; thin over libcrypto and the kernel.
 */
#ifndef BANTER_COMMON_DIGEST_H
#define BANTER_COMMON_DIGEST_H

#include "common/base.h"

#define DIGEST_SHA1_SIZE   20
#define DIGEST_SHA256_SIZE 32

void digest_sha1(const void *data, size_t len, uint8_t out[DIGEST_SHA1_SIZE]);
void digest_sha256(const void *data, size_t len, uint8_t out[DIGEST_SHA256_SIZE]);

/* Bytes that digest_base64() writes for len bytes, with the NUL. */
#define DIGEST_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)
/* Standard alphabet with padding (RFC 4648, section 4), NUL-terminated. */
void digest_base64(const void *data, size_t len, char *out);
/* Lower-case hexadecimal, 2 * len characters and a NUL. */
void digest_hex(const void *data, size_t len, char *out);
/* Reads exactly 2 * len hexadecimal digits, either case; false for anything else. */
bool digest_unhex(const char *text, size_t text_len, void *out, size_t len) ATTR_MUSTCHECK;

/* Fills with random bytes of the kernel's generator; cannot fail. */
void digest_random(void *out, size_t len);

#endif
