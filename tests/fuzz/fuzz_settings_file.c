// needs: common/strbuf common/check common/mem
/*
 * settings_file: whatever the bytes are, what comes out lies within them and is a name and a value.
 * A file is read whole, not as it arrives; but lines do not touch each other, so a file that is cut
 * at a line's end says in two parts what it says in one.
 */
#include "common/settings_file.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/strbuf.h"

#include <ctype.h>
#include <string.h>

#define CUTS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct settings_file *file, const char *text, size_t size,
                       const char *name, const char *value)
{
    const char *end = value + strlen(value);

    CHECK(name >= text && name < value && end <= text + size);
    CHECK(name[0] != '\0' && strpbrk(name, " \t\"'=\\#\n") == NULL);
    CHECK(strchr(value, '\n') == NULL);
    /* Written again with quotes, the value is the same; so a file can hold what a file gave. */
    if (strchr(value, '"') == NULL && (value[0] == '\0' || end[-1] != '\\')) {
        char *again = mem_printf("%s=\"%s\"", name, value);
        struct settings_file second;
        const char *name2;
        const char *value2;
        const char *why;
        char *copy = mem_alloc(strlen(again) + 1);

        memcpy(copy, again, strlen(again));
        settings_file_init(&second, copy, strlen(again));
        CHECK(settings_file_next(&second, &name2, &value2, &why) == SETTINGS_FILE_LINE);
        CHECK(strcmp(name, name2) == 0 && strcmp(value, value2) == 0);
        CHECK(settings_file_next(&second, &name2, &value2, &why) == SETTINGS_FILE_END);
        mem_free(copy);
        mem_free(again);
    }
    CHECK(file->line > 0);
}

/* Appends to said what the bytes say; returns how many lines they have. */
static unsigned read_all(const uint8_t *data, size_t size, unsigned lines_before,
                         struct strbuf *said)
{
    char *text = mem_alloc(size + 1);
    struct settings_file file;
    const char *name;
    const char *value;
    const char *why = NULL;
    unsigned line = 0;

    if (size > 0)
        memcpy(text, data, size);
    settings_file_init(&file, text, size);
    for (;;) {
        enum settings_file_next next = settings_file_next(&file, &name, &value, &why);

        CHECK(file.line >= line && file.at <= file.end);
        line = file.line;
        if (next == SETTINGS_FILE_END)
            break;
        if (next == SETTINGS_FILE_LINE) {
            check_line(&file, text, size, name, value);
            strbuf_printf(said, "%u %s=%s\n", lines_before + line, name, value);
        } else {
            CHECK(why != NULL);
            strbuf_printf(said, "%u !%s\n", lines_before + line, why);
        }
    }
    mem_free(text);
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf whole = STRBUF_EMPTY;
    size_t tried = 0;

    read_all(data, size, 0, &whole);
    for (size_t cut = 1; cut <= size && tried < CUTS_MAX; cut++) {
        struct strbuf parts = STRBUF_EMPTY;

        if (data[cut - 1] != '\n')
            continue;
        tried++;
        read_all(data + cut, size - cut, read_all(data, cut, 0, &parts), &parts);
        CHECK(whole.len == parts.len);
        CHECK(memcmp(strbuf_str(&whole), strbuf_str(&parts), whole.len) == 0);
        strbuf_fini(&parts);
    }
    strbuf_fini(&whole);
    return 0;
}
