#include "common/bus_keys.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define KEY_BYTES 32

/* A line of what is being read, without blanks at its ends. */
struct line {
    const char *at;
    size_t len;
    unsigned number;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line that says something; comments and empty lines are passed over. */
static bool next_line(const char **at, const char *end, struct line *line)
{
    while (*at < end) {
        const char *stop = memchr(*at, '\n', (size_t)(end - *at));
        const char *from = *at;
        const char *to = stop != NULL ? stop : end;

        *at = stop != NULL ? stop + 1 : end;
        line->number++;
        while (from < to && is_blank(*from))
            from++;
        while (to > from && is_blank(to[-1]))
            to--;
        line->at = from;
        line->len = (size_t)(to - from);
        /* No key begins with '#': its first five characters would not fit into 32 bits. */
        if (line->len > 0 && from[0] != '#')
            return true;
    }
    return false;
}

static bool refuse(char *error, size_t size, unsigned line, const char *sentence)
{
    snprintf(error, size, "line %u: %s", line, sentence);
    return false;
}

/* ---- keys -------------------------------------------------------------------------------------*/

bool bus_key_valid(const char *text, size_t len)
{
    char copy[BUS_KEY_SIZE] = "";
    char again[BUS_KEY_SIZE];
    uint8_t bytes[KEY_BYTES];
    bool valid;

    if (len != BUS_KEY_CHARS || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(copy, text, len);
    /* Written again, so that groups beyond 32 bits and characters that are none do not pass. */
    valid = zmq_z85_decode(bytes, copy) != NULL &&
            zmq_z85_encode(again, bytes, sizeof(bytes)) != NULL && strcmp(copy, again) == 0;
    mem_wipe(copy, sizeof(copy));
    mem_wipe(again, sizeof(again));
    mem_wipe(bytes, sizeof(bytes));
    return valid;
}

void bus_key_format(const uint8_t bytes[32], char out[BUS_KEY_SIZE])
{
    zmq_z85_encode(out, bytes, KEY_BYTES);
}

/* "name = key" into out; false if the line is not of this name. */
static bool read_field(const struct line *line, const char *name, const char **key_out,
                       size_t *len_out)
{
    size_t len = strlen(name);
    const char *at = line->at + len;
    const char *end = line->at + line->len;

    if (line->len <= len || memcmp(line->at, name, len) != 0)
        return false;
    while (at < end && is_blank(*at))
        at++;
    if (at == end || *at++ != '=')
        return false;
    while (at < end && is_blank(*at))
        at++;
    *key_out = at;
    *len_out = (size_t)(end - at);
    return true;
}

static bool parse_pair(const char *text, size_t len, struct bus_key_pair *pair, char *error,
                       size_t error_size)
{
    struct line line = {0};
    const char *at = text;

    while (next_line(&at, text + len, &line)) {
        const char *key;
        size_t key_len;
        char *field = NULL;

        if (read_field(&line, "public", &key, &key_len))
            field = pair->public_key;
        else if (read_field(&line, "secret", &key, &key_len))
            field = pair->secret_key;
        if (field == NULL)
            return refuse(error, error_size, line.number,
                          "neither \"public = KEY\" nor \"secret = KEY\"");
        if (field[0] != '\0')
            return refuse(error, error_size, line.number, "a key that was given before");
        if (!bus_key_valid(key, key_len))
            return refuse(error, error_size, line.number, "not a key of 40 characters (Z85)");
        memcpy(field, key, key_len);
    }
    if (pair->public_key[0] == '\0' || pair->secret_key[0] == '\0')
        return refuse(error, error_size, line.number, "the file ends without both keys");
    return true;
}

bool bus_key_pair_parse(const char *text, size_t len, struct bus_key_pair *pair_out, char *error,
                        size_t error_size)
{
    *pair_out = (struct bus_key_pair){"", ""};
    if (parse_pair(text, len, pair_out, error, error_size))
        return true;
    mem_wipe(pair_out, sizeof(*pair_out));
    return false;
}

/* ---- the list ---------------------------------------------------------------------------------*/

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct bus_allowed *)a)->key, ((const struct bus_allowed *)b)->key);
}

