// needs: common/strbuf common/mem common/check common/clock common/errors common/metrics common/log
/*
 * chat_admission: a revocation that is heard while a handshake's look-up waits or is under way
 * counts, although the answer may be older than it: what sessions.c is told is from before the
 * question (and test_sessions.c holds what it does with that). All around is played.
 */
#include "gateway/chat_admission.h"

#include "common/settings.h"
#include "gateway/admissions.h"
#include "gateway/auth_waits.h"
#include "gateway/chat_frames.h"
#include "gateway/limiter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct admission *asked; /* what the database has not answered */
static uint64_t revoked;        /* heard so far */
static uint64_t told;           /* the last revoked_before */
static unsigned attached;
static unsigned closed;

uint64_t sessions_revoked(const struct sessions *sessions ATTR_UNUSED)
{
    return revoked;
}

void sessions_attach(struct sessions *sessions ATTR_UNUSED, struct session_member *member,
                     const uint8_t token_hash[DIGEST_SHA256_SIZE] ATTR_UNUSED,
                     const struct store_session *found ATTR_UNUSED, uint64_t revoked_before)
{
    static struct session session;

    member->session = &session;
    attached++;
    told = revoked_before;
}

bool admissions_submit(struct admissions *admissions ATTR_UNUSED, struct admission *admission)
{
    assert_null(asked);
    asked = admission;
    return true;
}

void chat_client_close(struct chat_client *client ATTR_UNUSED, enum close_reason reason ATTR_UNUSED)
{
    closed++;
}

struct chat_room *chat_client_add_room(struct chat_client *client ATTR_UNUSED,
                                       const struct chat_request *request ATTR_UNUSED)
{
    return NULL;
}

struct chat_room *chat_client_room(struct chat_client *client ATTR_UNUSED,
                                   uint64_t room_id ATTR_UNUSED)
{
    return NULL;
}

void chat_client_hear(struct chat_room *room ATTR_UNUSED, uint64_t head ATTR_UNUSED)
{
}

void chat_client_remove_room(struct chat_room *room ATTR_UNUSED)
{
}

void chat_client_log_open(const struct chat_client *client ATTR_UNUSED,
                          const char *request_id ATTR_UNUSED)
{
}

void chat_client_hold_or_go_on(struct chat_client *client ATTR_UNUSED)
{
}

void chat_client_say(struct chat_client *client ATTR_UNUSED, struct strbuf *out)
{
    strbuf_fini(out);
}

void chat_client_ref(struct chat_client *client ATTR_UNUSED)
{
}

void chat_client_unref(struct chat_client *client ATTR_UNUSED)
{
}

bool auth_waits_add(struct auth_waits *waits ATTR_UNUSED, struct chat_client *client ATTR_UNUSED,
                    uint64_t address ATTR_UNUSED, const struct chat_request *request ATTR_UNUSED)
{
    return true;
}

bool auth_waits_take(struct auth_waits *waits ATTR_UNUSED, struct chat_client *client ATTR_UNUSED,
                     struct chat_request *request_out ATTR_UNUSED)
{
    return true;
}

void ws_conn_pause(struct ws_conn *conn ATTR_UNUSED)
{
}

void ws_conn_resume(struct ws_conn *conn ATTR_UNUSED)
{
}

struct ws_auth ws_auth_read_frame(const uint8_t *data ATTR_UNUSED, size_t len ATTR_UNUSED)
{
    return (struct ws_auth){.kind = WS_AUTH_BAD};
}

void chat_frame_error(struct strbuf *out ATTR_UNUSED, const struct error_frame *error ATTR_UNUSED)
{
}

void chat_frame_hello(struct strbuf *out ATTR_UNUSED, const struct hello_frame *hello ATTR_UNUSED)
{
}

uint64_t limiter_address(const struct limiter *limiter ATTR_UNUSED,
                         const struct client_address *address ATTR_UNUSED)
{
    return 0;
}

bool limiter_attached(struct limiter *limiter ATTR_UNUSED, uint64_t user_id ATTR_UNUSED)
{
    return true;
}

void limiter_handshake_begins(struct limiter *limiter ATTR_UNUSED)
{
}

void limiter_handshake_ended(struct limiter *limiter ATTR_UNUSED)
{
}

static char anything;
static struct settings *settings_of(void)
{
    static struct settings settings;

    return &settings;
}

static void answer(enum err err)
{
    struct admission *admission = asked;

    asked = NULL;
    admission->ask.err = err;
    admission->done(admission);
}

static void begin(struct chat_client *client, struct services *services, bool single)
{
    const struct chat_request request = {.auth = {.kind = WS_AUTH_TOKEN}, .single = single};

    *services = (struct services){.settings = settings_of(),
                                  .admissions = (struct admissions *)(void *)&anything};
    *client = (struct chat_client){
        .services = services, .kind = single ? CHAT_SINGLE : CHAT_MULTI, .conn.state = WS_OPEN};
    attached = closed = 0;
    told = SESSIONS_UNKNOWN;
    chat_admission_begin(client, &request);
    assert_non_null(asked);
}

static void test_says_what_was_heard_before_it_asked(void **state)
{
    struct services services;
    struct chat_client client;

    (void)state;
    for (int single = 0; single < 2; single++) {
        revoked = 7;
        begin(&client, &services, single != 0);
        revoked = 8; /* while it waits for its turn, or the database looks */
        answer(ERR_NONE);
        assert_int_equal(attached, 1);
        assert_int_equal(told, 7);
        assert_int_equal(closed, 0);
    }
}

static void test_nothing_was_heard(void **state)
{
    struct services services;
    struct chat_client client;

    (void)state;
    revoked = 9;
    begin(&client, &services, true);
    answer(ERR_NONE);
    assert_int_equal(told, revoked);
}

static void test_revoked_before_the_database_looked(void **state)
{
    struct services services;
    struct chat_client client;

    (void)state;
    begin(&client, &services, false);
    revoked++;
    answer(ERR_NO_ROW);
    assert_int_equal(attached, 0);
    assert_int_equal(closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_was_heard_before_it_asked),
        cmocka_unit_test(test_nothing_was_heard),
        cmocka_unit_test(test_revoked_before_the_database_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
