// needs: common/clock common/check
/* Whatever text a line is made of: as JSON it is one line, one object, and valid UTF-8; and what
 * log_quote() makes of it comes out again as it went in. It is written,
 * not read: there is nothing to cut. */
#include "common/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int captured = -1;

/* The line that was logged, which goes to stderr. */
static size_t log_line(const char *prefix, const char *text, char *out, size_t out_size)
{
    int real_stderr = dup(STDERR_FILENO);
    ssize_t len;

    if (ftruncate(captured, 0) != 0 || lseek(captured, 0, SEEK_SET) != 0 || real_stderr < 0)
        abort();
    dup2(captured, STDERR_FILENO);
    log_info("fuzz.line", "%s%s", prefix, text);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    len = pread(captured, out, out_size, 0);
    if (len < 2 || out[len - 1] != '\n' || memchr(out, '\n', (size_t)len) != out + len - 1)
        abort();
    return (size_t)len;
}

static void check_object(const char *line, size_t len, const char *value)
{
    json_error_t error;
    json_t *object = json_loadb(line, len, 0, &error);
    const char *found;

    if (object == NULL) {
        fprintf(stderr, "no JSON: %s\n%.*s", error.text, (int)len, line);
        abort();
    }
    found = json_string_value(json_object_get(object, "value"));
    if (value != NULL && (found == NULL || strcmp(found, value) != 0))
        abort();
    json_decref(object);
}

/* Control bytes come out as \u00NN, others only if they are UTF-8: so plain text is compared. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x7f)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[65536];
    char text[4096];
    char quoted[1024];
    char error[160];

    if (captured < 0) {
        captured = memfd_create("log", MFD_CLOEXEC);
        if (captured < 0 || !log_set("info", "json", error, sizeof(error)))
            abort();
    }
    if (size >= sizeof(text) || memchr(data, 0, size) != NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    /* A key that comes twice is the caller's fault; the parser takes the last. */
    check_object(line, log_line("", text, line, sizeof(line)), NULL);
    log_quote(text, quoted, sizeof(quoted));
    check_object(line, log_line("value=", quoted, line, sizeof(line)),
                 size < 200 && is_plain(text) ? text : NULL);
    return 0;
}
