/*
 * chat_admission.h: what is found out about a chat client before it may have something: whose it
 * is, and whether that user is in a room. It is asked on a pool of database threads.
 */
#ifndef BANTER_GATEWAY_CHAT_ADMISSION_H
#define BANTER_GATEWAY_CHAT_ADMISSION_H

#include "gateway/chat_client.h"

/* A new socket: it is checked, waits for its token, or is closed with the reason. */
void chat_admission_begin(struct chat_client *client, const struct chat_request *request);
/* The first frame of one that awaits_auth; what follows it waits. */
void chat_admission_on_frame(struct chat_client *client, bool text, const uint8_t *data,
                             size_t len);
/* For auth_waits: the frame has not come in time. */
void chat_admission_over(struct chat_client *client, bool late);
/* The socket is gone. */
void chat_admission_forget(struct chat_client *client);

/* Begins to hear a room, after its membership was checked. since as in chat_request. */
void chat_admission_subscribe(struct chat_client *client, const struct chat_request *request);

#endif
