/*
 * close_reasons.h: the rows of close_reasons.def, and nothing ends a chat socket without one.
 */
#ifndef BANTER_GATEWAY_CLOSE_REASONS_H
#define BANTER_GATEWAY_CLOSE_REASONS_H

#include "common/base.h"

enum close_verdict { CLOSE_NOW, CLOSE_BACK_OFF, CLOSE_NEVER };

enum close_reason {
#define CLOSE(symbol, code, verdict, after_ms, sentence) CLOSE_REASON_##symbol,
#include "gateway/close_reasons.def"
#undef CLOSE
    CLOSE_REASON_COUNT
};

struct close_row {
    uint16_t code;
    enum close_verdict verdict;
    uint32_t after_ms;
    const char *sentence;
};

const struct close_row *close_reason_row(enum close_reason reason);

#endif
