#include "ctl/room_reader.h"

#include "common/mem.h"

#include <string.h>

static bool fail(struct room_reader *reader, const char *fault)
{
    reader->fault = fault;
    return false;
}

/* The digest of a line and of the digest before it: no state but 32 bytes. */
static void digest_line(struct room_reader *reader, size_t len)
{
    uint8_t both[2 * DIGEST_SHA256_SIZE];

    memcpy(both, reader->digest, DIGEST_SHA256_SIZE);
    digest_sha256(reader->line, len, both + DIGEST_SHA256_SIZE);
    digest_sha256(both, sizeof(both), reader->digest);
}

/* The bytes of the next line with its newline, at most one more than may be; 0 at the end. */
static size_t get_line(struct room_reader *reader)
{
    size_t len = 0;
    int c;

    if (reader->line == NULL)
        reader->line = mem_alloc(ROOM_FILE_LINE_MAX + 1);
    while (len <= ROOM_FILE_LINE_MAX && (c = getc_unlocked(reader->file)) != EOF) {
        reader->line[len++] = (char)c;
        if (c == '\n')
            break;
    }
    return len;
}

static bool read_line(struct room_reader *reader)
{
    size_t len = get_line(reader);

    json_doc_destroy(&reader->doc);
    reader->line_number++;
    if (len == 0)
        return fail(reader, ferror(reader->file) != 0 ? "the file cannot be read."
                                                      : "the file ends here: it is truncated.");
    if (len > ROOM_FILE_LINE_MAX)
        return fail(reader, "the line is too long.");
    if (reader->line[len - 1] != '\n')
        return fail(reader, "the line has no end: the file is truncated.");
    reader->bytes += len;
    digest_line(reader, len);
    if (json_parse_object(reader->line, len - 1, &reader->doc) != ERR_NONE)
        return fail(reader, "the line is no JSON object.");
    return true;
}

bool room_reader_open(struct room_reader *reader, FILE *file)
{
    const char *fault;

    *reader = (struct room_reader){.file = file};
    if (!read_line(reader))
        return false;
    fault = room_file_read_header(reader->doc, &reader->header);
    if (fault != NULL)
        return fail(reader, fault);
    reader->name = mem_strndup((const char *)reader->header.name.data, reader->header.name.len);
    reader->header.name.data = (const uint8_t *)reader->name;
    return true;
}

void room_reader_close(struct room_reader *reader)
{
    json_doc_destroy(&reader->doc);
    mem_free(reader->line);
    mem_free(reader->name);
    *reader = (struct room_reader){0};
}

bool room_reader_member(struct room_reader *reader, struct room_file_member *out, bool *end_out)
{
    const char *fault;

    *end_out = reader->members == reader->header.members;
    if (*end_out)
        return true;
    if (!read_line(reader))
        return false;
    fault = room_file_read_member(reader->doc, out);
    if (fault != NULL)
        return fail(reader, fault);
    if (out->joined_seq > reader->header.events || out->last_read_seq > reader->header.events)
        return fail(reader, "joined_seq or last_read_seq is above the number of events.");
    reader->members++;
    return true;
}

bool room_reader_event(struct room_reader *reader, struct room_file_event *out, bool *end_out)
{
    const char *fault;

    *end_out = reader->events == reader->header.events;
    if (*end_out) {
        if (fgetc(reader->file) == EOF && ferror(reader->file) == 0)
            return true;
        reader->line_number++;
        return fail(reader, "there are more lines than the header says.");
    }
    if (!read_line(reader))
        return false;
    fault = room_file_read_event(reader->doc, out);
    if (fault != NULL)
        return fail(reader, fault);
    if (out->seq != reader->events + 1)
        return fail(reader, "the event is out of order: the log has a hole, or a repeat.");
    reader->events++;
    return true;
}