/* Names are for the log: what would not fit on its line becomes a dot. */
static void copy_name(char *out, const char *from, size_t len)
{
    len = MIN(len, (size_t)BUS_KEY_NAME_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = '.';
    for (size_t i = 0; i < len; i++)
        if (from[i] > ' ' && from[i] < 0x7f && from[i] != '"' && from[i] != '\\')
            out[i] = from[i];
    out[len] = '\0';
}

static bool add_line(struct bus_key_list *list, const struct line *line)
{
    struct bus_allowed *item;
    size_t name = BUS_KEY_CHARS;

    if (line->len < BUS_KEY_CHARS || !bus_key_valid(line->at, BUS_KEY_CHARS) ||
        (line->len > BUS_KEY_CHARS && !is_blank(line->at[BUS_KEY_CHARS])))
        return false;
    if (list->count % 64 == 0)
        list->items = mem_realloc(list->items, (list->count + 64) * sizeof(*list->items));
    item = &list->items[list->count++];
    memset(item, 0, sizeof(*item));
    memcpy(item->key, line->at, BUS_KEY_CHARS);
    while (name < line->len && is_blank(line->at[name]))
        name++;
    copy_name(item->name, line->at + name, line->len - name);
    return true;
}

bool bus_key_list_parse(const char *text, size_t len, struct bus_key_list *list_out, char *error,
                        size_t error_size)
{
    struct bus_key_list list = {NULL, 0};
    struct line line = {0};
    const char *at = text;

    while (next_line(&at, text + len, &line)) {
        if (list.count < BUS_LIST_MAX && add_line(&list, &line))
            continue;
        bus_key_list_fini(&list);
        return refuse(error, error_size, line.number,
                      "not a key of 40 characters (Z85), with a blank and a name after it");
    }
    if (list.count > 0)
        qsort(list.items, list.count, sizeof(*list.items), compare);
    *list_out = list;
    return true;
}

void bus_key_list_fini(struct bus_key_list *list)
{
    mem_free(list->items);
    *list = (struct bus_key_list){NULL, 0};
}

const struct bus_allowed *bus_key_list_find(const struct bus_key_list *list, const char *key)
{
    struct bus_allowed wanted = {"", ""};

    if (list->count == 0)
        return NULL;
    snprintf(wanted.key, sizeof(wanted.key), "%s", key);
    return bsearch(&wanted, list->items, list->count, sizeof(*list->items), compare);
}

/* ---- files ------------------------------------------------------------------------------------*/

static bool mode_is_safe(const struct stat *stat)
{
    /* Root's, and readable for us through the group only. */
    if (stat->st_uid == 0 && geteuid() != 0)
        return (stat->st_mode & 037) == 0;
    return (stat->st_mode & 077) == 0;
}

/* All of a file, at most max bytes of it; the caller wipes and frees. */
static char *read_all(const char *path, bool secret, size_t max, size_t *len_out, char *error,
                      size_t error_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    char *text = NULL;
    ssize_t got = 0;

    *len_out = 0;
    if (fd < 0 || fstat(fd, &stat) != 0) {
        snprintf(error, error_size, "cannot be read: %s", strerror(errno));
    } else if (!S_ISREG(stat.st_mode) || (size_t)stat.st_size > max) {
        snprintf(error, error_size, "is not a file of at most %zu bytes", max);
    } else if (secret && !mode_is_safe(&stat)) {
        snprintf(error, error_size, "can be read by others: its mode is %03o, chmod 600 it",
                 (unsigned)stat.st_mode & 0777);
    } else {
        text = mem_alloc(max + 1);
        while (*len_out < max && (got = read(fd, text + *len_out, max - *len_out)) > 0)
            *len_out += (size_t)got;
        if (got < 0) {
            snprintf(error, error_size, "cannot be read: %s", strerror(errno));
            mem_free(text);
            text = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static bool pair_matches(const struct bus_key_pair *pair)
{
    char derived[BUS_KEY_SIZE];

    return zmq_curve_public(derived, pair->secret_key) == 0 &&
           strcmp(derived, pair->public_key) == 0;
}

bool bus_key_pair_read(const char *path, struct bus_key_pair *pair_out, char *error,
                       size_t error_size)
{
    size_t len;
    char *text = read_all(path, true, BUS_KEY_FILE_MAX, &len, error, error_size);
    bool good;

    if (text == NULL)
        return false;
    good = bus_key_pair_parse(text, len, pair_out, error, error_size);
    mem_wipe(text, len);
    mem_free(text);
    if (good && !pair_matches(pair_out)) {
        snprintf(error, error_size, "has a secret key that is not the public key's");
        mem_wipe(pair_out, sizeof(*pair_out));
        good = false;
    }
    return good;
}

bool bus_key_list_read(const char *path, struct bus_key_list *list_out, char *error,
                       size_t error_size)
{
    size_t len;
    char *text = read_all(path, false, BUS_LIST_FILE_MAX, &len, error, error_size);
    bool good = text != NULL && bus_key_list_parse(text, len, list_out, error, error_size);

    mem_free(text);
    return good;
}

/* ---- making -----------------------------------------------------------------------------------*/

bool bus_keys_supported(void)
{
    return zmq_has("curve") == 1;
}

bool bus_key_pair_make(struct bus_key_pair *pair_out)
{
    return zmq_curve_keypair(pair_out->public_key, pair_out->secret_key) == 0;
}

void bus_key_pair_write(const struct bus_key_pair *pair, const char *name, struct strbuf *out)
{
    strbuf_printf(out,
                  "# The bus key pair of %s. Whoever can read this file is %s: keep it at mode "
                  "0600.\npublic = %s\nsecret = %s\n",
                  name, name, pair->public_key, pair->secret_key);
}
