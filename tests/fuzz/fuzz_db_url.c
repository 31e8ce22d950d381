// needs: common/digest common/strbuf common/mem common/check

/*
 * db_url: any text is a URL or a sentence; what is taken has the parts that a connection needs, and
 * is the same when it is written from them, with every character in its percent-encoding. A URL is
 * one setting and comes whole, so there is nothing to cut.
 */
#include "common/db_url.h"

#include "common/check.h"
#include "common/mem.h"
#include "common/strbuf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_part(struct strbuf *out, const char *before, const char *part)
{
    if (part == NULL)
        return;
    strbuf_add_str(out, before);
    for (; *part != '\0'; part++)
        strbuf_printf(out, "%%%02x", (unsigned char)*part);
}

static void write_url(const struct db_url *url, struct strbuf *out)
{
    static const char *const tls[] = {"x", "required", "verify"};

    write_part(out, "mysql://", url->user);
    write_part(out, ":", url->password);
    /* A host beside a socket can only have been localhost; it may have had a port. */
    write_part(out, "@", url->host != NULL ? url->host : "localhost");
    strbuf_printf(out, ":%u", url->port);
    write_part(out, "/", url->name);
    strbuf_add_str(out, "?");
    write_part(out, "socket=", url->socket);
    if (url->tls != DB_URL_TLS_ANY)
        strbuf_printf(out, "tls=%s", tls[url->tls]);
    write_part(out, "&tls_ca=", url->tls_ca);
    write_part(out, "&tls_cert=", url->tls_cert);
    write_part(out, "&tls_key=", url->tls_key);
    if (out->data[out->len - 1] == '?')
        out->data[--out->len] = '\0';
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_written(const struct db_url *url)
{
    struct strbuf text = STRBUF_EMPTY;
    char error[160] = "";
    struct db_url again;

    write_url(url, &text);
    CHECK(db_url_parse(text.data, &again, error, sizeof(error)));
    CHECK(same(url->user, again.user) && same(url->password, again.password));
    CHECK(same(url->host, again.host) && same(url->socket, again.socket));
    CHECK(same(url->name, again.name) && url->port == again.port && url->tls == again.tls);
    CHECK(same(url->tls_ca, again.tls_ca) && same(url->tls_cert, again.tls_cert));
    CHECK(same(url->tls_key, again.tls_key));
    db_url_fini(&again);
    strbuf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char error[160] = "";
    struct db_url url;

    if (db_url_parse(text, &url, error, sizeof(error))) {
        CHECK(url.user[0] != '\0' && url.name[0] != '\0' && url.port != 0);
        CHECK((url.host == NULL) != (url.socket == NULL));
        CHECK(url.tls_ca == NULL || (url.tls == DB_URL_TLS_VERIFY && url.tls_ca[0] == '/'));
        CHECK((url.tls_cert == NULL) == (url.tls_key == NULL));
        CHECK(url.tls == DB_URL_TLS_ANY || url.host != NULL);
        check_written(&url);
        db_url_fini(&url);
    } else {
        CHECK(error[0] != '\0' && strlen(error) < sizeof(error) - 1);
    }
    mem_free(text);
    return 0;
}
