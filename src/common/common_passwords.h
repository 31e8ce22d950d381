/*
 * common_passwords.h: whether a password is one of those that are tried first. Pure.
 *
 * The list is common_passwords.txt, which the build puts into the program: lower-case ASCII, one a
 * line, in the order of their bytes, none shorter than PASSWORD_BYTES_MIN (docs/DEPENDENCIES.md
 * says where it is from).
 */
#ifndef BANTER_COMMON_COMMON_PASSWORDS_H
#define BANTER_COMMON_COMMON_PASSWORDS_H

#include "common/base.h"

/* In any letter case. */
bool common_passwords_have(struct span password) ATTR_MUSTCHECK;

/* The file as it is; each line ends with a newline. Made by the build. */
extern const unsigned char common_passwords_text[];
extern const size_t common_passwords_len;

#endif
