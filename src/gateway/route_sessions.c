/*
 * One's own logins: listing them, and ending one or all others.
 */
#include "common/clock.h"
#include "common/mem.h"
#include "gateway/farewell.h"
#include "gateway/routes.h"

#include <string.h>

/* ---- list ---- */

static void add_session(void *context, const struct store_login *login)
{
    struct request *request = context;
    char id[2 * SESSION_ID_BYTES + 1];
    char created[CLOCK_ISO_SIZE];
    char expires[CLOCK_ISO_SIZE];
    bool current = memcmp(login->token_hash, request->token_hash, sizeof(login->token_hash)) == 0;

    digest_hex(login->token_hash, SESSION_ID_BYTES, id);
    strbuf_printf(&request->out,
                  "%s{\"id\":\"%s\",\"created_at\":\"%s\",\"expires_at\":\"%s\",\"current\":%s}",
                  request->out.len > 1 ? "," : "", id,
                  clock_format_iso(login->created_at_us, created),
                  clock_format_iso(login->expires_at_us, expires), current ? "true" : "false");
}

enum err list_sessions_query(struct request *request, struct db *db)
{
    enum err err;

    strbuf_add_char(&request->out, '[');
    err = store_session_list(db, request->session.user_id, PAGE_LIMIT_MAX, add_session, request);
    strbuf_add_char(&request->out, ']');
    return err;
}

/* ---- end: the database first, then everyone is told ---- */

/* The hashes of the tokens that ended. */
static struct strbuf *make_ended(struct request *request)
{
    struct strbuf *ended = mem_alloc(sizeof(*ended));

    strbuf_init(ended);
    request->state = ended;
    return ended;
}

static enum err keep_if_done(struct request *request, enum err err)
{
    if (err != ERR_NONE)
        strbuf_fini(request->state);
    return err;
}

enum err end_session_query(struct request *request, struct db *db)
{
    struct strbuf *ended = make_ended(request);
    uint8_t id[SESSION_ID_BYTES];
    uint8_t token_hash[DIGEST_SHA256_SIZE];
    enum err err;

    for (size_t i = 0; i < sizeof(id); i++)
        id[i] = (uint8_t)(request->session_id >> (8 * (sizeof(id) - 1 - i)));
    err = store_session_end(db, request->session.user_id, id, token_hash);
    if (err == ERR_NONE)
        strbuf_add(ended, token_hash, sizeof(token_hash));
    return keep_if_done(request, err == ERR_NO_ROW ? ERR_SESSION_NOT_FOUND : err);
}

enum err end_sessions_query(struct request *request, struct db *db)
{
    struct strbuf *ended = make_ended(request);

    return keep_if_done(request, store_session_end_others(db, request->session.user_id,
                                                          request->token_hash, ended));
}

void end_sessions_finish(struct request *request)
{
    struct strbuf *ended = request->state;
    size_t count = ended->len / DIGEST_SHA256_SIZE;

    farewell_begin(request, "Sessions ended");
    strbuf_printf(&request->out, "{\"ended\":%zu}", count);
    farewell_revoke(request, (const uint8_t *)ended->data, count);
    farewell_end(request);
    strbuf_fini(ended);
    mem_free(ended);
}
