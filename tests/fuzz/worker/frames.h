/*
 * frames.h: the client's side of a WebSocket (RFC 6455), and what must hold for every frame of a
 * worker's.
 */
#ifndef BANTER_TESTS_FUZZ_FRAMES_H
#define BANTER_TESTS_FUZZ_FRAMES_H

#include "world.h"

#include <jansson.h>

#define FRAME_FIN    0x80
#define FRAME_TEXT   0x1
#define FRAME_BINARY 0x2
#define FRAME_CLOSE  0x8
#define FRAME_PING   0x9
#define FRAME_PONG   0xa

/* Shakes hands; head is what stands in the request beside it, whole lines. What came before the
 * first frame is taken out of client->got. False if the worker wants it otherwise. */
bool frames_upgrade(struct client *client, const char *path, const char *head);
/* A masked frame. first is its first byte. */
void frame_write(struct strbuf *out, uint8_t first, const void *data, size_t len);

struct frame_read {
    uint8_t opcode;
    struct span payload;
    json_t *json;     /* of a text frame: an object */
    const char *type; /* its type, of the worker's own */
};

/* Takes the next frame off *rest; false when there is none. One that is not whole or not
 * well-formed, or whose text is no JSON object, ends the process; so does, if the texts are the
 * worker's own, one that is not as openapi.json says for its type. frame_fini() is due. */
bool frame_next(struct span *rest, bool own_texts, struct frame_read *frame);
void frame_fini(struct frame_read *frame);

#endif
