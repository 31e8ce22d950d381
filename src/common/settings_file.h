/*
 * settings_file.h: the lines of a configuration file, as systemd's EnvironmentFile= and Compose's
 * env_file write them (systemd.exec(5), "EnvironmentFile="), less what the two read differently:
 *
 *   # a comment; so is a line that begins with ";"
 *   BANTER_WORKERS=4
 *   BANTER_DATABASE_URL="mysql://banter:secret@db/banter"
 *
 * Space around a name and a value goes; quotes, single or double, go if both ends have the same.
 * There are no escapes and no continued lines: a quote inside of the same quotes, or a backslash at
 * the end of a line, is refused. Pure: bytes in, lines or a sentence out.
 */
#ifndef BANTER_COMMON_SETTINGS_FILE_H
#define BANTER_COMMON_SETTINGS_FILE_H

#include "common/base.h"

/* Where the reader is. The text is the caller's; it is changed, since names and values get their
 * ends. */
struct settings_file {
    char *at;
    char *end; /* one byte behind the text, which is writable, too */
    unsigned line;
};

enum settings_file_next {
    SETTINGS_FILE_LINE, /* name and value are set, and point into the text */
    SETTINGS_FILE_END,
    SETTINGS_FILE_BAD, /* *why says what is wrong in file->line; static */
};

/* text has len bytes and room for one more. */
void settings_file_init(struct settings_file *file, char *text, size_t len);
enum settings_file_next settings_file_next(struct settings_file *file, const char **name,
                                           const char **value, const char **why);

#endif
