/*
 * db_url.h: the parts of a database URL. Pure.
 *
 *   mysql://user:password@host:port/name
 *   mysql://user:password@[v6 address]:port/name
 *   mysql://user:password@/name?socket=/path
 *   mysql://user:password@host/name?tls=required
 *   mysql://user:password@host/name?tls=verify&tls_ca=/path&tls_cert=/path&tls_key=/path
 *
 * The password and the port may be left out. User, password, name and what follows '=' are
 * percent-decoded (RFC 3986, 2.1), so that any character can be written in them; a NUL cannot.
 *
 * tls=required encrypts, and trusts whoever answers; tls=verify also checks the server's chain
 * (against tls_ca, or else what the system trusts) and its host name. tls_cert and tls_key are
 * ours, for a server that asks. Without tls= nothing is asked for, and a plain connection is taken.
 */
#ifndef BANTER_COMMON_DB_URL_H
#define BANTER_COMMON_DB_URL_H

#include "common/base.h"

#define DB_URL_PORT_DEFAULT 3306

enum db_url_tls { DB_URL_TLS_ANY, DB_URL_TLS_REQUIRED, DB_URL_TLS_VERIFY };

/* Owned strings. host is NULL when socket is not, and the other way round. */
struct db_url {
    char *user;
    char *password; /* NULL: none */
    char *host;
    char *socket;
    char *name;
    uint16_t port;
    enum db_url_tls tls;
    char *tls_ca; /* absolute paths; NULL: not given */
    char *tls_cert;
    char *tls_key; /* together with tls_cert */
};

/* False, and a sentence in error (size bytes), if the text does not fit; the sentence never repeats
 * what the URL holds, which may be a password. *url_out needs db_url_fini() only after true. */
bool db_url_parse(const char *text, struct db_url *url_out, char *error,
                  size_t error_size) ATTR_MUSTCHECK;
/* Frees the strings, and wipes the password first. */
void db_url_fini(struct db_url *url);

#endif
