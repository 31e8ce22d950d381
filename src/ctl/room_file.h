/*
 * room_file.h: a room in a file of JSON lines, as export writes and import reads it. Pure.
 *
 *   {"format":"banter-room","version":1,"room_id":R,"name":T,"creator_id":N,"created_at_us":T,
 *    "epoch":E,"members":COUNT,"events":COUNT}
 *   {"user_id":N,"username":U,"joined_seq":S,"last_read_seq":S}                 one for each member
 *   {"seq":S,"kind":K,"actor_id":N,"actor":U,"created_at_us":T,"key":"HEX","body":T}  each event
 *
 * Events are numbered 1, 2, 3 … COUNT; actor is null if the account is gone, body if there is none.
 * Unknown names in an object are ignored; what changes the meaning raises the version.
 */
#ifndef BANTER_CTL_ROOM_FILE_H
#define BANTER_CTL_ROOM_FILE_H

#include "common/event_json.h"
#include "common/json.h"

#define ROOM_FILE_VERSION 1
/* Longer lines are refused: more than an event of the longest text, each byte of it escaped. */
#define ROOM_FILE_LINE_MAX BUS_MESSAGE_BYTES_MAX

struct room_file_header {
    uint64_t version;
    uint64_t room_id;
    struct span name;
    uint64_t creator_id;
    uint64_t created_at_us;
    uint64_t epoch;
    uint64_t members;
    uint64_t events;
};

struct room_file_member {
    uint64_t user_id;
    struct span username;
    uint64_t joined_seq;
    uint64_t last_read_seq;
};

struct room_file_event {
    uint64_t seq;
    enum event_kind kind;
    uint64_t actor_id;
    struct span actor; /* data NULL: the account is gone */
    uint64_t created_at_us;
    uint8_t key[DEDUPE_KEY_BYTES];
    struct span body; /* data NULL: none */
};

/* Each appends a line with its newline. */
void room_file_write_header(struct strbuf *out, const struct room_file_header *header);
void room_file_write_member(struct strbuf *out, const struct room_file_member *member);
void room_file_write_event(struct strbuf *out, const struct room_file_event *event);

/* Each reads an object: NULL if it fits, or a sentence (static) that says what does not. Spans
 * point into the document. Numbers are checked against the header by the caller. */
const char *room_file_read_header(const struct json_doc *doc,
                                  struct room_file_header *out) ATTR_MUSTCHECK;
const char *room_file_read_member(const struct json_doc *doc,
                                  struct room_file_member *out) ATTR_MUSTCHECK;
const char *room_file_read_event(const struct json_doc *doc,
                                 struct room_file_event *out) ATTR_MUSTCHECK;

#endif
