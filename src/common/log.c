#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
/* A byte becomes at most six (a control byte), a pair of two bytes nine; and the head. */
#define JSON_MAX_BYTES (7 * LINE_MAX_BYTES)
#define MODULES_MAX    16
#define MODULE_SIZE    16

/* What is left out. */
struct levels {
    enum log_level least; /* of modules that are not named */
    size_t count;
    struct {
        char name[MODULE_SIZE];
        enum log_level least;
    } modules[MODULES_MAX];
};

static char process_name[32] = "banter";
static struct levels levels = {.least = LOG_INFO};
static pthread_mutex_t levels_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int lowest = LOG_INFO; /* of levels: what is below needs no lock */
static atomic_bool json;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

bool log_level_parse(const char *text, enum log_level *level_out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *level_out = (enum log_level)i;
            return true;
        }
    return false;
}

static void use_levels(const struct levels *now)
{
    enum log_level least = now->least;

    for (size_t i = 0; i < now->count; i++)
        least = MIN(least, now->modules[i].least);
    pthread_mutex_lock(&levels_lock);
    levels = *now;
    pthread_mutex_unlock(&levels_lock);
    atomic_store(&lowest, least);
}

void log_name(const char *process)
{
    snprintf(process_name, sizeof(process_name), "%s", process);
}

void log_init(const char *process, enum log_level least)
{
    struct levels now = {.least = least};

    log_name(process);
    use_levels(&now);
}

/* One piece of the list: "info" or "db=debug". */
static bool parse_piece(char *piece, struct levels *out, char *error, size_t error_size)
{
    char *equals = strchr(piece, '=');
    const char *level = equals != NULL ? equals + 1 : piece;
    enum log_level least;

    if (!log_level_parse(level, &least)) {
        snprintf(error, error_size, "\"%s\" is no level; debug, info, warn or error is needed",
                 level);
        return false;
    }
    if (equals == NULL) {
        out->least = least;
        return true;
    }
    *equals = '\0';
    if (piece[0] == '\0' || strlen(piece) >= MODULE_SIZE || out->count == MODULES_MAX ||
        strspn(piece, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(piece)) {
        snprintf(error, error_size,
                 "\"%s\" is no module; what stands before the dot of an event is needed, at most "
                 "%d of them",
                 piece, MODULES_MAX);
        return false;
    }
    snprintf(out->modules[out->count].name, MODULE_SIZE, "%s", piece);
    out->modules[out->count++].least = least;
    return true;
}

static bool parse_levels(const char *text, struct levels *out, char *error, size_t error_size)
{
    char copy[512];
    char *rest = copy;

    *out = (struct levels){.least = LOG_INFO};
    if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy)) {
        snprintf(error, error_size, "the list of levels is too long");
        return false;
    }
    for (char *piece; (piece = strsep(&rest, ",")) != NULL;)
        if (!parse_piece(piece, out, error, error_size))
            return false;
    return true;
}

static bool parse_format(const char *format, bool *json_out, char *error, size_t error_size)
{
    *json_out = strcmp(format, "json") == 0;
    if (*json_out || strcmp(format, "logfmt") == 0)
        return true;
    snprintf(error, error_size, "\"%s\" is no format; logfmt or json is needed", format);
    return false;
}

bool log_usable(const char *levels_text, const char *format, char *error, size_t error_size)
{
    struct levels now;
    bool as_json;

    return parse_levels(levels_text, &now, error, error_size) &&
           parse_format(format, &as_json, error, error_size);
}

bool log_set(const char *levels_text, const char *format, char *error, size_t error_size)
{
    struct levels now;
    bool as_json;

    if (!parse_levels(levels_text, &now, error, error_size) ||
        !parse_format(format, &as_json, error, error_size))
        return false;
    use_levels(&now);
    atomic_store(&json, as_json);
    return true;
}

static bool is_left_out(enum log_level level, const char *event)
{
    size_t len = strcspn(event, ".");
    enum log_level least;

    if ((int)level < atomic_load_explicit(&lowest, memory_order_relaxed))
        return true;
    pthread_mutex_lock(&levels_lock);
    least = levels.least;
    for (size_t i = 0; i < levels.count; i++)
        if (strncmp(levels.modules[i].name, event, len) == 0 && levels.modules[i].name[len] == '\0')
            least = levels.modules[i].least;
    pthread_mutex_unlock(&levels_lock);
    return level < least;
}

/* ---- JSON ---- */

