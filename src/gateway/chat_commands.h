/*
 * chat_commands.h: the frames that clients send, and what becomes of them.
 *
 *   single   {"text": T, "client_id"?: C}
 *   multi    {"type": "message", "room_id": R, "text": T, "client_id"?: C}
 *            {"type": "subscribe", "room_id": R, "since"?: N, "epoch"?: E}
 *            {"type": "unsubscribe", "room_id": R}
 *            {"type": "typing", "room_id": R}
 *            {"type": "ping"}
 *
 * Whatever is wrong with a frame is told in an error frame, and the socket lives.
 */
#ifndef BANTER_GATEWAY_CHAT_COMMANDS_H
#define BANTER_GATEWAY_CHAT_COMMANDS_H

#include "gateway/chat_client.h"

void chat_commands_handle(struct chat_client *client, bool text, const uint8_t *data, size_t len);

#endif
