#include "gateway/chat_frames.h"

#include "common/clock.h"
#include "common/event_json.h"
#include "common/limits.h"
#include "common/version.h"

#include <string.h>

/* What an ack has beside its client_id. */
#define ACK_BYTES 160

static void add_text(struct strbuf *out, const char *text)
{
    json_write_string(out, (struct span){(const uint8_t *)text, strlen(text)});
}

static void add_number(struct strbuf *out, const char *name, uint64_t value)
{
    strbuf_add_str(out, ",\"");
    strbuf_add_str(out, name);
    strbuf_add_str(out, "\":");
    strbuf_add_u64(out, value);
}

static void add_client_id(struct strbuf *out, struct span client_id)
{
    if (client_id.data == NULL)
        return;
    strbuf_add_str(out, ",\"client_id\":");
    json_write_string(out, client_id);
}

void chat_frame_error(struct strbuf *out, const struct error_frame *error)
{
    strbuf_printf(out, "{\"type\":\"error\",\"code\":\"%s\",\"message\":", err_code(error->err));
    add_text(out, error->message != NULL ? error->message : err_sentence(error->err));
    strbuf_add_str(out, err_temporary(error->err) ? ",\"temporary\":true" : ",\"temporary\":false");
    if (error->room_id != 0)
        add_number(out, "room_id", error->room_id);
    if (error->retry_after_ms != 0)
        add_number(out, "retry_after_ms", error->retry_after_ms);
    add_client_id(out, error->client_id);
    strbuf_add_char(out, '}');
}

void chat_frame_ack(struct strbuf *out, uint64_t room_id, const struct bus_answer *answer,
                    struct span client_id)
{
    char iso[CLOCK_ISO_SIZE];

    strbuf_reserve(out,
                   ACK_BYTES + client_id.len); /* there is one for each message: in one piece */
    strbuf_add_str(out, "{\"type\":\"ack\"");
    add_client_id(out, client_id);
    add_number(out, "room_id", room_id);
    add_number(out, "id", answer->seq);
    strbuf_add_str(out, ",\"created_at\":\"");
    strbuf_add_str(out, clock_format_iso(answer->created_at_us, iso));
    strbuf_add_str(out, answer->duplicate ? "\",\"duplicate\":true}" : "\",\"duplicate\":false}");
}

void chat_frame_hello(struct strbuf *out, const struct hello_frame *hello)
{
    char iso[CLOCK_ISO_SIZE];

    strbuf_printf(out, "{\"type\":\"hello\",\"server\":\"Banter %s\",\"server_time\":\"%s\"",
                  BANTER_VERSION, clock_format_iso(hello->server_time_us, iso));
    add_number(out, "heartbeat_ms", hello->heartbeat_ms);
    add_number(out, "epoch", hello->epoch);
    strbuf_printf(out, ",\"user\":{\"id\":%llu,\"username\":", (unsigned long long)hello->user_id);
    add_text(out, hello->username);
    strbuf_printf(out,
                  "},\"limits\":{\"text_characters\":%d,\"frame_bytes\":%d,\"rooms\":%d,"
                  "\"sends_in_flight\":%d}}",
                  MESSAGE_CHARS_MAX, BODY_BYTES_MAX, ROOMS_PER_SOCKET_MAX,
                  SENDS_IN_FLIGHT_PER_SOCKET_MAX);
}

void chat_frame_subscribed(struct strbuf *out, const struct subscribed_frame *subscribed)
{
    strbuf_add_str(out, "{\"type\":\"subscribed\"");
    add_number(out, "room_id", subscribed->room_id);
    add_number(out, "head", subscribed->head);
    add_number(out, "epoch", subscribed->epoch);
    if (subscribed->has_since)
        strbuf_add_str(out, subscribed->resume == CURSOR_RESUMED ? ",\"recovered\":true"
                                                                 : ",\"recovered\":false");
    if (subscribed->has_since && subscribed->resume != CURSOR_RESUMED)
        strbuf_printf(out, ",\"reason\":\"%s\"",
                      subscribed->resume == CURSOR_BEYOND_HEAD ? "since_beyond_head"
                                                               : "epoch_changed");
    strbuf_add_char(out, '}');
}

void chat_frame_caught_up(struct strbuf *out, uint64_t room_id, uint64_t seq)
{
    strbuf_add_str(out, "{\"type\":\"caught_up\"");
    add_number(out, "room_id", room_id);
    add_number(out, "seq", seq);
    strbuf_add_char(out, '}');
}

void chat_frame_unsubscribed(struct strbuf *out, uint64_t room_id, const struct close_row *reason)
{
    strbuf_add_str(out, "{\"type\":\"unsubscribed\"");
    add_number(out, "room_id", room_id);
    if (reason != NULL) {
        add_number(out, "code", reason->code);
        strbuf_add_str(out, ",\"reason\":");
        add_text(out, reason->sentence);
    }
    strbuf_add_char(out, '}');
}

void chat_frame_bye(struct strbuf *out, uint16_t code, const char *reason,
                    enum close_verdict verdict, uint32_t after_ms)
{
    strbuf_add_str(out, "{\"type\":\"bye\"");
    add_number(out, "code", code);
    strbuf_add_str(out, ",\"reason\":");
    add_text(out, reason);
    strbuf_add_str(out, verdict == CLOSE_NEVER ? ",\"reconnect\":false" : ",\"reconnect\":true");
    add_number(out, "after_ms", after_ms);
    strbuf_add_char(out, '}');
}
