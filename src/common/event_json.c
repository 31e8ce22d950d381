#include "common/event_json.h"

#include "common/check.h"
#include "common/clock.h"

#include <string.h>

/* Of eight bytes, those that are zero have their highest bit set; of those after the first such one
 * some others may, too. */
static uint64_t zero_bytes(uint64_t bytes)
{
    return (bytes - UINT64_C(0x0101010101010101)) & ~bytes & UINT64_C(0x8080808080808080);
}

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

/* How many bytes need no escape: eight at a time, since that is most of any text. */
static size_t plain_length(const uint8_t *data, size_t len)
{
    size_t at = 0;

    for (; len - at >= 8; at += 8) {
        uint64_t bytes;

        memcpy(&bytes, data + at, sizeof(bytes));
        /* The last one finds those below 0x20: their highest three bits are zero. */
        if ((zero_bytes(bytes ^ UINT64_C(0x2222222222222222)) |
             zero_bytes(bytes ^ UINT64_C(0x5c5c5c5c5c5c5c5c)) |
             zero_bytes(bytes & UINT64_C(0xe0e0e0e0e0e0e0e0))) != 0)
            break;
    }
    while (at < len && is_plain(data[at]))
        at++;
    return at;
}

static void write_escape(struct strbuf *buf, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";

    switch (c) {
    case '"':
        strbuf_add(buf, "\\\"", 2);
        break;
    case '\\':
        strbuf_add(buf, "\\\\", 2);
        break;
    case '\n':
        strbuf_add(buf, "\\n", 2);
        break;
    case '\r':
        strbuf_add(buf, "\\r", 2);
        break;
    case '\t':
        strbuf_add(buf, "\\t", 2);
        break;
    default:
        strbuf_add(buf, (const char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    }
}

void json_write_string(struct strbuf *buf, struct span text)
{
    size_t at = 0;

    if (text.data == NULL) {
        strbuf_add_str(buf, "null");
        return;
    }
    strbuf_add_char(buf, '"');
    while (at < text.len) {
        size_t plain = plain_length(text.data + at, text.len - at);

        strbuf_add(buf, text.data + at, plain);
        at += plain;
        if (at < text.len)
            write_escape(buf, text.data[at++]);
    }
    strbuf_add_char(buf, '"');
}

void json_write_u64(struct strbuf *buf, const char *before, uint64_t value)
{
    strbuf_add_str(buf, before);
    strbuf_add_u64(buf, value);
}

void json_write_time(struct strbuf *buf, const char *before, uint64_t wall_us)
{
    char iso[CLOCK_ISO_SIZE];

    strbuf_add_str(buf, before);
    strbuf_add_char(buf, '"');
    strbuf_add_str(buf, clock_format_iso(wall_us, iso));
    strbuf_add_char(buf, '"');
}

static void write_message(const struct log_event *event, struct strbuf *buf)
{
    json_write_u64(buf, "{\"type\":\"new_message\",\"id\":", event->seq);
    strbuf_add_str(buf, ",\"text\":");
    json_write_string(buf, event->text);
    json_write_u64(buf, ",\"sender_id\":", event->actor_id);
    strbuf_add_str(buf, ",\"sender_username\":");
    json_write_string(buf, event->actor_name);
    json_write_u64(buf, ",\"room_id\":", event->room_id);
    json_write_time(buf, ",\"created_at\":", event->created_at_us);
    strbuf_add_char(buf, '}');
}

static const char *type_name(enum event_kind kind)
{
    switch (kind) {
    case EVENT_MESSAGE:
        return "new_message";
    case EVENT_ROOM_CREATED:
        return "room_created";
    case EVENT_MEMBER_JOINED:
        return "member_joined";
    case EVENT_MEMBER_LEFT:
        return "member_left";
    case EVENT_OWNER_CHANGED:
        return "owner_changed";
    case EVENT_ROOM_REMOVED:
        return "room_removed";
    }
    /* A row of a newer version, read after a downgrade: clients ignore types that they don't know.
     */
    return "unknown";
}

void event_json_write(const struct log_event *event, struct strbuf *buf)
{
    if (event->kind == EVENT_MESSAGE) {
        write_message(event, buf);
        return;
    }
    strbuf_add_str(buf, "{\"type\":\"");
    strbuf_add_str(buf, type_name(event->kind));
    json_write_u64(buf, "\",\"id\":", event->seq);
    json_write_u64(buf, ",\"room_id\":", event->room_id);
    json_write_u64(buf, ",\"user_id\":", event->actor_id);
    strbuf_add_str(buf, ",\"username\":");
    json_write_string(buf, event->actor_name);
    if (event->kind == EVENT_ROOM_CREATED) {
        strbuf_add_str(buf, ",\"name\":");
        json_write_string(buf, event->text);
    }
    json_write_time(buf, ",\"created_at\":", event->created_at_us);
    strbuf_add_char(buf, '}');
}