/* How many bytes of the text are one character of UTF-8 (RFC 3629, 4); 0 for none. */
static size_t utf8_character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t more = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 1 : c[0] < 0xf0 ? 2 : c[0] < 0xf5 ? 3 : 0;

    if (more == 0 || (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    for (size_t i = 1; i <= more; i++)
        if (c[i] < 0x80 || c[i] > 0xbf)
            return 0;
    return more + 1;
}

static char *put(char *out, const char *text)
{
    size_t len = strlen(text);

    memcpy(out, text, len);
    return out + len;
}

static char *put_unicode(char *out, unsigned byte)
{
    static const char hex[] = "0123456789abcdef";

    out = put(out, "\\u00");
    *out++ = hex[byte >> 4 & 15];
    *out++ = hex[byte & 15];
    return out;
}

/* Appends one character of a value, and says where the next one is. */
static const char *put_character(char **out, const char *text)
{
    unsigned char c = (unsigned char)*text;
    size_t len;

    if (c == '"' || c == '\\') {
        *(*out)++ = '\\';
        *(*out)++ = (char)c;
        return text + 1;
    }
    if (c < 0x20 || c == 0x7f) {
        *out = put_unicode(*out, c);
        return text + 1;
    }
    len = c < 0x80 ? 1 : utf8_character(text);
    if (len == 0) {
        *out = put(*out, "\xef\xbf\xbd"); /* U+FFFD */
        return text + 1;
    }
    memcpy(*out, text, len);
    *out += len;
    return text + len;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

/* \xNN of log_quote(), which never writes \x00; -1 for anything else. */
static int escaped_byte(const char *text)
{
    int high = text[0] == '\\' && text[1] == 'x' ? hex_value(text[2]) : -1;
    int low = high >= 0 ? hex_value(text[3]) : -1;

    return low >= 0 && high + low > 0 ? high * 16 + low : -1;
}

/* A quoted value, as log_quote() writes it; one that was cut ends where the text does. */
static const char *put_quoted(char **out, const char *text)
{
    *(*out)++ = '"';
    while (*text != '\0' && *text != '"') {
        int byte = escaped_byte(text);

        if (byte >= 0) {
            *out = put_unicode(*out, (unsigned)byte);
            text += 4;
        } else {
            text += text[0] == '\\' && text[1] != '\0';
            text = put_character(out, text);
        }
    }
    *(*out)++ = '"';
    return *text == '"' ? text + 1 : text;
}

/* Short decimal numbers only: a long one may be an identifier in hexadecimal by chance, and loses
 * digits in many readers. */
static bool is_number(const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-';
    size_t digits = strspn(text + at, "0123456789");

    if (digits == 0 || len > 15 || (digits > 1 && text[at] == '0'))
        return false;
    at += digits;
    if (at < len && text[at] == '.') {
        digits = strspn(text + at + 1, "0123456789");
        at += digits > 0 ? digits + 1 : 0;
    }
    return at == len;
}

static const char *put_bare(char **out, const char *text)
{
    size_t len = strcspn(text, " ");
    const char *end = text + len;

    if (is_number(text, len)) {
        memcpy(*out, text, len);
        *out += len;
        return end;
    }
    *(*out)++ = '"';
    while (text < end)
        text = put_character(out, text);
    *(*out)++ = '"';
    return text;
}

/* key=value pairs; a word without a value becomes true. */
static char *put_pairs(char *out, const char *text)
{
    while (*(text += strspn(text, " ")) != '\0') {
        const char *end = text + strcspn(text, "= ");

        *out++ = ',';
        *out++ = '"';
        while (text < end)
            text = put_character(&out, text);
        *out++ = '"';
        *out++ = ':';
        if (*text != '=')
            out = put(out, "true");
        else if (text[1] == '"')
            text = put_quoted(&out, text + 2);
        else
            text = put_bare(&out, text + 1);
    }
    return out;
}

static size_t to_json(enum log_level level, const char *now, const char *event, const char *pairs,
                      char *out)
{
    char *end = out + snprintf(out, LINE_MAX_BYTES,
                               "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\","
                               "\"event\":\"%s\"",
                               now, level_names[level], process_name, event);

    end = put_pairs(end, pairs);
    return (size_t)(put(end, "}\n") - out);
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    int saved_errno = errno;
    char line[LINE_MAX_BYTES];
    char text[JSON_MAX_BYTES];
    char now[CLOCK_ISO_SIZE];
    const char *from = line;
    size_t begin;
    size_t len;
    va_list args;

    if (is_left_out(level, event))
        return;
    begin = (size_t)snprintf(line, sizeof(line), "%s %s %s event=%s ",
                             clock_format_iso(clock_wall_us(), now), level_names[level],
                             process_name, event);
    va_start(args, format);
    int more = vsnprintf(line + begin, sizeof(line) - begin - 1, format, args);
    va_end(args);
    len = MIN(begin + (size_t)MAX(more, 0), sizeof(line) - 2);
    if (atomic_load_explicit(&json, memory_order_relaxed)) {
        len = to_json(level, now, event, line + begin, text);
        from = text;
    } else {
        line[len++] = '\n';
    }
    /* A log that cannot be written has nobody left to tell. */
    ssize_t ignored ATTR_UNUSED = write(STDERR_FILENO, from, len);
    errno = saved_errno;
}

bool log_allowed(struct log_limit *limit, uint64_t interval_ms, uint64_t *suppressed_out)
{
    uint64_t now = clock_mono_ms();

    if (limit->last_ms != 0 && now - limit->last_ms < interval_ms) {
        limit->suppressed++;
        return false;
    }
    *suppressed_out = limit->suppressed;
    limit->suppressed = 0;
    limit->last_ms = now;
    return true;
}

char *log_quote(const char *text, char *out, size_t size)
{
    size_t at = 0;

    out[at++] = '"';
    for (; *text != '\0' && at + 6 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            out[at++] = '\\';
            out[at++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
        } else {
            out[at++] = (char)c;
        }
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
