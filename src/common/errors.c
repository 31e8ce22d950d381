#include "common/errors.h"

static const struct {
    const char *code;
    const char *sentence;
    int http_status;
    bool temporary;
} table[] = {
#define ERR(symbol, code, http_status, temporary, sentence)                                        \
    [ERR_##symbol] = {code, sentence, http_status, temporary},
#include "common/errors.def"
#undef ERR
};

static enum err known(enum err err)
{
    return (unsigned)err < ERR_COUNT ? err : ERR_INTERNAL;
}

const char *err_code(enum err err)
{
    return table[known(err)].code;
}

const char *err_sentence(enum err err)
{
    return table[known(err)].sentence;
}

int err_http_status(enum err err)
{
    return table[known(err)].http_status;
}

bool err_temporary(enum err err)
{
    return table[known(err)].temporary;
}

enum err err_public(enum err err)
{
    switch (err) {
    case ERR_DB_UNCERTAIN:
        return ERR_OUTCOME_UNKNOWN;
    case ERR_DB_RETRY:
        return ERR_DATABASE_UNAVAILABLE;
    case ERR_DB_DUPLICATE:
    case ERR_DB_FAILED:
    case ERR_NO_ROW:
        return ERR_INTERNAL;
    default:
        return known(err);
    }
}
