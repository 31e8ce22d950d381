#include "ctl/room_file.h"

#include "common/account_rules.h"
#include "common/digest.h"
#include "common/utf8.h"

#include <string.h>

#define FORMAT "banter-room"

/* By the number in the log; room_removed is in no room that there is. */
static const char *const kinds[] = {
    [EVENT_MESSAGE] = "message",      [EVENT_ROOM_CREATED] = "room_created",
    [EVENT_MEMBER_JOINED] = "joined", [EVENT_MEMBER_LEFT] = "left",
    [EVENT_OWNER_CHANGED] = "owner",
};

/* ---- writing ----------------------------------------------------------------------------------*/

static void add_number(struct strbuf *out, const char *before, uint64_t number)
{
    strbuf_add_str(out, before);
    strbuf_add_u64(out, number);
}

static void add_text(struct strbuf *out, const char *before, struct span text)
{
    strbuf_add_str(out, before);
    json_write_string(out, text);
}

void room_file_write_header(struct strbuf *out, const struct room_file_header *header)
{
    add_number(out, "{\"format\":\"" FORMAT "\",\"version\":", header->version);
    add_number(out, ",\"room_id\":", header->room_id);
    add_text(out, ",\"name\":", header->name);
    add_number(out, ",\"creator_id\":", header->creator_id);
    add_number(out, ",\"created_at_us\":", header->created_at_us);
    add_number(out, ",\"epoch\":", header->epoch);
    add_number(out, ",\"members\":", header->members);
    add_number(out, ",\"events\":", header->events);
    strbuf_add_str(out, "}\n");
}

void room_file_write_member(struct strbuf *out, const struct room_file_member *member)
{
    add_number(out, "{\"user_id\":", member->user_id);
    add_text(out, ",\"username\":", member->username);
    add_number(out, ",\"joined_seq\":", member->joined_seq);
    add_number(out, ",\"last_read_seq\":", member->last_read_seq);
    strbuf_add_str(out, "}\n");
}

void room_file_write_event(struct strbuf *out, const struct room_file_event *event)
{
    char key[2 * DEDUPE_KEY_BYTES + 1];

    digest_hex(event->key, DEDUPE_KEY_BYTES, key);
    add_number(out, "{\"seq\":", event->seq);
    strbuf_add_str(out, ",\"kind\":\"");
    strbuf_add_str(out, kinds[event->kind]);
    add_number(out, "\",\"actor_id\":", event->actor_id);
    add_text(out, ",\"actor\":", event->actor);
    add_number(out, ",\"created_at_us\":", event->created_at_us);
    strbuf_add_str(out, ",\"key\":\"");
    strbuf_add_str(out, key);
    add_text(out, "\",\"body\":", event->body);
    strbuf_add_str(out, "}\n");
}

/* ---- reading ----------------------------------------------------------------------------------*/

static bool number(const struct json_doc *doc, const char *name, uint64_t *out)
{
    return json_get_u64(doc, name, out) == JSON_IS_NUMBER;
}

static bool text(const struct json_doc *doc, const char *name, struct span *out)
{
    return json_get(doc, name, out) == JSON_IS_TEXT;
}

/* Text or null. */
static bool nullable(const struct json_doc *doc, const char *name, struct span *out)
{
    enum json_kind kind = json_get(doc, name, out);

    if (kind == JSON_IS_NULL)
        *out = (struct span){NULL, 0};
    return kind == JSON_IS_TEXT || kind == JSON_IS_NULL;
}

static bool is(struct span span, const char *word)
{
    return span.len == strlen(word) && memcmp(span.data, word, span.len) == 0;
}

const char *room_file_read_header(const struct json_doc *doc, struct room_file_header *out)
{
    struct span format;

    if (!text(doc, "format", &format) || !is(format, FORMAT) ||
        !number(doc, "version", &out->version))
        return "this is no file of \"banterctl export\".";
    if (out->version > ROOM_FILE_VERSION)
        return "the file is of a newer version than this banterctl reads.";
    if (!text(doc, "name", &out->name) || out->name.len == 0 ||
        utf8_length(out->name.data, out->name.len) > ROOM_NAME_CHARS_MAX)
        return "name must be a text of 1 to 100 characters.";
    if (!number(doc, "room_id", &out->room_id) || !number(doc, "creator_id", &out->creator_id) ||
        !number(doc, "created_at_us", &out->created_at_us) || !number(doc, "epoch", &out->epoch) ||
        !number(doc, "members", &out->members) || !number(doc, "events", &out->events))
        return "the header needs the numbers room_id, creator_id, created_at_us, epoch, members "
               "and events.";
    if (out->members == 0)
        return "the room has no member.";
    return NULL;
}

const char *room_file_read_member(const struct json_doc *doc, struct room_file_member *out)
{
    if (!number(doc, "user_id", &out->user_id) || !number(doc, "joined_seq", &out->joined_seq) ||
        !number(doc, "last_read_seq", &out->last_read_seq) || out->joined_seq == 0)
        return "a member needs the numbers user_id, joined_seq and last_read_seq.";
    if (!text(doc, "username", &out->username))
        return "a member needs a username.";
    return account_known_username_fault(out->username);
}

static bool read_kind(const struct json_doc *doc, enum event_kind *out)
{
    struct span word;

    if (!text(doc, "kind", &word))
        return false;
    for (size_t i = EVENT_MESSAGE; i < ARRAY_LEN(kinds); i++)
        if (is(word, kinds[i])) {
            *out = (enum event_kind)i;
            return true;
        }
    return false;
}

const char *room_file_read_event(const struct json_doc *doc, struct room_file_event *out)
{
    struct span key;

    if (!number(doc, "seq", &out->seq) || !number(doc, "actor_id", &out->actor_id) ||
        !number(doc, "created_at_us", &out->created_at_us))
        return "an event needs the numbers seq, actor_id and created_at_us.";
    if (!read_kind(doc, &out->kind))
        return "the event's kind is not known.";
    if (!text(doc, "key", &key) ||
        !digest_unhex((const char *)key.data, key.len, out->key, DEDUPE_KEY_BYTES))
        return "an event needs a key of 32 hexadecimal digits.";
    if (!nullable(doc, "actor", &out->actor) || !nullable(doc, "body", &out->body))
        return "actor and body must be texts or null.";
    if (out->kind == EVENT_MESSAGE && out->body.data == NULL)
        return "a message needs a body.";
    if (out->body.data != NULL && utf8_length(out->body.data, out->body.len) > MESSAGE_CHARS_MAX)
        return "the body is longer than 4,000 characters.";
    return out->actor.data != NULL ? account_known_username_fault(out->actor) : NULL;
}
