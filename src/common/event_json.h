/*
 * event_json.h: an event of the log, as clients receive it.
 *
 * One function, so that an event has the same text whether the broker publishes it live or a worker
 * reads it from the log.
 */
#ifndef BANTER_COMMON_EVENT_JSON_H
#define BANTER_COMMON_EVENT_JSON_H

#include "common/bus_proto.h"
#include "common/strbuf.h"

struct log_event {
    uint64_t room_id;
    uint64_t seq;
    enum event_kind kind;
    uint64_t actor_id;       /* 0: none */
    uint64_t created_at_us;  /* UTC */
    struct span actor_name;  /* data NULL: the account is gone; JSON null */
    struct span text;        /* a message's text; a room's name */
    uint64_t received_at_us; /* as in struct bus_event; not in the JSON */
};

/*
 * Appends one JSON object to buf:
 *   EVENT_MESSAGE        {"type":"new_message","id":SEQ,"text":T,"sender_id":N,"sender_username":U,
 *                         "room_id":R,"created_at":"…Z"}
 *   EVENT_ROOM_CREATED   {"type":"room_created","id":SEQ,"room_id":R,"user_id":N,"username":U,
 *                         "name":T,"created_at":"…Z"}
 *   EVENT_MEMBER_JOINED  {"type":"member_joined","id":SEQ,"room_id":R,"user_id":N,"username":U,
 *                         "created_at":"…Z"}; member_left, owner_changed and room_removed alike
 */
void event_json_write(const struct log_event *event, struct strbuf *buf);

/* Appends a JSON string, quoted and escaped; the text must be valid UTF-8. data NULL gives null. */
void json_write_string(struct strbuf *buf, struct span text);
/* Appends before, as it is, and then the number, or a time in UTC as a JSON string. */
void json_write_u64(struct strbuf *buf, const char *before, uint64_t value);
void json_write_time(struct strbuf *buf, const char *before, uint64_t wall_us);

#endif
