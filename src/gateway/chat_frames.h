/*
 * chat_frames.h: the frames that the server itself says on a chat socket, as JSON. Pure.
 *
 * docs/WEBSOCKET.md describes each; events come from common/event_json.h.
 */
#ifndef BANTER_GATEWAY_CHAT_FRAMES_H
#define BANTER_GATEWAY_CHAT_FRAMES_H

#include "common/bus_proto.h"
#include "gateway/close_reasons.h"
#include "gateway/cursor.h"

/* What an error is about; what is not known is 0 or has data NULL, and is left out. */
struct error_frame {
    enum err err;
    const char *message; /* NULL: the error's sentence */
    uint64_t room_id;
    struct span client_id;
    uint64_t retry_after_ms; /* 0: as soon as it likes */
};
void chat_frame_error(struct strbuf *out, const struct error_frame *error);

void chat_frame_ack(struct strbuf *out, uint64_t room_id, const struct bus_answer *answer,
                    struct span client_id);

struct hello_frame {
    uint64_t user_id;
    const char *username;
    uint64_t epoch;
    uint64_t heartbeat_ms;
    uint64_t server_time_us;
};
void chat_frame_hello(struct strbuf *out, const struct hello_frame *hello);

struct subscribed_frame {
    uint64_t room_id;
    uint64_t head; /* what the client has seen, or will have at caught_up */
    uint64_t epoch;
    bool has_since;
    enum cursor_resume resume; /* of has_since */
};
void chat_frame_subscribed(struct strbuf *out, const struct subscribed_frame *subscribed);
void chat_frame_caught_up(struct strbuf *out, uint64_t room_id, uint64_t seq);
/* reason NULL: the client asked for it. */
void chat_frame_unsubscribed(struct strbuf *out, uint64_t room_id, const struct close_row *reason);
/* after_ms is what this client should wait. */
void chat_frame_bye(struct strbuf *out, uint16_t code, const char *reason,
                    enum close_verdict verdict, uint32_t after_ms);

#endif
