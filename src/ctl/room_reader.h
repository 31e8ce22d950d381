/*
 * room_reader.h: a file of "banterctl export", line by line, checked as it is read.
 */
#ifndef BANTER_CTL_ROOM_READER_H
#define BANTER_CTL_ROOM_READER_H

#include "common/digest.h"
#include "ctl/room_file.h"

#include <stdio.h>

struct room_reader {
    FILE *file;           /* borrowed */
    char *line;           /* ROOM_FILE_LINE_MAX + 1 */
    uint64_t line_number; /* of the last line that was read */
    uint64_t bytes;
    uint8_t digest[DIGEST_SHA256_SIZE]; /* of all lines so far: the file's name for itself */
    struct json_doc *doc;               /* of the last line: what spans point into */
    struct room_file_header header;     /* its name is the reader's */
    char *name;
    uint64_t members;
    uint64_t events;
    const char *fault; /* a sentence about the last line, once something failed */
};

/* Reads the header. False: reader->fault says why, here and below. */
bool room_reader_open(struct room_reader *reader, FILE *file) ATTR_MUSTCHECK;
void room_reader_close(struct room_reader *reader);
/* The next member or event; *end_out at the end of each kind. Spans live until the next call. */
bool room_reader_member(struct room_reader *reader, struct room_file_member *out,
                        bool *end_out) ATTR_MUSTCHECK;
bool room_reader_event(struct room_reader *reader, struct room_file_event *out,
                       bool *end_out) ATTR_MUSTCHECK;

#endif
