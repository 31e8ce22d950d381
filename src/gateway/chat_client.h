/*
 * chat_client.h: a user's connection to the chat: its socket, its session, its rooms.
 *
 * Three kinds share all of it:
 *   single   /ws/chat/{room_id}               one room, as the original's clients know it
 *   multi    /ws/chat                         hello, then subscribe and unsubscribe
 *   stream   /api/chat/rooms/{id}/events      server-sent events of one room, nothing to send
 *
 * For the first two the handshake has succeeded when a client is opened; the token (and for single
 * the membership) is checked on the pool, and a check that fails closes the socket with the reason;
 * until it passes, nothing is read, but for the one frame that brings the token where the handshake
 * did not.
 */
#ifndef BANTER_GATEWAY_CHAT_CLIENT_H
#define BANTER_GATEWAY_CHAT_CLIENT_H

#include "common/json.h"
#include "gateway/chat_frames.h"
#include "gateway/origin.h"
#include "gateway/rooms.h"
#include "gateway/services.h"
#include "gateway/sessions.h"
#include "gateway/ws_auth.h"
#include "gateway/ws_conn.h"

enum chat_kind { CHAT_SINGLE, CHAT_MULTI, CHAT_STREAM };

struct chat_client {
    struct ws_conn conn;
    struct session_member membership;
    struct services *services;
    struct origin origin; /* of its handshake */
    uint64_t opened_ms;
    struct list rooms; /* struct chat_room, by client_node */
    uint32_t room_count;
    uint32_t refs;       /* the socket's own, and one for each job and command under way */
    uint32_t in_flight;  /* sends that were not answered */
    uint32_t admissions; /* checks under way */
    uint32_t last_serial;
    uint8_t kind;     /* enum chat_kind */
    uint8_t refusals; /* for want of tokens, less what was taken since; see chat_limits.h */
    bool held;        /* for the same: not read for a moment */
    bool leaving;     /* closes when its sends are answered; reads nothing until then */
    bool awaits_auth; /* is one of auth_waits: its first frame says whose it is */
};

/* A room that a client hears, or is about to. */
struct chat_room {
    struct chat_client *client;
    struct subscription sub;
    struct list_node client_node;
    struct list_node ended_node; /* on the worker's list of rooms to let go of */
    uint64_t room_id;
    uint32_t serial;    /* tells this subscription from an earlier one to the same room */
    uint64_t typing_ms; /* when it last said that its user is writing */
};

/* What a handshake asked for. */
struct chat_request {
    struct ws_auth auth;
    bool single;
    uint64_t room_id; /* of single */
    bool has_since;
    uint64_t since;
    uint64_t epoch;      /* 0: not given */
    uint8_t window_bits; /* of permessage-deflate; 0: not negotiated */
    /* Who asked; only chat_client_open() looks at these. */
    struct origin origin;
    char request_id[REQUEST_ID_SIZE];
};

/* For the ws_set of a worker. */
extern const struct ws_handlers chat_client_handlers;

/* Takes over the socket, on which the 101 was sent. Nothing in request is kept. */
void chat_client_open(struct services *services, int fd, const void *early, size_t early_len,
                      const struct chat_request *request);
/* A stream, whose token and membership were checked; head is the log's, read before that. */
struct stream_request {
    const uint8_t *token_hash;
    const struct store_session *session;
    uint64_t room_id;
    uint64_t head;
    bool has_since;
    uint64_t since;
    uint64_t epoch;
    struct origin origin;
    const char *request_id;
};
void chat_client_open_stream(struct services *services, int fd,
                             const struct stream_request *request);

/* Ends the connection, with a bye on sockets that said hello. Later calls are ignored. */
void chat_client_close(struct chat_client *client, enum close_reason reason);
/* The worker is stopping: closes the connection as soon as what it has sent is answered, and reads
 * no more from it. */
void chat_client_drain(struct ws_conn *conn);
/* Whether that was said. */
bool chat_client_leaving(struct ws_conn *conn);
/* The same, and now: its answers come too late. */
void chat_client_drain_now(struct ws_conn *conn);
/* Lets go of rooms that ended; for the end of a turn, after the rooms' own. */
void chat_client_turn_end(void *services);

/* ---- for chat_admission.c ---- */

/* Puts a room on the client's list, not heard yet. since as in the request. */
struct chat_room *chat_client_add_room(struct chat_client *client,
                                       const struct chat_request *request);
/* The client has a session and is a member: events after head come from now on. */
void chat_client_hear(struct chat_room *room, uint64_t head);
/* Says nothing. */
void chat_client_remove_room(struct chat_room *room);
/* The line of the access log, if there is to be one. */
void chat_client_log_open(const struct chat_client *client, const char *request_id);

/* ---- chat_limits.c ---- */

/* Reads on, unless this socket or the worker has as much under way as it may, the client does not
 * read what it is answered, or goes on beyond its rate. Ignored before admission and after the
 * close. */
void chat_client_hold_or_go_on(struct chat_client *client);
/* The link has room for commands again: everyone who was held back goes on. */
void chat_client_resume_all(struct services *services);

/* ---- for chat_commands.c ---- */

/* Sends a frame that is in out, and empties out. */
void chat_client_say(struct chat_client *client, struct strbuf *out);
void chat_client_ref(struct chat_client *client);
void chat_client_unref(struct chat_client *client);
/* The membership was checked, and has not ended. */
static inline bool chat_room_open(const struct chat_room *room)
{
    return room->sub.room != NULL && !room->sub.ended;
}
/* The room with this id, or NULL. */
struct chat_room *chat_client_room(struct chat_client *client, uint64_t room_id);
/* Hears it no more, and says so. */
void chat_client_unsubscribe(struct chat_room *room);

#endif
