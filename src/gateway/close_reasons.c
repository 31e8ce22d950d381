#include "gateway/close_reasons.h"

#include "common/check.h"

static const struct close_row rows[] = {
#define CLOSE(symbol, code, verdict, after_ms, sentence)                                           \
    [CLOSE_REASON_##symbol] = {code, CLOSE_##verdict, after_ms, sentence},
#include "gateway/close_reasons.def"
#undef CLOSE
};

const struct close_row *close_reason_row(enum close_reason reason)
{
    CHECK((unsigned)reason < CLOSE_REASON_COUNT);
    return &rows[reason];
}
