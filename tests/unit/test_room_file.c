// needs: common/account_rules common/common_passwords common/unicode gen/common_passwords common/check common/clock common/digest common/event_json common/json common/json_flat common/mem common/strbuf common/utf8
/* room_file: what export writes is what import reads, whatever is in it; what is off is told. */
#include "ctl/room_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct span text(const char *bytes)
{
    return (struct span){(const uint8_t *)bytes, strlen(bytes)};
}

static void assert_span(struct span span, struct span expected)
{
    assert_int_equal(span.len, expected.len);
    assert_int_equal(span.data == NULL, expected.data == NULL);
    if (span.len > 0)
        assert_memory_equal(span.data, expected.data, span.len);
}

/* The line without its newline, which must be there. */
static struct json_doc *parse(struct strbuf *line)
{
    struct json_doc *doc = NULL;

    assert_true(line->len > 0 && line->data[line->len - 1] == '\n');
    assert_null(memchr(line->data, '\n', line->len - 1));
    assert_int_equal(json_parse_object(line->data, line->len - 1, &doc), ERR_NONE);
    strbuf_fini(line);
    return doc;
}

static struct json_doc *parse_text(const char *line)
{
    struct json_doc *doc = NULL;

    assert_int_equal(json_parse_object(line, strlen(line), &doc), ERR_NONE);
    return doc;
}

static void test_header(void **unused)
{
    const struct room_file_header header = {.version = ROOM_FILE_VERSION,
                                            .room_id = JSON_INTEGER_MAX,
                                            .name = text("T\"\\\n\xf0\x9f\x94\x91"),
                                            .creator_id = 1,
                                            .created_at_us = 2,
                                            .epoch = 3,
                                            .members = 4,
                                            .events = 5};
    struct room_file_header read;
    struct strbuf line = STRBUF_EMPTY;
    struct json_doc *doc;

    (void)unused;
    room_file_write_header(&line, &header);
    doc = parse(&line);
    assert_null(room_file_read_header(doc, &read));
    assert_span(read.name, header.name);
    read.name = header.name;
    assert_memory_equal(&read, &header, sizeof(read));
    json_doc_destroy(&doc);
}

static void test_member(void **unused)
{
    const struct room_file_member member = {7, text("zo\xc3\xab \"x\""), 8, 9};
    struct room_file_member read;
    struct strbuf line = STRBUF_EMPTY;
    struct json_doc *doc;

    (void)unused;
    room_file_write_member(&line, &member);
    doc = parse(&line);
    assert_null(room_file_read_member(doc, &read));
    assert_span(read.username, member.username);
    assert_int_equal(read.user_id, 7);
    assert_int_equal(read.joined_seq, 8);
    assert_int_equal(read.last_read_seq, 9);
    json_doc_destroy(&doc);
}

/* An export of a server with accounts from before today's rules is read as it was written. */
static void test_old_name(void **unused)
{
    static const char turned[] = "a\xe2\x80\xae"
                                 "da";
    static const char *const names[] = {" ada  ", turned, "zoe\xcc\x88"};

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct room_file_member member = {7, text(names[i]), 8, 9};
        struct room_file_member read;
        struct strbuf line = STRBUF_EMPTY;
        struct json_doc *doc;

        room_file_write_member(&line, &member);
        doc = parse(&line);
        assert_null(room_file_read_member(doc, &read));
        assert_span(read.username, member.username);
        json_doc_destroy(&doc);
    }
}

static void test_events(void **unused)
{
    static const char *const bodies[] = {"hello", "", "\x01\t\n\"\\/\x7f", "\xe2\x80\xa8 \xc3\xbc",
                                         NULL};
    static const char *const actors[] = {"ada", NULL};

    (void)unused;
    for (int kind = EVENT_MESSAGE; kind < EVENT_ROOM_REMOVED; kind++)
        for (size_t i = 0; i < ARRAY_LEN(bodies) * ARRAY_LEN(actors); i++) {
            const char *body = bodies[i % ARRAY_LEN(bodies)];
            const char *actor = actors[i / ARRAY_LEN(bodies)];
            struct room_file_event event = {.seq = i + 1,
                                            .kind = (enum event_kind)kind,
                                            .actor_id = i,
                                            .created_at_us = 1700000000000000 + i};
            struct room_file_event read;
            struct strbuf line = STRBUF_EMPTY;
            struct json_doc *doc;

            memset(event.key, (int)(i + 200), sizeof(event.key));
            event.body = body != NULL ? text(body) : (struct span){NULL, 0};
            event.actor = actor != NULL ? text(actor) : (struct span){NULL, 0};
            room_file_write_event(&line, &event);
            doc = parse(&line);
            if (kind == EVENT_MESSAGE && body == NULL) {
                assert_non_null(room_file_read_event(doc, &read));
            } else {
                assert_null(room_file_read_event(doc, &read));
                assert_int_equal(read.seq, event.seq);
                assert_int_equal(read.kind, event.kind);
                assert_int_equal(read.actor_id, event.actor_id);
                assert_int_equal(read.created_at_us, event.created_at_us);
                assert_memory_equal(read.key, event.key, sizeof(read.key));
                assert_span(read.body, event.body);
                assert_span(read.actor, event.actor);
            }
            json_doc_destroy(&doc);
        }
}

static void test_what_does_not_fit(void **unused)
{
    static const char *const events[] = {
        "{}",
        "{\"seq\":-1,\"kind\":\"message\",\"actor_id\":1,\"actor\":\"a\",\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":\"b\"}",
        "{\"seq\":1,\"kind\":\"room_removed\",\"actor_id\":1,\"actor\":\"a\",\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":\"b\"}",
        "{\"seq\":1,\"kind\":\"\",\"actor_id\":1,\"actor\":\"a\",\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":\"b\"}",
        "{\"seq\":1,\"kind\":\"message\",\"actor_id\":1,\"actor\":\"a\",\"created_at_us\":1,"
        "\"key\":\"0000000000000000000000000000000\",\"body\":\"b\"}",
        "{\"seq\":1,\"kind\":\"message\",\"actor_id\":1,\"actor\":\"a\",\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":7}",
        "{\"seq\":1,\"kind\":\"message\",\"actor_id\":1,\"actor\":\"\",\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":\"b\"}",
        "{\"seq\":1,\"kind\":\"message\",\"actor_id\":1,\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":\"b\"}",
        "{\"seq\":1,\"kind\":\"message\",\"actor_id\":1.5,\"actor\":\"a\",\"created_at_us\":1,"
        "\"key\":\"00000000000000000000000000000000\",\"body\":\"b\"}",
    };
    struct room_file_event event;

    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct json_doc *doc = parse_text(events[i]);

        assert_non_null(room_file_read_event(doc, &event));
        json_doc_destroy(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_old_name),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
