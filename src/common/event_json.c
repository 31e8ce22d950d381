#include "common/event_json.h"

#include "common/check.h"
#include "common/clock.h"

#include <string.h>

void json_write_string(struct strbuf *buf, struct span text)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = 0; /* where the run of bytes that need no escape began */

    if (text.data == NULL) {
        strbuf_add_str(buf, "null");
        return;
    }
    strbuf_add_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        strbuf_add(buf, text.data + plain, i - plain);
        plain = i + 1;
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
    strbuf_add(buf, text.data + plain, text.len - plain);
    strbuf_add_char(buf, '"');
}

static void write_number(struct strbuf *buf, const char *prefix, uint64_t value)
{
    strbuf_add_str(buf, prefix);
    strbuf_add_u64(buf, value);
}

static void write_created_at(struct strbuf *buf, uint64_t created_at_us)
{
    char iso[CLOCK_ISO_SIZE];

    strbuf_add_str(buf, ",\"created_at\":\"");
    strbuf_add_str(buf, clock_format_iso(created_at_us, iso));
    strbuf_add_str(buf, "\"}");
}

static void write_message(const struct log_event *event, struct strbuf *buf)
{
    write_number(buf, "{\"type\":\"new_message\",\"id\":", event->seq);
    strbuf_add_str(buf, ",\"text\":");
    json_write_string(buf, event->text);
    write_number(buf, ",\"sender_id\":", event->actor_id);
    strbuf_add_str(buf, ",\"sender_username\":");
    json_write_string(buf, event->actor_name);
    write_number(buf, ",\"room_id\":", event->room_id);
    write_created_at(buf, event->created_at_us);
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
    write_number(buf, "\",\"id\":", event->seq);
    write_number(buf, ",\"room_id\":", event->room_id);
    write_number(buf, ",\"user_id\":", event->actor_id);
    strbuf_add_str(buf, ",\"username\":");
    json_write_string(buf, event->actor_name);
    if (event->kind == EVENT_ROOM_CREATED) {
        strbuf_add_str(buf, ",\"name\":");
        json_write_string(buf, event->text);
    }
    write_created_at(buf, event->created_at_us);
}
