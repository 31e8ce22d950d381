#include "gateway/sending.h"

#include "common/digest.h"
#include "common/limits.h"
#include "common/strbuf.h"
#include "common/utf8.h"
#include "common/wire.h"

#include <string.h>

bool sending_client_id_valid(struct span client_id)
{
    size_t chars = utf8_length(client_id.data, client_id.len);

    return chars >= 1 && chars <= CLIENT_ID_CHARS_MAX;
}

static enum err refuse(struct outgoing *out, const char *field, const char *problem)
{
    out->field = field;
    out->problem = problem;
    return ERR_VALIDATION;
}

enum err sending_read(const struct json_doc *doc, struct outgoing *out)
{
    memset(out, 0, sizeof(*out));
    switch (json_get(doc, "client_id", &out->client_id)) {
    case JSON_IS_ABSENT:
    case JSON_IS_NULL:
        break;
    case JSON_IS_TEXT:
        if (sending_client_id_valid(out->client_id))
            break;
        out->client_id = (struct span){NULL, 0};
        return refuse(out, "client_id", "client_id must have 1 to 64 characters.");
    case JSON_IS_NUMBER:
    case JSON_IS_OTHER:
        return refuse(out, "client_id", "client_id must be a string.");
    }
    if (json_get(doc, "text", &out->text) != JSON_IS_TEXT)
        return refuse(out, "text", "text is required and must be a string.");
    if (out->text.len == 0)
        return refuse(out, "text", "text must not be empty.");
    if (utf8_length(out->text.data, out->text.len) > MESSAGE_CHARS_MAX) {
        refuse(out, "text", err_sentence(ERR_MESSAGE_TOO_LONG));
        return ERR_MESSAGE_TOO_LONG;
    }
    return ERR_NONE;
}

/* The room is not in the key: its uniqueness is within the room. */
static void make_key(uint64_t sender_id, struct span client_id, uint8_t key[DEDUPE_KEY_BYTES])
{
    struct strbuf name = STRBUF_EMPTY;
    uint8_t hash[DIGEST_SHA256_SIZE];

    strbuf_reserve(&name, sizeof("client_id") + sizeof(sender_id) + client_id.len);
    strbuf_add_str(&name, "client_id");
    wire_write_u64(&name, sender_id);
    strbuf_add(&name, client_id.data, client_id.len);
    digest_sha256(name.data, name.len, hash);
    memcpy(key, hash, DEDUPE_KEY_BYTES);
    strbuf_fini(&name);
}

void sending_publish(struct bus_link *link, uint64_t room_id, uint64_t sender_id,
                     const char *sender_name, const struct outgoing *out, bus_answer_fn *done,
                     void *context)
{
    struct bus_command command = {
        .kind = COMMAND_MESSAGE, .room_id = room_id, .sender_id = sender_id, .text = out->text};

    command.sender_name = (struct span){(const uint8_t *)sender_name, strlen(sender_name)};
    if (out->client_id.data != NULL)
        make_key(sender_id, out->client_id, command.key);
    else
        bus_link_unique_key(link, command.key);
    bus_link_command(link, &command, done, context);
}
