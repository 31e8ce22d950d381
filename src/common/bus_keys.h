/*
 * bus_keys.h: the keys of the bus (CurveZMQ, RFC 26): their text, the files that hold them.
 *
 * A key is 32 bytes, written as 40 characters of Z85 (RFC 32). The alphabet has '#', '$' and '=':
 * a key is safer in a file than in a shell or a compose file.
 *
 * A key pair's file, and the list of those that may connect:
 *
 *   # a comment                          # a comment
 *   public = <40 characters>             <40 characters> gateway-1
 *   secret = <40 characters>             <40 characters>
 *
 * The parsers are total and pure; the rest reads and writes files and blocks. Sentences never hold
 * what a file holds, which may be a secret.
 */
#ifndef BANTER_COMMON_BUS_KEYS_H
#define BANTER_COMMON_BUS_KEYS_H

#include "common/base.h"
#include "common/strbuf.h"

#define BUS_KEY_CHARS    40
#define BUS_KEY_SIZE     (BUS_KEY_CHARS + 1)
#define BUS_KEY_NAME_MAX 63
/* Of a key pair's file; and of a list, with the keys in it. */
#define BUS_KEY_FILE_MAX  4096
#define BUS_LIST_FILE_MAX (1 << 20)
#define BUS_LIST_MAX      10000

struct bus_key_pair {
    char public_key[BUS_KEY_SIZE];
    char secret_key[BUS_KEY_SIZE];
};

/* Who may connect, sorted by key. */
struct bus_allowed {
    char key[BUS_KEY_SIZE];
    char name[BUS_KEY_NAME_MAX + 1]; /* what follows the key; for the log */
};

struct bus_key_list {
    struct bus_allowed *items;
    size_t count;
};

/* Whether the len characters are a key. */
bool bus_key_valid(const char *text, size_t len);
/* Writes 32 bytes as text. */
void bus_key_format(const uint8_t bytes[32], char out[BUS_KEY_SIZE]);

/* Both: false, and what is wrong in error (size bytes), beginning with the line. */
bool bus_key_pair_parse(const char *text, size_t len, struct bus_key_pair *pair_out, char *error,
                        size_t error_size) ATTR_MUSTCHECK;
bool bus_key_list_parse(const char *text, size_t len, struct bus_key_list *list_out, char *error,
                        size_t error_size) ATTR_MUSTCHECK;
void bus_key_list_fini(struct bus_key_list *list);
/* NULL: not on the list. */
const struct bus_allowed *bus_key_list_find(const struct bus_key_list *list, const char *key);

/*
 * Reads a pair; also refused are a secret that is not the public key's, and a file that others can
 * read: mode 0600 is asked for. One that belongs to root and is read through its group may be 0440:
 * that is how Kubernetes and systemd hand secrets over.
 */
bool bus_key_pair_read(const char *path, struct bus_key_pair *pair_out, char *error,
                       size_t error_size) ATTR_MUSTCHECK;
bool bus_key_list_read(const char *path, struct bus_key_list *list_out, char *error,
                       size_t error_size) ATTR_MUSTCHECK;

/* A fresh pair; false if this ZeroMQ has no CURVE. */
bool bus_key_pair_make(struct bus_key_pair *pair_out) ATTR_MUSTCHECK;
/* The text that bus_key_pair_parse() reads; the caller wipes it. */
void bus_key_pair_write(const struct bus_key_pair *pair, const char *name, struct strbuf *out);
/* Whether this ZeroMQ was built with CURVE. */
bool bus_keys_supported(void);

#endif
