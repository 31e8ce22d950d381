// needs: gateway/ws_deflate gateway/ws_frame common/utf8 common/mem common/check common/strbuf
/*
 * ws_message: any bytes, fed whole, byte by byte, in two pieces, and with pauses, must hand out the
 * same; and a connection may be ended from any callback. The first byte chooses where to cut, its
 * highest bit whether permessage-deflate was negotiated.
 */
#include "gateway/ws_message.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/strbuf.h"
#include "common/utf8.h"
#include "gateway/ws_deflate.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum way {
    WAY_WHOLE,
    WAY_BYTES,
    WAY_CUT,
    WAY_CUT_AND_PAUSE,
    WAY_BYTES_AND_PAUSE,
    WAY_COUNT,
};

struct peer {
    struct ws_message *message;
    struct strbuf transcript;
    bool pause;
    size_t stop_after; /* callbacks; 0: never */
};

static enum ws_verdict note(void *context, enum ws_opcode opcode, uint8_t *data, size_t len)
{
    struct peer *peer = context;

    CHECK(data != NULL && len <= 4096);
    CHECK(opcode != WS_OP_CONTINUATION);
    CHECK(opcode != WS_OP_TEXT || utf8_valid(data, len));
    CHECK(!ws_opcode_is_control((uint8_t)opcode) || len <= WS_CONTROL_PAYLOAD_MAX);
    strbuf_printf(&peer->transcript, "%d:%zu:", (int)opcode, len);
    strbuf_add(&peer->transcript, data, len);
    memset(data, 0xee, len);
    if (peer->stop_after > 0 && --peer->stop_after == 0) {
        ws_message_fini(peer->message);
        memset(peer->message, 0xee, sizeof(*peer->message));
        return WS_VERDICT_STOP;
    }
    return peer->pause ? WS_VERDICT_PAUSE : WS_VERDICT_CONTINUE;
}

static struct ws_message_sink sink = {
    .on_message = note,
    .message_max = 4096,
    .fragments_max = 8,
};

/* The piece lies in a block of its own, so that every overrun is seen. */
static enum ws_feed feed_piece(struct peer *peer, const uint8_t *data, size_t len)
{
    struct ws_violation violation = {0, NULL};
    uint8_t *copy = mem_dup(data, len);
    enum ws_feed result = ws_message_feed(peer->message, copy, len, &sink, peer, &violation);

    mem_free(copy);
    while (result == WS_FEED_PAUSED && ws_message_waiting(peer->message) > 0)
        result = ws_message_feed(peer->message, NULL, 0, &sink, peer, &violation);
    if (result == WS_FEED_FAILED)
        strbuf_printf(&peer->transcript, "!%u %s", violation.code, violation.reason);
    return result;
}

static void run(const uint8_t *data, size_t size, size_t cut, bool deflate, enum way way,
                size_t stop_after, struct strbuf *transcript)
{
    struct ws_message message;
    struct peer peer = {&message, STRBUF_EMPTY, way >= WAY_CUT_AND_PAUSE, stop_after};
    bool bytes = way == WAY_BYTES || way == WAY_BYTES_AND_PAUSE;
    enum ws_feed result = WS_FEED_OK;

    ws_message_init(&message);
    message.deflate = deflate;
    for (size_t at = 0; at < size && result != WS_FEED_STOPPED;) {
        size_t len = way == WAY_WHOLE ? size : bytes ? 1 : at == 0 ? cut : size - at;

        len = MIN(MAX(len, (size_t)1), size - at);
        result = feed_piece(&peer, data + at, len);
        at += len;
    }
    if (result != WS_FEED_STOPPED)
        ws_message_fini(&message);
    *transcript = peer.transcript;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf whole;
    size_t cut;
    bool deflate;

    if (size < 1)
        return 0;
    if (sink.deflate == NULL)
        sink.deflate = ws_deflate_create(1); /* as a worker has it: one for all connections */
    cut = data[0] & 0x7f;
    deflate = (data[0] & 0x80) != 0;
    data++;
    size--;
    run(data, size, cut, deflate, WAY_WHOLE, 0, &whole);
    for (enum way way = WAY_BYTES; way < WAY_COUNT; way++) {
        struct strbuf other;

        run(data, size, cut, deflate, way, 0, &other);
        CHECK(whole.len == other.len);
        CHECK(memcmp(strbuf_str(&whole), strbuf_str(&other), whole.len) == 0);
        strbuf_fini(&other);
        run(data, size, cut, deflate, way, 1 + cut % 3, &other);
        strbuf_fini(&other);
    }
    strbuf_fini(&whole);
    return 0;
}
