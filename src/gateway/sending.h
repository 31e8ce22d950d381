/*
 * sending.h: a message on its way to the log, the same by WebSocket and by POST.
 */
#ifndef BANTER_GATEWAY_SENDING_H
#define BANTER_GATEWAY_SENDING_H

#include "common/bus_proto.h"
#include "common/json.h"
#include "gateway/bus_link.h"

/* What a client wants to send; spans are borrowed from its JSON. */
struct outgoing {
    struct span text;
    struct span client_id; /* data NULL: none */
    const char *problem;   /* what is wrong, when sending_read() fails: a sentence */
    const char *field;     /* and with which member */
};

/* Reads text and client_id from a client's object; ERR_VALIDATION or ERR_MESSAGE_TOO_LONG. */
enum err sending_read(const struct json_doc *doc, struct outgoing *out) ATTR_MUSTCHECK;
/* Whether a client_id fits: 1 to 64 characters. */
bool sending_client_id_valid(struct span client_id);

/* Publishes it. The dedupe key is made of the sender and the client_id, so that a repeat through
 * any worker and transport is known; without a client_id it is unique. */
void sending_publish(struct bus_link *link, uint64_t room_id, uint64_t sender_id,
                     const char *sender_name, const struct outgoing *out, bus_answer_fn *done,
                     void *context);

#endif
