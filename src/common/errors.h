/*
 * errors.h: the errors of errors.def as an enum, with their text forms.
 *
 * Functions that can fail because of a peer, the network or the database return enum err; ERR_NONE
 * is zero.
 */
#ifndef BANTER_COMMON_ERRORS_H
#define BANTER_COMMON_ERRORS_H

#include "common/base.h"

enum err {
#define ERR(symbol, code, http_status, temporary, sentence) ERR_##symbol,
#include "common/errors.def"
#undef ERR
    ERR_COUNT
};

/* All of these accept any number; one that is out of range reads as ERR_INTERNAL. */
const char *err_code(enum err err);
const char *err_sentence(enum err err);
int err_http_status(enum err err);
bool err_temporary(enum err err);
/* What a client is told of an error between us and the database; other errors are themselves. */
enum err err_public(enum err err);

#endif
